"""A storage that fails on demand, for tests: at the n-th call, in one of the ways in which storages fail.

Calls are counted from 1, writes (``submit``, ``commit``, ``put``) and reads apart; the same program makes
the same calls, so a test first runs without faults, reads ``plan.writes`` and ``plan.reads``, and then
repeats itself with a fault at each of them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import TypeVar

import msgspec

from shem.errors import ShemError, StorageUnavailable
from shem.storage.protocol import (
    AgentRow,
    BlobStore,
    ComponentRow,
    Done,
    InboxRow,
    Op,
    Storage,
    VersionRow,
)
from shem.storage.waiting import wait

T = TypeVar("T")


class Kind(Enum):
    """How a call fails."""

    FAIL = "fail"
    """Nothing happens, and the caller hears of it."""

    LOSE = "lose"
    """It happens, and the caller hears that it did not."""

    HOLD = "hold"
    """It does not happen before ``FaultPlan.release``; later writes queue up behind it. Reads wait."""

    CRASH_BEFORE = "crash-before"
    """As if the process died before the call: neither it nor any later one happens; their callers get
    errors."""

    CRASH_AFTER = "crash-after"
    """As if the process died after the call: it happens, the caller does not hear of it, and no call happens
    after."""


class Fault(msgspec.Struct, frozen=True):
    """One fault; ``error`` is what the caller gets."""

    kind: Kind
    error: ShemError = msgspec.field(default_factory=lambda: StorageUnavailable("injected by a test"))


class FaultPlan:
    """Which calls fail, and a count of all that came. One plan may be shared by a storage and a blob store.

    Args:
        writes: fault by the number of the write, from 1.
        reads: fault by the number of the read, from 1.
        on_call: called with the name and the number of every call before anything else, on the caller's
            thread; a test that kills its own process does it here.
    """

    def __init__(
        self,
        writes: Mapping[int, Fault] | None = None,
        reads: Mapping[int, Fault] | None = None,
        on_call: Callable[[str, int], None] | None = None,
    ) -> None:
        self.writes = 0
        self.reads = 0
        self.crashed = threading.Event()
        self._write_faults = dict(writes or {})
        self._read_faults = dict(reads or {})
        self._on_call = on_call
        self._counting = threading.Lock()
        self._held: deque[Callable[[], None]] = deque()
        self._holding = False
        self._released = threading.Event()

    def release(self) -> None:
        """Let everything go on that ``Kind.HOLD`` holds, in order, and hold nothing more."""
        self._released.set()
        while True:
            with self._counting:
                if not self._held:
                    self._holding = False
                    return
                go = self._held.popleft()
            go()

    def write(self, name: str) -> Fault | None:
        with self._counting:
            self.writes += 1
            number = self.writes
        return self._fault(name, number, self._write_faults)

    def read(self, name: str) -> Fault | None:
        with self._counting:
            self.reads += 1
            number = self.reads
        return self._fault(name, number, self._read_faults)

    def in_order(self, go: Callable[[], None], fault: Fault | None) -> None:
        """Run ``go`` now, or after ``release`` when ``fault`` or an earlier write holds."""
        with self._counting:
            if fault is not None and fault.kind is Kind.HOLD and not self._released.is_set():
                self._holding = True
            if self._holding:
                self._held.append(go)
                return
        go()

    def wait_for_release(self) -> None:
        self._released.wait()

    def _fault(self, name: str, number: int, faults: Mapping[int, Fault]) -> Fault | None:
        if self._on_call is not None:
            self._on_call(name, number)
        if self.crashed.is_set():
            return Fault(Kind.CRASH_BEFORE)
        fault = faults.get(number)
        if fault is not None and fault.kind in (Kind.CRASH_BEFORE, Kind.CRASH_AFTER):
            self.crashed.set()
        return fault


class FaultyStorage:
    """``Storage`` that passes on to ``inner`` what ``plan`` lets through.

    Closing closes ``inner``, unless the plan has crashed: a dead process closes nothing, and a test goes on
    with ``inner`` to see what the next process would find.
    """

    def __init__(self, inner: Storage, plan: FaultPlan) -> None:
        self._inner = inner
        self._plan = plan

    def submit(self, ops: Sequence[Op], done: Done) -> None:
        fault = self._plan.write("submit")
        if fault is not None:
            if fault.kind in (Kind.FAIL, Kind.CRASH_BEFORE):
                self._plan.in_order(partial(self._inner.submit, (), lambda _: done(fault.error)), fault)
                return
            if fault.kind in (Kind.LOSE, Kind.CRASH_AFTER):
                self._plan.in_order(partial(self._inner.submit, ops, lambda _: done(fault.error)), fault)
                return
        self._plan.in_order(partial(self._inner.submit, ops, done), fault)

    def commit(self, ops: Sequence[Op]) -> None:
        wait(partial(self.submit, ops))

    def next_agent(self) -> int:
        return self._read("next_agent", self._inner.next_agent)

    def environment(self, app: str, name: str) -> int | None:
        return self._read("environment", partial(self._inner.environment, app, name))

    def agent(self, agent: int) -> AgentRow | None:
        return self._read("agent", partial(self._inner.agent, agent))

    def agent_named(self, environment: int, name: str) -> AgentRow | None:
        return self._read("agent_named", partial(self._inner.agent_named, environment, name))

    def agents(
        self,
        environment: int,
        *,
        type: str | None = None,
        status: str | None = None,
        version: int | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[AgentRow]:
        call = partial(
            self._inner.agents,
            environment,
            type=type,
            status=status,
            version=version,
            after=after,
            limit=limit,
        )
        return self._read("agents", call)

    def unfinished(self) -> list[int]:
        return self._read("unfinished", self._inner.unfinished)

    def oplog(self, agent: int, start: int = 1, count: int | None = None) -> list[tuple[int, bytes]]:
        return self._read("oplog", partial(self._inner.oplog, agent, start, count))

    def oplog_end(self, agent: int) -> int:
        return self._read("oplog_end", partial(self._inner.oplog_end, agent))

    def inbox(self, agent: int) -> list[InboxRow]:
        return self._read("inbox", partial(self._inner.inbox, agent))

    def result(self, agent: int, key: str) -> int | None:
        return self._read("result", partial(self._inner.result, agent, key))

    def component(self, environment: int, name: str) -> ComponentRow | None:
        return self._read("component", partial(self._inner.component, environment, name))

    def components(self, environment: int) -> list[ComponentRow]:
        return self._read("components", partial(self._inner.components, environment))

    def versions(self, component: str) -> list[VersionRow]:
        return self._read("versions", partial(self._inner.versions, component))

    def close(self) -> None:
        if not self._plan.crashed.is_set():
            self._inner.close()

    def _read(self, name: str, call: Callable[[], T]) -> T:
        return _guarded(self._plan, self._plan.read(name), call)


class FaultyBlobStore:
    """``BlobStore`` that passes on to ``inner`` what ``plan`` lets through; ``put`` is a write."""

    def __init__(self, inner: BlobStore, plan: FaultPlan) -> None:
        self._inner = inner
        self._plan = plan

    def put(self, data: bytes) -> str:
        return _guarded(self._plan, self._plan.write("put"), partial(self._inner.put, data))

    def get(self, hash: str) -> bytes:
        return _guarded(self._plan, self._plan.read("get"), partial(self._inner.get, hash))

    def has(self, hash: str) -> bool:
        return _guarded(self._plan, self._plan.read("has"), partial(self._inner.has, hash))


def _guarded(plan: FaultPlan, fault: Fault | None, call: Callable[[], T]) -> T:
    """A call that waits for its outcome, with a fault or without."""
    if fault is None:
        return call()
    match fault.kind:
        case Kind.FAIL | Kind.CRASH_BEFORE:
            raise fault.error
        case Kind.LOSE | Kind.CRASH_AFTER:
            call()
            raise fault.error
        case Kind.HOLD:
            plan.wait_for_release()
            return call()
