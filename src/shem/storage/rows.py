"""Operations as rows of the view ``op`` of ``sql/writes.sql``, and rows read back as data.

Every entry and payload carries a CRC-32, so that a flipped byte is found where it is, and named, rather than
wherever a decoder stumbles over it, if it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TypeAlias
from zlib import crc32

import msgspec

from shem.errors import StorageCorrupt
from shem.storage.protocol import (
    AgentRow,
    AppendOplog,
    ComponentRow,
    DeleteAgent,
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

Value: TypeAlias = int | str | bytes | None

COLUMNS = 7
"""kind, agent, number, key, data, checksum, fields."""

DATA_COLUMN = 4

ROWS_PER_STATEMENT_MAX = 4096
"""A power of two; SQLite takes 32,766 values in one statement."""

_PADDING: tuple[Value, ...] = (0,) + (None,) * (COLUMNS - 1)

_fields = msgspec.json.Encoder()


class ReserveAgents(msgspec.Struct, frozen=True):
    """Hand out the next ``count`` agent keys. Not an operation of the protocol."""

    count: int


def encode(ops: Sequence[Op | ReserveAgents]) -> list[Value]:
    """The rows of ``ops``, one after another, ``COLUMNS`` values each.

    Raises:
        TypeError: something in ``ops`` is no operation.
    """
    values: list[Value] = []
    for op in ops:
        encoder = _ENCODERS.get(type(op))
        if encoder is None:
            raise TypeError(f"not an operation of the storage: {op!r}")
        encoder(op, values)
    return values


@cache
def statement(rows: int) -> str:
    """The statement that applies ``rows`` rows."""
    row = f"({', '.join('?' * COLUMNS)})"
    return f"INSERT INTO op VALUES {', '.join([row] * rows)}"


def statements(values: list[Value]) -> list[tuple[str, list[Value]]]:
    """As few statements as apply ``values``, padded to powers of two so that few texts are ever prepared."""
    step = ROWS_PER_STATEMENT_MAX * COLUMNS
    return [_padded(values[at : at + step]) for at in range(0, len(values), step)]


def _padded(values: list[Value]) -> tuple[str, list[Value]]:
    rows = len(values) // COLUMNS
    size = 1 << (rows - 1).bit_length()
    return statement(size), values + list(_PADDING) * (size - rows)


def _append_oplog(op: AppendOplog, values: list[Value]) -> None:
    index = op.start
    for entry in op.entries:
        values += (1, op.agent, index, None, entry, crc32(entry), None)
        index += 1


def _put_result(op: PutResult, values: list[Value]) -> None:
    values += (2, op.agent, op.index, op.key, None, None, None)


def _take_inbox(op: TakeInbox, values: list[Value]) -> None:
    values += (3, op.agent, None, op.key, None, None, None)


def _put_inbox(op: PutInbox, values: list[Value]) -> None:
    values += (4, op.agent, None, op.key, op.payload, crc32(op.payload), None)


def _set_status(op: SetStatus, values: list[Value]) -> None:
    values += (5, op.agent, None, op.status, None, None, None)


def _put_agent(op: PutAgent, values: list[Value]) -> None:
    row = op.row
    fields = {
        "component": row.component,
        "type": row.type,
        "mode": row.mode,
        "version": row.version,
        "status": row.status,
        "created_at_ns": row.created_at_ns,
    }
    values += (6, row.agent, row.environment, row.name, row.env, None, _json(fields))


def _delete_agent(op: DeleteAgent, values: list[Value]) -> None:
    values += (7, op.agent, None, None, None, None, None)


def _put_component(op: PutComponent, values: list[Value]) -> None:
    row = op.row
    fields = {"component": row.component, "created_at_ns": row.created_at_ns}
    values += (8, None, row.environment, row.name, None, None, _json(fields))


def _put_version(op: PutVersion, values: list[Value]) -> None:
    row = op.row
    fields = {
        "wasm": row.wasm,
        "files": row.files,
        "agent_types": row.agent_types.hex(),
        "created_at_ns": row.created_at_ns,
    }
    values += (9, None, row.version, row.component, row.manifest, None, _json(fields))


def _reserve_agents(op: ReserveAgents, values: list[Value]) -> None:
    values += (10, None, op.count, None, None, None, None)


def _json(fields: Mapping[str, object]) -> str:
    return _fields.encode(fields).decode()


_ENCODERS: dict[type, Callable[..., None]] = {
    AppendOplog: _append_oplog,
    PutResult: _put_result,
    TakeInbox: _take_inbox,
    PutInbox: _put_inbox,
    SetStatus: _set_status,
    PutAgent: _put_agent,
    DeleteAgent: _delete_agent,
    PutComponent: _put_component,
    PutVersion: _put_version,
    ReserveAgents: _reserve_agents,
}

AGENT_COLUMNS = "agent, environment, component, type, name, mode, version, status, created_at_ns, env"
COMPONENT_COLUMNS = "component, environment, name, created_at_ns"
VERSION_COLUMNS = "component, version, wasm, files, manifest, agent_types, created_at_ns"

OPLOG_PAGE = (
    "SELECT json_group_array(json_array(idx, checksum, hex(entry))) FROM"
    " (SELECT idx, checksum, entry FROM oplog WHERE agent = ? AND idx >= ? ORDER BY idx LIMIT ?)"
)
"""A page of an oplog as ONE row: a row each would be one competition for the interpreter lock each (see
writes.sql), which next to a busy thread makes 10,000 entries 1.2 s rather than 0.07 s. Alone it is 6 ms
rather than 3.
"""

INBOX = (
    "SELECT json_group_array(json_array(seq, key, checksum, hex(payload))) FROM"
    " (SELECT seq, key, checksum, payload FROM inbox WHERE agent = ? ORDER BY seq)"
)
"""In one row as well, for the same reason."""

_oplog_decoder = msgspec.json.Decoder(list[tuple[int, int, str]])
_inbox_decoder = msgspec.json.Decoder(list[tuple[int, str, int, str]])

# msgspec 0.22 prepares a struct type when it is first used, and crashes when two threads do that at once:
# so it is done here, when the module is imported.
for _row_type in (AgentRow, ComponentRow, VersionRow):
    msgspec.json.Decoder(_row_type)


def agent_row(row: tuple[object, ...]) -> AgentRow:
    return msgspec.convert(_named(AGENT_COLUMNS, row), AgentRow)


def component_row(row: tuple[object, ...]) -> ComponentRow:
    return msgspec.convert(_named(COMPONENT_COLUMNS, row), ComponentRow)


def version_row(row: tuple[object, ...]) -> VersionRow:
    return msgspec.convert(_named(VERSION_COLUMNS, row), VersionRow)


def _named(columns: str, row: tuple[object, ...]) -> dict[str, object]:
    return dict(zip(_names(columns), row, strict=True))


@cache
def _names(columns: str) -> tuple[str, ...]:
    return tuple(columns.split(", "))


def oplog_entries(agent: int, start: int, page: str) -> list[tuple[int, bytes]]:
    """The entries of one ``OPLOG_PAGE``, checked: none is missing, none is changed.

    Raises:
        StorageCorrupt: with ``agent`` and ``index``.
    """
    entries = []
    expected = start
    for index, checksum, text in _oplog_decoder.decode(page):
        if index != expected:
            raise _corrupt(agent, f"the oplog entry with index {expected} is missing", index=expected)
        entry = bytes.fromhex(text)
        if crc32(entry) != checksum:
            raise _corrupt(agent, f"the oplog entry with index {index} is damaged", index=index)
        entries.append((index, entry))
        expected += 1
    return entries


def inbox_rows(agent: int, page: str) -> list[InboxRow]:
    """The rows of ``INBOX``, checked.

    Raises:
        StorageCorrupt: with ``agent`` and ``key``.
    """
    return list(_checked_inbox(agent, _inbox_decoder.decode(page)))


def _checked_inbox(agent: int, rows: Iterable[tuple[int, str, int, str]]) -> Iterable[InboxRow]:
    for seq, key, checksum, text in rows:
        payload = bytes.fromhex(text)
        if crc32(payload) != checksum:
            raise _corrupt(agent, f"the queued invocation with key {key!r} is damaged", key=key)
        yield InboxRow(agent=agent, seq=seq, key=key, payload=payload)


def _corrupt(agent: int, what: str, **details: object) -> StorageCorrupt:
    return StorageCorrupt(
        f"{what} (agent {agent})",
        hint="Restore the data directory from a backup; other agents are not affected.",
        agent=agent,
        **details,
    )
