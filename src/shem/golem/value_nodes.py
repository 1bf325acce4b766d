"""Python values of WIT types (see ``shem.wasm.types``) as the contract's ``wit-value`` and back, by their type.

Values fit their types: results come from the canonical ABI. Nodes may come from anybody: what does not fit is an
``Unfit``. Whether a number is in its range is left to the canonical ABI, which checks all arguments before
it begins.

A fixed-length list is a tuple of nodes, as ``type_nodes`` describes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias, assert_never

from shem.wasm.types import (
    BorrowType,
    EnumType,
    FlagsType,
    ListType,
    OptionType,
    OwnType,
    Prim,
    RecordType,
    ResultType,
    Some,
    TupleType,
    ValType,
    VariantType,
)

Node: TypeAlias = tuple[str, Any]

_U8: Final = Prim("u8")
_FLOATS: Final = {"f32": "prim-float32", "f64": "prim-float64"}
_RESERVED: Final[Node] = ("node that is not written yet", None)
_TAKEN: Final[Node] = ("node that was read already", None)
_RESOURCE: Final = "functions with resources are not offered"


class Unfit(Exception):
    """Nodes that are no value of the type; says what was expected."""


def to_wit_value(type_: ValType, value: Any) -> dict[str, Any]:
    """The ``wit-value`` of a value."""
    nodes: list[Node] = []
    _write(type_, value, nodes)
    return {"nodes": nodes}


def from_wit_value(type_: ValType, wit_value: dict[str, Any]) -> Any:
    """The value of a ``wit-value``.

    Raises:
        Unfit: it is no value of the type.
    """
    return _read(type_, list(wit_value["nodes"]), 0)


def _write(type_: ValType, value: Any, nodes: list[Node]) -> int:
    index = len(nodes)
    nodes.append(_RESERVED)
    nodes[index] = _node(type_, value, nodes)
    return index


def _write_maybe(type_: ValType | None, value: Any, nodes: list[Node]) -> int | None:
    return None if type_ is None else _write(type_, value, nodes)


def _write_bytes(data: Sequence[int], nodes: list[Node]) -> list[int]:
    """One node for each different byte, however long the list is."""
    where = {byte: position for position, byte in enumerate(sorted(set(data)), len(nodes))}
    nodes.extend(("prim-u8", byte) for byte in where)
    return [where[byte] for byte in data]


def _node(type_: ValType, value: Any, nodes: list[Node]) -> Node:
    match type_:
        case Prim(name):
            return _prim(name), value
        case RecordType(fields):
            return "record-value", [_write(field, value[name], nodes) for name, field in fields]
        case VariantType(cases):
            chosen, payload = value
            number = next(number for number, (name, _) in enumerate(cases) if name == chosen)
            return "variant-value", (number, _write_maybe(cases[number][1], payload, nodes))
        case EnumType(names):
            return "enum-value", names.index(value)
        case FlagsType(names):
            return "flags-value", [name in value for name in names]
        case TupleType(items):
            return "tuple-value", [_write(item, part, nodes) for item, part in zip(items, value, strict=True)]
        case ListType(element, length):
            case = "list-value" if length is None else "tuple-value"
            if element == _U8:
                return case, _write_bytes(value, nodes)
            return case, [_write(element, item, nodes) for item in value]
        case OptionType(item):
            if value is None:
                return "option-value", None
            return "option-value", _write(item, value.value if isinstance(item, OptionType) else value, nodes)
        case ResultType(ok, err):
            side, payload = value
            return "result-value", (side, _write_maybe(ok if side == "ok" else err, payload, nodes))
        case OwnType() | BorrowType():
            raise AssertionError(_RESOURCE)
        case _:
            assert_never(type_)


def _read(type_: ValType, nodes: list[Node], index: int) -> Any:
    match type_:
        case Prim(name):
            return _take(nodes, index, _prim(name))
        case RecordType(fields):
            indices = _parts(_take(nodes, index, "record-value"), len(fields), "fields")
            return {
                name: _read(field, nodes, part) for (name, field), part in zip(fields, indices, strict=True)
            }
        case VariantType(cases):
            number, payload = _take(nodes, index, "variant-value")
            name, case = _numbered(cases, number)
            return name, _read_maybe(case, nodes, payload)
        case EnumType(names):
            return _numbered(names, _take(nodes, index, "enum-value"))
        case FlagsType(names):
            flags = _parts(_take(nodes, index, "flags-value"), len(names), "flags")
            return frozenset(name for name, is_set in zip(names, flags, strict=True) if is_set)
        case TupleType(items):
            indices = _parts(_take(nodes, index, "tuple-value"), len(items), "items")
            return tuple(_read(item, nodes, part) for item, part in zip(items, indices, strict=True))
        case ListType(element, length):
            indices = _take(nodes, index, "list-value" if length is None else "tuple-value")
            if length is not None:
                _parts(indices, length, "items")
            elements = [_read(element, nodes, part) for part in indices]
            return _bytes(elements) if element == _U8 else elements
        case OptionType(item):
            payload = _take(nodes, index, "option-value")
            if payload is None:
                return None
            value = _read(item, nodes, payload)
            return Some(value) if isinstance(item, OptionType) else value
        case ResultType(ok, err):
            side, payload = _take(nodes, index, "result-value")
            return side, _read_maybe(ok if side == "ok" else err, nodes, payload)
        case OwnType() | BorrowType():
            raise AssertionError(_RESOURCE)
        case _:
            assert_never(type_)


def _read_maybe(type_: ValType | None, nodes: list[Node], index: int | None) -> Any:
    if type_ is None or index is None:
        if type_ is not None or index is not None:
            raise Unfit("expected a payload, got none" if type_ else "expected no payload, got one")
        return None
    return _read(type_, nodes, index)


def _prim(name: str) -> str:
    return _FLOATS.get(name) or f"prim-{name}"


def _take(nodes: list[Node], index: int, expected: str) -> Any:
    """The payload of a node. One that has items or text is taken out, so that nodes which share their parts
    cannot make a small value into one that fills the memory."""
    if not 0 <= index < len(nodes):
        raise Unfit(f"expected a {expected}, got an index that leads nowhere")
    case, payload = nodes[index]
    if case != expected:
        raise Unfit(f"expected a {expected}, got a {case}")
    if isinstance(payload, list | tuple | str):
        nodes[index] = _TAKEN
    return payload


def _bytes(elements: list[Any]) -> bytes:
    try:
        return bytes(elements)
    except (TypeError, ValueError):
        raise Unfit("expected bytes, got something else") from None


def _parts(parts: Sequence[Any], count: int, what: str) -> Sequence[Any]:
    if len(parts) != count:
        raise Unfit(f"expected {count} {what}, got {len(parts)}")
    return parts


def _numbered(cases: Sequence[Any], number: int) -> Any:
    if not 0 <= number < len(cases):
        raise Unfit(f"expected one of {len(cases)} cases, got number {number}")
    return cases[number]
