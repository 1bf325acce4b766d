"""State that importing modules left behind, and that must not be the same in every agent.

All agents of a version begin as copies of one memory, taken after the modules were imported. Whatever had
drawn from a random source by then would be equal in all of them: the same "random" numbers, the same
temporary names. ``Freshness`` watches the import and gives each agent its own before any of its code runs.
"""

from __future__ import annotations

import os
import random
import tempfile
import uuid
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

_UUID_CACHES = ("_node", "_last_timestamp", "_last_timestamp_v6", "_last_timestamp_v7")

_SEED_BYTES = 32


class Freshness:
    """Knows the generators that were made without a seed while modules were imported."""

    def __init__(self) -> None:
        self._generators: weakref.WeakValueDictionary[int, random.Random] = weakref.WeakValueDictionary()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While the block runs, remember each ``random.Random`` that seeds itself.

        One that the user seeds is left alone: its numbers are meant to be known.
        """
        seed = random.Random.seed
        generators = self._generators

        def remember(self: random.Random, a: Any = None, version: int = 2) -> None:
            if a is None:
                generators[id(self)] = self
            else:
                generators.pop(id(self), None)
            seed(self, a, version)

        random.Random.seed = remember  # type: ignore[method-assign]  # for the time of the import only
        try:
            yield
        finally:
            random.Random.seed = seed  # type: ignore[method-assign]  # as above

    def renew(self) -> None:
        """Seed everything anew from the operating system, which in a guest is the recorded host.

        It is asked once: what it gives is kept in the history of every agent.
        """
        random.seed(os.urandom(_SEED_BYTES))
        for generator in list(self._generators.values()):
            generator.seed(random.randbytes(_SEED_BYTES))
        # Made again, and seeded, when next needed.
        tempfile._name_sequence = None  # type: ignore[attr-defined]  # typeshed leaves private names out
        for name in _UUID_CACHES:
            if hasattr(uuid, name):
                setattr(uuid, name, None)


def set_environment(variables: Iterable[tuple[str, str]]) -> None:
    """Make ``os.environ`` what the host says; that of the time when the memory was taken is of no use."""
    os.environ.clear()
    os.environ.update(variables)
