"""Counters, one per name, that also remember what they once saw of the world outside."""

import random
import time
from dataclasses import dataclass
from uuid import UUID, uuid4

from shem_sdk import agent


@dataclass(frozen=True)
class Observation:
    """What is different each time one looks, yet reads the same after a crash: it is recorded."""

    id: UUID
    number: float
    seconds: float


@agent
class Counter:
    """Counts things, one counter per name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.observations: list[Observation] = []

    def increment(self, by: int = 1) -> int:
        """Add to the counter and return what it stands at."""
        self.count += by
        return self.count

    def value(self) -> int:
        """What the counter stands at."""
        return self.count

    def observe(self) -> list[Observation]:
        """Look at the world once more; return everything seen so far."""
        self.observations.append(Observation(uuid4(), random.random(), time.time()))
        return self.observations

    def observed(self) -> list[Observation]:
        """Everything seen so far."""
        return self.observations
