"""Where names are unique."""

from __future__ import annotations

import msgspec


class Environment(msgspec.Struct, frozen=True):
    """One environment of one application. ``key`` is its row in the storage."""

    key: int
    app: str
    name: str
