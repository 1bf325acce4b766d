"""The embedded back end: one SQLite file in a data directory that one server holds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import cast

import apsw

from shem.clock import Clock
from shem.errors import StorageUnavailable
from shem.storage.connection import open_writer
from shem.storage.lock import DirectoryLock
from shem.storage.protocol import AgentRow, ComponentRow, Done, InboxRow, Op, VersionRow
from shem.storage.rows import (
    AGENT_COLUMNS,
    COMPONENT_COLUMNS,
    INBOX,
    OPLOG_PAGE,
    VERSION_COLUMNS,
    ReserveAgents,
    agent_row,
    component_row,
    inbox_rows,
    oplog_entries,
    version_row,
)
from shem.storage.sqlite_readers import SqliteReaders
from shem.storage.sqlite_writer import SqliteWriter
from shem.storage.waiting import wait

DATABASE_FILE = "shem.db"

AGENTS_RESERVED = 1024
"""Agent keys handed out per commit; a restart skips what is left of them, out of 2**63."""

ENTRIES_PER_READ = 512
"""Oplog entries per query; with entries of 64 KiB that is 64 MiB for a moment."""


class SqliteStorage:
    """``Storage`` in ``directory``, which is created when missing and locked until ``close``.

    Args:
        connect: opens the writer's connection; where tests put faults in.

    Raises:
        DataDirectoryInUse: another server holds the directory.
        StorageCorrupt: the database is damaged.
        StorageUnavailable: it cannot be opened.
        PlatformError: it was written by a newer Shem or by another program, or SQLite is too old.
    """

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock | None = None,
        connect: Callable[[Path], apsw.Connection] = open_writer,
    ) -> None:
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageUnavailable(f"cannot create {directory}: {error.strerror}") from error
        self._lock = DirectoryLock(directory, clock)
        try:
            path = directory / DATABASE_FILE
            self._writer = SqliteWriter(path, connect)
            self._readers = SqliteReaders(path)
        except BaseException:
            self._lock.release()
            raise
        self._reserving = threading.Lock()
        self._reserved = range(0)

    def submit(self, ops: Sequence[Op], done: Done) -> None:
        self._writer.submit(ops, done)

    def commit(self, ops: Sequence[Op]) -> None:
        wait(partial(self._writer.submit, ops))

    def close(self) -> None:
        self._writer.drain()
        self._readers.close()
        self._writer.close()
        self._lock.release()

    def next_agent(self) -> int:
        with self._reserving:
            if not self._reserved:
                wait(partial(self._writer.submit, [ReserveAgents(AGENTS_RESERVED)]))
                # Read, not computed: a reservation that was reported as failed may have happened.
                ((last,),) = self._readers.rows("SELECT value FROM counter WHERE name = 'agent'")
                last = cast(int, last)
                self._reserved = range(last - AGENTS_RESERVED + 1, last + 1)
            key = self._reserved[0]
            self._reserved = self._reserved[1:]
            return key

    def environment(self, app: str, name: str) -> int | None:
        return self._integer("SELECT environment FROM environment WHERE app = ? AND name = ?", app, name)

    def agent(self, agent: int) -> AgentRow | None:
        rows = self._readers.rows(f"SELECT {AGENT_COLUMNS} FROM agent WHERE agent = ?", agent, agent=agent)
        return agent_row(rows[0]) if rows else None

    def agent_named(self, environment: int, name: str) -> AgentRow | None:
        query = f"SELECT {AGENT_COLUMNS} FROM agent WHERE environment = ? AND name = ?"
        rows = self._readers.rows(query, environment, name)
        return agent_row(rows[0]) if rows else None

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
        query = f"SELECT {AGENT_COLUMNS} FROM agent WHERE environment = ? AND agent > ?"
        bindings: list[int | str] = [environment, after]
        if type is not None:
            query += " AND type = ?"
            bindings.append(type)
        if status is not None:
            # Said twice because an index on a condition serves only queries that contain the condition.
            query += " AND status = ?" if status == "idle" else " AND status = ? AND status <> 'idle'"
            bindings.append(status)
        if version is not None:
            query += " AND version = ?"
            bindings.append(version)
        rows = self._readers.rows(f"{query} ORDER BY agent LIMIT ?", *bindings, limit)
        return [agent_row(row) for row in rows]

    def unfinished(self) -> list[int]:
        query = (
            "SELECT agent FROM inbox UNION"
            " SELECT agent FROM agent WHERE status = 'running' AND status <> 'idle' ORDER BY agent"
        )
        return [cast(int, agent) for (agent,) in self._readers.rows(query)]

    def oplog(self, agent: int, start: int = 1, count: int | None = None) -> list[tuple[int, bytes]]:
        entries: list[tuple[int, bytes]] = []
        start = max(start, 1)
        while count is None or len(entries) < count:
            wanted = ENTRIES_PER_READ if count is None else min(ENTRIES_PER_READ, count - len(entries))
            ((page,),) = self._readers.rows(OPLOG_PAGE, agent, start, wanted, agent=agent, index=start)
            found = oplog_entries(agent, start, cast(str, page))
            entries += found
            start += len(found)
            if len(found) < wanted:
                break
        return entries

    def oplog_end(self, agent: int) -> int:
        return self._integer("SELECT max(idx) FROM oplog WHERE agent = ?", agent) or 0

    def inbox(self, agent: int) -> list[InboxRow]:
        ((page,),) = self._readers.rows(INBOX, agent, agent=agent)
        return inbox_rows(agent, cast(str, page))

    def result(self, agent: int, key: str) -> int | None:
        return self._integer("SELECT idx FROM result WHERE agent = ? AND key = ?", agent, key)

    def component(self, environment: int, name: str) -> ComponentRow | None:
        query = f"SELECT {COMPONENT_COLUMNS} FROM component WHERE environment = ? AND name = ?"
        rows = self._readers.rows(query, environment, name)
        return component_row(rows[0]) if rows else None

    def components(self, environment: int) -> list[ComponentRow]:
        query = f"SELECT {COMPONENT_COLUMNS} FROM component WHERE environment = ? ORDER BY name"
        return [component_row(row) for row in self._readers.rows(query, environment)]

    def versions(self, component: str) -> list[VersionRow]:
        query = f"SELECT {VERSION_COLUMNS} FROM version WHERE component = ? ORDER BY version"
        return [version_row(row) for row in self._readers.rows(query, component)]

    def _integer(self, query: str, *bindings: int | str) -> int | None:
        rows = self._readers.rows(query, *bindings)
        return cast("int | None", rows[0][0]) if rows else None
