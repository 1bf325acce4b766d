"""``wit-value`` nodes to JSON values: ``json_to_wit`` backwards, by functions put together once per type.

The nodes come from a guest, which may have made them by hand: a case that does not fit the type or an index
that leads nowhere is a ``Mismatch``. A node that has items or text is taken out of the list when it is read,
so that nodes that share their parts cannot make a small value into one that fills the memory.
"""

from __future__ import annotations

import base64
import math
import struct
from typing import Any, Final, assert_never

from shem.agent.mismatch import Mismatch
from shem.agent.node import TAKEN, Node, Read
from shem.agent.types import (
    Bool,
    Bytes,
    Char,
    Defaulted,
    Dict,
    Enum,
    Flags,
    Float,
    Int,
    List,
    Literal,
    Nothing,
    Option,
    Record,
    Result,
    Schema,
    Set,
    String,
    Tuple,
    Union,
    Variant,
)

_LEFT_OUT: Final = object()
"""What a field reads as whose default only the guest knows: it is left out of the object."""

_FLOAT32: Final = struct.Struct("<f")


def read_value(read: Read, value: dict[str, Any]) -> Any:
    """The JSON of a ``wit-value``.

    Raises:
        Mismatch: the value does not fit the type that ``read`` was made for.
    """
    nodes = list(value["nodes"])
    try:
        return read(nodes, 0)
    except IndexError:
        raise Mismatch("a value", "an index that leads nowhere") from None


class Readers:
    """Makes the readers of types; a type that is used in several places is compiled once."""

    def __init__(self) -> None:
        self._done: dict[Schema, Read] = {}

    def of(self, schema: Schema) -> Read:
        """The reader of a type."""
        if schema not in self._done:
            self._done[schema] = self._make(schema)
        return self._done[schema]

    def _make(self, schema: Schema) -> Read:
        match schema:
            case Bool():
                return _same("prim-bool", schema.text)
            case Int():
                return _same(f"prim-{schema.wit}", schema.text)
            case Float():
                return _float(schema)
            case Char():
                return _same("prim-char", schema.text)
            case String():
                return _string
            case Nothing():
                return _nothing
            case Bytes():
                return _bytes
            case List() | Set():
                return _list(self.of(schema.item), schema.text)
            case Dict():
                return self._dict(schema)
            case Tuple():
                return _tuple([self.of(item) for item in schema.items], schema.text)
            case Record():
                return _record([(name, self._field(field)) for name, field in schema.fields], schema.text)
            case Variant():
                cases = [(name, None if case is None else self.of(case)) for name, case in schema.cases]
                return _variant(cases, schema.text)
            case Union():
                return _union([self.of(case) for case in schema.cases], schema.text)
            case Enum():
                return _enum(schema.names, schema.text)
            case Literal():
                return _enum(schema.values, schema.text)
            case Flags():
                return _flags(schema)
            case Option():
                return _option(self.of(schema.item), None, schema.text)
            case Defaulted():
                return _option(self.of(schema.item), schema.default, schema.text)
            case Result():
                sides = [("ok", schema.ok), ("err", schema.err)]
                return _result([(n, None if s is None else self.of(s)) for n, s in sides], schema.text)
            case _:
                assert_never(schema)

    def _field(self, schema: Schema) -> Read:
        if isinstance(schema, Defaulted) and not schema.known:
            return _option(self.of(schema.item), _LEFT_OUT, schema.text)
        return self.of(schema)

    def _dict(self, schema: Dict) -> Read:
        pairs = _list(_tuple([self.of(schema.key), self.of(schema.value)], "a pair"), schema.text)
        if isinstance(schema.key, String) and not schema.key.format:
            return lambda nodes, index: dict(pairs(nodes, index))
        return pairs


def _found(case: str) -> str:
    return f"a {case}"


def _same(expected_case: str, expected: str) -> Read:
    def read(nodes: list[Node], index: int) -> Any:
        case, value = nodes[index]
        if case != expected_case:
            raise Mismatch(expected, _found(case))
        return value

    return read


def _string(nodes: list[Node], index: int) -> Any:
    case, value = nodes[index]
    if case != "prim-string":
        raise Mismatch("str", _found(case))
    nodes[index] = TAKEN
    return value


def _float(schema: Float) -> Read:
    expected_case, expected, is_short = f"prim-float{schema.bits}", schema.text, schema.bits == 32

    def read(nodes: list[Node], index: int) -> float | str:
        case, value = nodes[index]
        if case != expected_case:
            raise Mismatch(expected, _found(case))
        number = float(value)
        if math.isfinite(number):
            return _shortest(number) if is_short else number
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"

    return read


