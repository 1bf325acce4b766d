"""What only the registry and those above it know; what everyone sees is in ``shem.views``."""

from __future__ import annotations

import msgspec

from shem.views import AgentTypeView, ComponentView, MethodView, ParameterView, VersionView

__all__ = ["AgentTypeView", "ComponentView", "Environment", "MethodView", "ParameterView", "VersionView"]


class Environment(msgspec.Struct, frozen=True):
    """Where names are unique: one environment of one application. ``key`` is its row in the storage."""

    key: int
    app: str
    name: str
