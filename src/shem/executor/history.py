"""Reading agents' oplogs: for replay, for answers that were given before, and for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from shem.clock import rfc3339
from shem.errors import Conflict, InvocationFailed, StorageCorrupt
from shem.executor.active import ActiveAgent
from shem.golem.guest import DataValue, Result
from shem.oplog import codec, describe, payload
from shem.oplog.entries import AgentInvocationFinished, AgentInvocationStarted, Entry, Error
from shem.registry.registry import Registry
from shem.storage.protocol import AgentRow, BlobStore, InboxRow, Storage
from shem.views import AgentView, OplogItem, OplogPage

PAGE_MAX = 1_000
"""Entries of one page for people."""

LAST_ERROR_WITHIN = 100
"""A failed agent's error is the last entry, or stands before a few hints."""


@dataclass(frozen=True, slots=True)
class History:
    """All methods may be called from any thread."""

    storage: Storage
    blobs: BlobStore
    registry: Registry

    def entries(self, agent: int, start: int = 1, count: int | None = None) -> Iterator[tuple[int, Entry]]:
        """An oplog from index ``start``, read as it is consumed.

        Raises:
            StorageCorrupt: an entry is damaged or missing; names the index.
        """
        expected = start
        for index, data in self.storage.oplog(agent, start, count):
            if index != expected:
                raise StorageCorrupt(f"the oplog has no entry at index {expected}", index=expected)
            expected += 1
            yield index, codec.decode(data, index)

    def ended(self, row: AgentRow, key: str, method: str, arguments: DataValue, index: int) -> Result:
        """What the invocation with that key gave, which ended at ``index``.

        Raises:
            Conflict: it was another method, or had other arguments.
        """
        finished = self._at(row.agent, index)
        if not isinstance(finished, AgentInvocationFinished):
            raise StorageCorrupt(f"oplog index {index} should be the end of an invocation", index=index)
        started = self._at(row.agent, finished.started)
        if not isinstance(started, AgentInvocationStarted):
            raise StorageCorrupt(
                f"oplog index {finished.started} should begin an invocation", index=finished.started
            )
        asked = payload.encode(arguments)
        if started.method != method or payload.load(started.input, self.blobs) != asked:
            raise used_for_something_else(key, started.method)
        tag, value = payload.decode(payload.load(finished.result, self.blobs))
        return tag, value

    def failure(self, row: AgentRow) -> InvocationFailed:
        """Why an agent has failed."""
        error = self._last_error(row.agent)
        message, stderr = (
            (error.message, error.stderr) if error is not None else ("for an unknown reason", "")
        )
        return InvocationFailed(
            f"{row.name} has failed: {message}",
            hint="Its history is kept. Look at its oplog, or delete it.",
            stderr=stderr,
        )

    def page(self, row: AgentRow, start: int, count: int) -> OplogPage:
        """A part of an oplog for people; ``start`` and ``count`` are brought into their bounds."""
        start, count = max(start, 1), min(max(count, 1), PAGE_MAX)
        items = []
        for index, entry in self.entries(row.agent, start, count):
            items.append(OplogItem(index, entry.kind, rfc3339(entry.at_ns), describe.detail(entry)))
        following = start + len(items)
        return OplogPage(items, following if following <= self.storage.oplog_end(row.agent) else None)

    def view(self, row: AgentRow, active: ActiveAgent | None) -> AgentView:
        """An agent for people."""
        waiting = {queued.key for queued in self.storage.inbox(row.agent)}
        status = row.status
        if active is not None:
            waiting |= {work.key for work in active.mailbox}
            if active.mailbox.current is not None:
                waiting.discard(active.mailbox.current.key)
            if active.busy:
                status = "running"
        error = self._last_error(row.agent) if status == "failed" else None
        return AgentView(
            id=row.name,
            type=row.type,
            mode=row.mode,
            component=self.registry.component_name(row.component),
            component_id=row.component,
            version=row.version,
            status=status,
            created_at=rfc3339(row.created_at_ns),
            env=msgspec.json.decode(row.env, type=dict[str, str]),
            oplog_size=self.storage.oplog_end(row.agent),
            pending=len(waiting),
            resident=active is not None and active.execution is not None,
            last_error=error.message if error is not None else None,
        )

    def _at(self, agent: int, index: int) -> Entry:
        for _, entry in self.entries(agent, index, 1):
            return entry
        raise StorageCorrupt(f"the oplog has no entry at index {index}", index=index)

    def _last_error(self, agent: int) -> Error | None:
        end = self.storage.oplog_end(agent)
        recent = list(self.entries(agent, max(1, end - LAST_ERROR_WITHIN), None))
        return next((entry for _, entry in reversed(recent) if isinstance(entry, Error)), None)


def to_queue(method: str, arguments: DataValue) -> bytes:
    """What the inbox holds of an invocation."""
    return payload.encode((method, arguments))


def from_queue(row: InboxRow) -> tuple[str, DataValue]:
    """The same, read back. Raises ``StorageCorrupt``."""
    method, (kind, value) = payload.decode(row.payload)
    return method, (kind, value)


def used_for_something_else(key: str, method: str) -> Conflict:
    """The answer to a key that comes back with another request."""
    return Conflict(
        f"the idempotency key {key} was used for another invocation, of {method or 'the constructor'}",
        hint="A key belongs to one request: repeat that request unchanged, or choose a new key.",
    )
