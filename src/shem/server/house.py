"""What a server process owns: one data directory, opened, with everything that runs over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shem.server.rooms import Executor, Registry


@dataclass(frozen=True, slots=True)
class House:
    """An opened data directory; ``close`` lets go of it when the executor has stopped."""

    executor: Executor
    registry: Registry
    close: Callable[[], None]
