"""Entries for people: JSON-compatible details of what an entry holds.

Names are those of the structs, enums are shown by the contract's names, times as numbers of nanoseconds.
Fields at their default are left out. Payloads are decoded: plain values as they are, data-values without
their node lists. The types of a guest's values are not known here, so records show as arrays of their fields
and cases by their number.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final

import msgspec

from shem.oplog import payload
from shem.oplog.entries import (
    AgentInvocationFinished,
    AgentInvocationStarted,
    BaseEntry,
    External,
    PendingAgentInvocation,
    PendingUpdate,
    Snapshot,
    wit_name,
)
from shem.wasm.types import Some

CUT: Final = "…"
"""Stands for what is not shown."""

DEPTH_MAX: Final = 64
"""How deep a guest's value is shown. Types nest no deeper; what a guest made by hand may."""

PARTS_MAX: Final = 10_000
"""How many parts of a guest's value are shown: more than anyone reads, and no value can fill the memory."""

_OBJECTS: Final = frozenset({"env", "attributes"})
"""Fields that are pairs of name and value."""


def detail(entry: BaseEntry) -> dict[str, Any]:
    """What an entry holds, apart from its kind and its time.

    Raises:
        StorageCorrupt: a payload in it cannot be decoded.
    """
    shown = {}
    for field in msgspec.structs.fields(entry):
        value = getattr(entry, field.name)
        if field.name != "at_ns" and (field.required or value != field.default):
            shown[field.name] = _field(entry, field.name, value)
    return shown


def _field(entry: BaseEntry, name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        if isinstance(entry, Snapshot | PendingUpdate):
            return plain(value)  # the guest's own format
        decoded = payload.decode(value)
        if name == "input" and isinstance(entry, AgentInvocationStarted | PendingAgentInvocation):
            return _data_value(decoded)
        if isinstance(entry, AgentInvocationFinished):
            return _result(decoded)
        return plain(decoded)
    if name in _OBJECTS:
        return dict(value)
    return _part(value)


def _part(value: Any) -> Any:
    if isinstance(value, External):
        return {"sha256": value.hash, "bytes": value.size}
    if isinstance(value, IntEnum):
        return wit_name(value)
    if isinstance(value, msgspec.Struct):
        return {name: _part(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple):
        return [_part(item) for item in value]
    return plain(payload.decode(value)) if isinstance(value, bytes) else value


def plain(value: Any) -> Any:
    """A plain value as JSON has it: bytes as {"base64"}, ``Some`` as {"some"}, NaN and infinities as text."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Some):
        return {"some": plain(value.value)}
    return value


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _result(value: Any) -> Any:
    """``result<data-value, agent-error>``: {"ok": value} or {"err": error}."""
    match value:
        case ["ok", inner]:
            shown = _data_value(inner)
            return {"ok": shown[0] if isinstance(shown, list) and len(shown) == 1 else shown}
        case ["err", ["custom-error", {"value": {"nodes": list(nodes)}, "typ": {"nodes": list(types)}}]]:
            return {"err": _custom_error(_Nodes(nodes).show(), types)}
        case _:
            return plain(value)


def _custom_error(shown: Any, types: Sequence[Any]) -> Any:
    match types:
        case [{"type": ["record-type", list(fields)]}, *_] if isinstance(shown, list):
            return dict(zip((field[0] for field in fields), shown, strict=False))
        case _:
            return shown


def _data_value(value: Any) -> Any:
    match value:
        case ["tuple", list(elements)]:
            return [_element(element) for element in elements]
        case ["multimodal", list(parts)]:
            return [_element_of_kind(part) for part in parts]
        case _:
            return plain(value)


def _element(value: Any) -> Any:
    match value:
        case ["component-model", {"nodes": list(nodes)}]:
            return _Nodes(nodes).show()
        case _:
            return plain(value)


def _element_of_kind(value: Any) -> Any:
    match value:
        case [str(kind), element]:
            return {kind: _element(element)}
        case _:
            return plain(value)


class _Nodes:
    """The nodes of one ``wit-value``, shown without knowing its type."""

    def __init__(self, nodes: Sequence[Any]) -> None:
        self._nodes = nodes
        self._left = PARTS_MAX

    def show(self, index: Any = 0, depth: int = 0) -> Any:
        self._left -= 1
        if self._left < 0 or depth > DEPTH_MAX:
            return CUT
        if not isinstance(index, int) or not 0 <= index < len(self._nodes):
            return CUT
        match self._nodes[index]:
            case ["record-value" | "tuple-value" | "list-value", list(items)]:
                shown = [self.show(item, depth + 1) for item in items[: max(self._left, 0) + 1]]
                return shown if len(shown) == len(items) else [*shown, CUT]
            case ["variant-value", [number, int() | None as inner]]:
                return {"case": number, "value": self._optional(inner, depth)}
            case ["enum-value", int(number)]:
                return {"case": number}
            case ["option-value", int() | None as inner]:
                return self._optional(inner, depth)
            case ["result-value", [str(side), int() | None as inner]]:
                return {side: self._optional(inner, depth)}
            case [_, inner]:
                return plain(inner)
            case other:
                return plain(other)

    def _optional(self, index: int | None, depth: int) -> Any:
        return None if index is None else self.show(index, depth + 1)
