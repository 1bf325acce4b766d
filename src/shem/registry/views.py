"""What the registry shows of itself, as data that every interface (REST, CLI, console) prints."""

from __future__ import annotations

from typing import Any

import msgspec


class Environment(msgspec.Struct, frozen=True):
    """Where names are unique: one environment of one application. ``key`` is its row in the storage."""

    key: int
    app: str
    name: str


class ParameterView(msgspec.Struct, frozen=True):
    """A parameter. ``type`` is for people to read; ``default`` only counts where ``required`` is false."""

    name: str
    type: str
    required: bool = True
    default: Any = None


class MethodView(msgspec.Struct, frozen=True):
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
    """One version. ``unchanged`` is true where a deployment was identical to the newest version and made no new one."""

    component: str
    component_id: str
    version: int
    created_at: str
    wasm: str
    files: str | None
    agent_types: list[AgentTypeView]
    unchanged: bool = False


class ComponentView(msgspec.Struct, frozen=True):
    id: str
    name: str
    created_at: str
    latest: VersionView | None
    versions: list[int]
