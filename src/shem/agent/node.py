"""Nodes of a ``wit-value``: (case, payload), as ``shem.wasm.types`` maps the contract's ``wit-node``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

Node: TypeAlias = tuple[str, Any]

Write: TypeAlias = Callable[[Any, list[Node]], int]
"""Appends the nodes of a JSON value, returns the index of its own; raises ``Mismatch``."""

Read: TypeAlias = Callable[[list[Node], int], Any]
"""The JSON value of the node at an index; raises ``Mismatch``."""

RESERVED: Final[Node] = ("reserved", None)
"""Holds the place of a node until those inside it are written."""

TAKEN: Final[Node] = ("node that was read already", None)
"""Takes the place of a node that may be read only once."""
