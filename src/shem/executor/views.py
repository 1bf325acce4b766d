"""What the executor tells of agents, as data that every interface (REST, CLI, console) prints."""

from __future__ import annotations

from typing import Any

import msgspec


class Invoked(msgspec.Struct, frozen=True):
    """The answer to an invocation; for ``trigger`` there is no result and no index yet."""

    result: Any
    agent_id: str
    idempotency_key: str
    oplog_index: int | None
    version: int


class AgentView(msgspec.Struct, frozen=True):
    """One agent. ``created_at`` is RFC 3339 in UTC, ``oplog_size`` counts entries, ``pending`` queued invocations."""

    id: str
    type: str
    mode: str
    component: str
    component_id: str
    version: int
    status: str
    created_at: str
    env: dict[str, str]
    oplog_size: int
    pending: int
    resident: bool
    last_error: str | None = None


class AgentPage(msgspec.Struct, frozen=True):
    """``cursor`` leads to the next page; None on the last one."""

    agents: list[AgentView]
    cursor: str | None


class OplogItem(msgspec.Struct, frozen=True):
    """One oplog entry for people: ``kind`` as in Golem's contract (``host-call``), ``at`` RFC 3339, ``detail`` JSON."""

    index: int
    kind: str
    at: str
    detail: dict[str, Any]


class OplogPage(msgspec.Struct, frozen=True):
    """``next`` is the index to go on from; None where the oplog ends."""

    entries: list[OplogItem]
    next: int | None