def _shortest(number: float) -> float:
    """The number with the fewest digits that is this one as an f32: 0.1, not 0.10000000149011612."""
    for digits in range(6, 9):
        candidate = float(f"{number:.{digits}g}")
        try:
            if _FLOAT32.unpack(_FLOAT32.pack(candidate))[0] == number:
                return candidate
        except OverflowError:
            continue
    return float(f"{number:.9g}")


def _nothing(nodes: list[Node], index: int) -> None:
    case, items = nodes[index]
    if case != "tuple-value" or items:
        raise Mismatch("None", _found(case))


def _bytes(nodes: list[Node], index: int) -> str:
    case, items = nodes[index]
    if case != "list-value":
        raise Mismatch("bytes", _found(case))
    nodes[index] = TAKEN
    parts = [nodes[item] for item in items]
    if any(part[0] != "prim-u8" for part in parts):
        raise Mismatch("bytes", "a list of something else")
    return base64.b64encode(bytes([value for _, value in parts])).decode()


def _list(item: Read, expected: str) -> Read:
    def read(nodes: list[Node], index: int) -> list[Any]:
        case, items = nodes[index]
        if case != "list-value":
            raise Mismatch(expected, _found(case))
        nodes[index] = TAKEN
        values: list[Any] = []
        try:
            for position in items:
                values.append(item(nodes, position))  # noqa: PERF401  # a mismatch reads its position from it
        except Mismatch as mismatch:
            raise mismatch.inside(len(values)) from None
        return values

    return read


def _tuple(items: list[Read], expected: str) -> Read:
    def read(nodes: list[Node], index: int) -> list[Any]:
        case, indices = nodes[index]
        if case != "tuple-value" or len(indices) != len(items):
            raise Mismatch(expected, _found(case))
        nodes[index] = TAKEN
        values: list[Any] = []
        try:
            for read_item, position in zip(items, indices, strict=True):
                values.append(read_item(nodes, position))
        except Mismatch as mismatch:
            raise mismatch.inside(len(values)) from None
        return values

    return read


def _record(fields: list[tuple[str, Read]], expected: str) -> Read:
    def read(nodes: list[Node], index: int) -> dict[str, Any]:
        case, indices = nodes[index]
        if case != "record-value" or len(indices) != len(fields):
            raise Mismatch(expected, _found(case))
        nodes[index] = TAKEN
        values = {}
        for (name, read_field), position in zip(fields, indices, strict=True):
            try:
                value = read_field(nodes, position)
            except Mismatch as mismatch:
                raise mismatch.inside(name) from None
            if value is not _LEFT_OUT:
                values[name] = value
        return values

    return read


def _payload(name: str, read: Read | None, nodes: list[Node], index: int | None) -> Any:
    if read is None or index is None:
        if read is not None or index is not None:
            raise Mismatch("a payload" if read else "no payload", "the opposite").inside(name)
        return None
    try:
        return read(nodes, index)
    except Mismatch as mismatch:
        raise mismatch.inside(name) from None


def _variant(cases: list[tuple[str, Read | None]], expected: str) -> Read:
    def read(nodes: list[Node], index: int) -> Any:
        case, value = nodes[index]
        if case != "variant-value":
            raise Mismatch(expected, _found(case))
        number, payload = value
        name, read_case = cases[number]
        shown = _payload(name, read_case, nodes, payload)
        return name if read_case is None else {name: shown}

    return read


def _union(cases: list[Read], expected: str) -> Read:
    def read(nodes: list[Node], index: int) -> Any:
        case, value = nodes[index]
        if case != "variant-value":
            raise Mismatch(expected, _found(case))
        number, payload = value
        return None if payload is None else cases[number](nodes, payload)

    return read


def _enum(values: tuple[Any, ...], expected: str) -> Read:
    def read(nodes: list[Node], index: int) -> Any:
        case, number = nodes[index]
        if case != "enum-value":
            raise Mismatch(expected, _found(case))
        return values[number]

    return read


def _flags(schema: Flags) -> Read:
    def read(nodes: list[Node], index: int) -> list[str]:
        case, flags = nodes[index]
        if case != "flags-value" or len(flags) != len(schema.names):
            raise Mismatch(schema.text, _found(case))
        return [name for name, is_set in zip(schema.names, flags, strict=True) if is_set]

    return read


def _option(item: Read, absent: Any, expected: str) -> Read:
    def read(nodes: list[Node], index: int) -> Any:
        case, payload = nodes[index]
        if case != "option-value":
            raise Mismatch(expected, _found(case))
        return absent if payload is None else item(nodes, payload)

    return read


def _result(sides: list[tuple[str, Read | None]], expected: str) -> Read:
    readers = dict(sides)

    def read(nodes: list[Node], index: int) -> dict[str, Any]:
        case, value = nodes[index]
        if case != "result-value":
            raise Mismatch(expected, _found(case))
        side, payload = value
        return {side: _payload(side, readers[side], nodes, payload)}

    return read
