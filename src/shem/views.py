"""What Shem shows of itself: the data that REST answers with, the client returns and the command line prints.

It stands below all rooms that use it, so that the client outside and the server inside share one definition.
"""

from __future__ import annotations

from typing import Any

import msgspec


class ParameterView(msgspec.Struct, frozen=True):
    """A parameter. ``type`` is for people to read; ``default`` only counts where ``required`` is false."""

    name: str
    type: str
    required: bool = True
    default: Any = None


class MethodView(msgspec.Struct, frozen=True):
    """A method of an agent type; ``result`` is the type as text, None where nothing comes back."""

    name: str
    description: str
    parameters: list[ParameterView]
    result: str | None


class AgentTypeView(msgspec.Struct, frozen=True):
    """An agent type as its newest version defines it."""

    name: str
    description: str
    mode: str
    component: str
    version: int
    constructor: list[ParameterView]
    methods: list[MethodView]


class VersionView(msgspec.Struct, frozen=True):
    """One version. ``unchanged`` where a deployment equalled the newest version and made no new one."""

    component: str
    component_id: str
    version: int
    created_at: str
    wasm: str
    files: str | None
    agent_types: list[AgentTypeView]
    unchanged: bool = False


class ComponentView(msgspec.Struct, frozen=True):
    """A component and the numbers of its versions, the oldest first."""

    id: str
    name: str
    created_at: str
    latest: VersionView | None
    versions: list[int]


class Invoked(msgspec.Struct, frozen=True):
    """The answer to an invocation; for ``trigger`` there is no result and no index yet."""

    result: Any
    agent_id: str
    idempotency_key: str
    oplog_index: int | None
    version: int


class AgentView(msgspec.Struct, frozen=True):
    """One agent. ``created_at`` is RFC 3339; ``oplog_size`` counts entries, ``pending`` invocations."""

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
    """One oplog entry for people: ``kind`` as in Golem's contract (``host-call``), ``at`` RFC 3339."""

    index: int
    kind: str
    at: str
    detail: dict[str, Any]


class OplogPage(msgspec.Struct, frozen=True):
    """``next`` is the index to go on from; None where the oplog ends."""

    entries: list[OplogItem]
    next: int | None


# msgspec 0.22 prepares a struct type when it is first used, and crashes when two threads do that at once:
# so it is done here, when the module is imported.
for _view in (AgentPage, ComponentView, Invoked, OplogPage):
    msgspec.json.Decoder(_view)  # and with each those that it holds
