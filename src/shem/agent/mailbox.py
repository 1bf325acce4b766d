"""The queue of one agent: invocations wait here, first in, first out; one is taken at a time.

Pure: it knows neither threads nor storage nor time. Its owner calls it from one thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from shem.errors import Overloaded

QUEUE_MAX = 10_000
"""Invocations that may wait for one agent. Beyond it new ones are refused (429): a caller that waits behind
ten thousand others does better to slow down, and every waiting one costs memory."""


class Keyed(Protocol):
    """What a mailbox holds: anything with an idempotency key."""

    @property
    def key(self) -> str: ...


W = TypeVar("W", bound=Keyed)


class Mailbox(Generic[W]):
    """Invocations of one agent that have not finished.

    The same idempotency key is never in here twice: who offers it again is pointed at the one that is already here.
    """

    __slots__ = ("_by_key", "_queue", "current")

    def __init__(self) -> None:
        self._queue: deque[W] = deque()
        self._by_key: dict[str, W] = {}
        self.current: W | None = None  # taken, not finished

    def __len__(self) -> int:
        """How many wait; the one that runs is not counted."""
        return len(self._queue)

    def __iter__(self) -> Iterator[W]:
        """Those that wait, in order."""
        return iter(self._queue)

    def find(self, key: str) -> W | None:
        """The waiting or running invocation with that key."""
        return self._by_key.get(key)

    def offer(self, work: W) -> W:
        """Queue ``work``, or return the one that is here with the same key.

        Raises:
            Overloaded: ``QUEUE_MAX`` invocations wait already.
        """
        known = self._by_key.get(work.key)
        if known is not None:
            return known
        if len(self._queue) >= QUEUE_MAX:
            raise Overloaded(
                f"{QUEUE_MAX} invocations wait for this agent already",
                hint="Repeat the request later, with the same idempotency key.",
            )
        self._queue.append(work)
        self._by_key[work.key] = work
        return work

    def take(self) -> W | None:
        """The next invocation to run, or None while one runs or none waits."""
        if self.current is not None or not self._queue:
            return None
        self.current = self._queue.popleft()
        return self.current

    def finish(self) -> None:
        """The current invocation ended, in whatever way."""
        if self.current is not None:
            del self._by_key[self.current.key]
            self.current = None

    def drain(self) -> Iterator[W]:
        """Take out all that wait (not the current one)."""
        while self._queue:
            work = self._queue.popleft()
            del self._by_key[work.key]
            yield work
