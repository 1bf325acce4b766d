"""The durability seam of one running agent: host functions on one side, its journal on the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from shem.clock import Clock
from shem.oplog import payload
from shem.oplog.entries import (
    AgentInvocationFinished,
    AgentInvocationStarted,
    FunctionKind,
    HostCall,
    Log,
    LogLevel,
)
from shem.oplog.journal import Journal
from shem.oplog.payload import Payload
from shem.storage.protocol import BlobStore

T = TypeVar("T")

UNWRITTEN_MAX = 1_000
"""Entries that may wait for a commit. An invocation that records more (a loop that reads the clock) is written in
pieces, so that its memory stays bounded; none of those commits is needed for correctness."""


class Recorder:
    """Records what the guest observes (live) or feeds it back (replay); implements ``Durability``.

    Args:
        journal: this agent's.
        clock: what entries are stamped with.
        blobs: where payloads above the inline bound go.
        flush: called when ``UNWRITTEN_MAX`` entries wait; makes them durable before it returns.
    """

    def __init__(self, journal: Journal, clock: Clock, blobs: BlobStore, flush: Callable[[], None]) -> None:
        self.journal = journal
        self._clock, self._blobs, self._flush = clock, blobs, flush
        self._now_ns = 0

    @property
    def is_live(self) -> bool:
        return self.journal.is_live

    def now_ns(self) -> int:
        return self._now_ns

    def stamp(self) -> int:
        """The time for a new entry (ns since the epoch); it becomes the agent's own time."""
        self._now_ns = self._clock.wall_ns()
        return self._now_ns

    def local(self, function: str, request: object, perform: Callable[[], T]) -> T:
        asked = self.store(request)
        recorded = self.journal.feed_call(function, asked)
        if recorded is not None:
            self._now_ns = recorded.at_ns
            answer: T = self.load(recorded.response)
            return answer
        answer = perform()
        self.journal.append(
            HostCall(
                at_ns=self.stamp(),
                function=function,
                request=asked,
                response=self.store(answer),
                function_kind=FunctionKind.READ_LOCAL,
            )
        )
        if self.journal.unwritten >= UNWRITTEN_MAX:
            self._flush()
        return answer

    def log(self, level: str, context: str, message: str) -> None:
        if not self.journal.feed_log():
            self.journal.append(Log(self._clock.wall_ns(), LogLevel[level.upper()], context, message))
            if self.journal.unwritten >= UNWRITTEN_MAX:
                self._flush()

    def started(self, entry: AgentInvocationStarted) -> None:
        """An invocation begins (recorded or new): its time becomes the agent's own."""
        self._now_ns = entry.at_ns

    def finished(self, result: object, *, started: int, version: int) -> int | None:
        """An invocation ended with ``result``: compare with the recorded end (None), or record it (its index)."""
        encoded = self.store(result)
        if self.journal.feed_finished(encoded) is not None:
            return None
        return self.journal.append(
            AgentInvocationFinished(at_ns=self.stamp(), result=encoded, version=version, started=started)
        )

    def store(self, value: object) -> Payload:
        """A value as an entry holds it; a large one goes to the blob store first."""
        return payload.store(payload.encode(value), self._blobs)

    def load(self, stored: Payload) -> Any:
        """The value of a payload."""
        return payload.decode(payload.load(stored, self._blobs))
