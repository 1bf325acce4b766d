"""The storage's twin in memory, for tests of the rooms above: same rules, same order, nothing on disk.

It has a thread of its own as well, so that ``done`` comes from elsewhere, later, and a test does not pass by
the luck of a callback that ran inside ``submit``.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import assert_never

import msgspec

from shem.errors import NotFound, Stopping
from shem.storage.protocol import (
    AgentRow,
    AppendOplog,
    ComponentRow,
    DeleteAgent,
    Done,
    Fenced,
    InboxRow,
    Op,
    PutAgent,
    PutComponent,
    PutInbox,
    PutResult,
    PutVersion,
    SetStatus,
    TakeInbox,
    VersionRow,
)
from shem.storage.rows import encode
from shem.storage.waiting import wait

_log = logging.getLogger(__name__)

ENVIRONMENTS = {("default", "default"): 1}


@dataclass
class _Agent:
    row: AgentRow
    oplog: list[bytes] = field(default_factory=list)
    inbox: dict[str, InboxRow] = field(default_factory=dict)
    results: dict[str, int] = field(default_factory=dict)


_Undo = Callable[[], object]


class MemoryStorage:
    """``Storage`` that forgets everything when it goes. Close it, or its thread stays."""

    def __init__(self) -> None:
        self._state = threading.RLock()
        self._keys = itertools.count(1)
        self._seqs = itertools.count(1)
        self._handed_out = 0
        self._agents: dict[int, _Agent] = {}
        self._names: dict[tuple[int, str], int] = {}
        self._components: dict[str, ComponentRow] = {}
        self._versions: dict[str, list[VersionRow]] = {}
        self._queue: SimpleQueue[tuple[Sequence[Op], Done] | None] = SimpleQueue()
        self._order = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="shem-storage-memory", daemon=True)
        self._thread.start()

    def submit(self, ops: Sequence[Op], done: Done) -> None:
        encode(ops)  # the same TypeError as the other back end
        ops = [
            AppendOplog(agent=op.agent, start=op.start, entries=tuple(op.entries))
            if isinstance(op, AppendOplog)
            else op
            for op in ops
        ]
        with self._order:
            if not self._closed:
                self._queue.put((ops, done))
                return
        done(Stopping("the storage is closed"))

    def commit(self, ops: Sequence[Op]) -> None:
        wait(partial(self.submit, ops))

    def close(self) -> None:
        with self._order:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def next_agent(self) -> int:
        with self._read():
            self._handed_out = next(self._keys)
            return self._handed_out

    def environment(self, app: str, name: str) -> int | None:
        with self._read():
            return ENVIRONMENTS.get((app, name))

    def agent(self, agent: int) -> AgentRow | None:
        with self._read():
            found = self._agents.get(agent)
            return found.row if found else None

    def agent_named(self, environment: int, name: str) -> AgentRow | None:
        with self._read():
            agent = self._names.get((environment, name))
            return self._agents[agent].row if agent is not None else None

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
        with self._read():
            rows = (self._agents[agent].row for agent in sorted(self._agents) if agent > after)
            fitting = (
                row
                for row in rows
                if row.environment == environment
                and (type is None or row.type == type)
                and (status is None or row.status == status)
                and (version is None or row.version == version)
            )
            return list(itertools.islice(fitting, limit))

    def unfinished(self) -> list[int]:
        with self._read():
            return sorted(
                agent for agent, each in self._agents.items() if each.inbox or each.row.status == "running"
            )

    def oplog(self, agent: int, start: int = 1, count: int | None = None) -> list[tuple[int, bytes]]:
        start = max(start, 1)
        with self._read():
            found = self._agents.get(agent)
            entries = found.oplog if found else []
            end = None if count is None else start - 1 + count
            return list(enumerate(entries[start - 1 : end], start))

    def oplog_end(self, agent: int) -> int:
        with self._read():
            found = self._agents.get(agent)
            return len(found.oplog) if found else 0

    def inbox(self, agent: int) -> list[InboxRow]:
        with self._read():
            found = self._agents.get(agent)
            return list(found.inbox.values()) if found else []

    def result(self, agent: int, key: str) -> int | None:
        with self._read():
            found = self._agents.get(agent)
            return found.results.get(key) if found else None

    def component(self, environment: int, name: str) -> ComponentRow | None:
        with self._read():
            return self._component_named(environment, name)

    def components(self, environment: int) -> list[ComponentRow]:
        with self._read():
            found = [row for row in self._components.values() if row.environment == environment]
            return sorted(found, key=lambda row: row.name)

    def versions(self, component: str) -> list[VersionRow]:
        with self._read():
            return list(self._versions.get(component, ()))

    def _read(self) -> threading.RLock:
        if self._closed:
            raise Stopping("the storage is closed")
        return self._state

    def _run(self) -> None:
        while submission := self._queue.get():
            ops, done = submission
            error = self._apply(ops)
            try:
                done(error)
            except Exception:  # noqa: BLE001 - a callback's fault must not end the thread
                _log.exception("a callback of the storage raised")

    def _apply(self, ops: Sequence[Op]) -> BaseException | None:
        undo: list[_Undo] = []
        with self._state:
            try:
                for op in ops:
                    self._apply_one(op, undo)
            except Fenced as error:
                for step in reversed(undo):
                    step()
                return error
        return None

    def _apply_one(self, op: Op, undo: list[_Undo]) -> None:
        match op:
            case AppendOplog():
                self._append(op, undo)
            case PutInbox():
                self._put_inbox(op, undo)
            case TakeInbox():
                self._take_inbox(op, undo)
            case PutResult():
                results = self._living(op.agent).results
                _fence(op.key not in results, f"agent {op.agent} has a result for key {op.key}")
                results[op.key] = op.index
                undo.append(partial(results.pop, op.key))
            case SetStatus():
                self._set_status(op, undo)
            case PutAgent():
                self._put_agent(op.row, undo)
            case DeleteAgent():
                agent = self._living(op.agent)
                name = (agent.row.environment, agent.row.name)
                del self._agents[op.agent], self._names[name]
                undo.append(partial(self._names.__setitem__, name, op.agent))
                undo.append(partial(self._agents.__setitem__, op.agent, agent))
            case PutComponent():
                self._put_component(op.row, undo)
            case PutVersion():
                self._put_version(op.row, undo)
            case _:
                assert_never(op)

    def _living(self, agent: int) -> _Agent:
        found = self._agents.get(agent)
        if found is None:
            raise Fenced(f"agent {agent} is gone")
        return found

    def _append(self, op: AppendOplog, undo: list[_Undo]) -> None:
        if not op.entries:
            return
        oplog = self._living(op.agent).oplog
        end = len(oplog)
        _fence(
            op.start == end + 1, f"oplog of agent {op.agent} ends at {end}, index {op.start} does not follow"
        )
        oplog += op.entries
        undo.append(lambda: oplog.__delitem__(slice(end, None)))

    def _put_inbox(self, op: PutInbox, undo: list[_Undo]) -> None:
        agent = self._living(op.agent)
        _fence(op.key not in agent.results, f"agent {op.agent} has a result for key {op.key}")
        _fence(op.key not in agent.inbox, f"agent {op.agent} has key {op.key} queued")
        agent.inbox[op.key] = InboxRow(agent=op.agent, seq=next(self._seqs), key=op.key, payload=op.payload)
        undo.append(partial(agent.inbox.pop, op.key))

    def _take_inbox(self, op: TakeInbox, undo: list[_Undo]) -> None:
        agent = self._agents.get(op.agent)
        if agent is not None and op.key in agent.inbox:
            before = dict(agent.inbox)
            del agent.inbox[op.key]
            undo.append(partial(setattr, agent, "inbox", before))

    def _set_status(self, op: SetStatus, undo: list[_Undo]) -> None:
        agent = self._living(op.agent)
        before = agent.row
        agent.row = msgspec.structs.replace(before, status=op.status)
        undo.append(partial(setattr, agent, "row", before))

    def _put_agent(self, row: AgentRow, undo: list[_Undo]) -> None:
        name = (row.environment, row.name)
        _fence(0 < row.agent <= self._handed_out, f"agent key {row.agent} was never handed out")
        _fence(row.environment in ENVIRONMENTS.values(), f"environment {row.environment} is gone")
        _fence(row.agent not in self._agents and name not in self._names, f"agent {row.name} exists")
        self._agents[row.agent], self._names[name] = _Agent(row), row.agent
        undo.append(partial(self._agents.pop, row.agent))
        undo.append(partial(self._names.pop, name))

    def _put_component(self, row: ComponentRow, undo: list[_Undo]) -> None:
        _fence(row.environment in ENVIRONMENTS.values(), f"environment {row.environment} is gone")
        taken = row.component in self._components or self._component_named(row.environment, row.name)
        _fence(not taken, f"component {row.name} exists")
        self._components[row.component] = row
        undo.append(partial(self._components.pop, row.component))

    def _component_named(self, environment: int, name: str) -> ComponentRow | None:
        named = (environment, name)
        return next((row for row in self._components.values() if (row.environment, row.name) == named), None)

    def _put_version(self, row: VersionRow, undo: list[_Undo]) -> None:
        _fence(row.component in self._components, f"component {row.component} is gone")
        versions = self._versions.setdefault(row.component, [])
        next_version = len(versions)
        _fence(row.version == next_version, f"the next version is {next_version}, not {row.version}")
        versions.append(row)
        undo.append(versions.pop)


class MemoryBlobStore:
    """``BlobStore`` in a dict."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        hash = hashlib.sha256(data).hexdigest()
        self._blobs[hash] = bytes(data)
        return hash

    def get(self, hash: str) -> bytes:
        try:
            return self._blobs[hash]
        except KeyError:
            raise NotFound(f"there is no blob {hash}") from None

    def has(self, hash: str) -> bool:
        return hash in self._blobs


def _fence(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Fenced(otherwise)
