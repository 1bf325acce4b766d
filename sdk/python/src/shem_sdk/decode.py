"""``wit-value`` nodes to Python values, by functions that are put together once per shape.

A decoder gets all nodes and its own. It follows indices only, so a host may share nodes. What does not fit
raises ``Mismatch``, with the path as in ``encode``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, TypeAlias
from uuid import UUID

from shem_sdk.schema import is_plain_option
from shem_sdk.shapes import (
    DictOf,
    EnumOf,
    Field,
    ListOf,
    OptionOf,
    RecordOf,
    Scalar,
    Shape,
    TupleOf,
    UnionOf,
)
from shem_sdk.values import LEFT_OUT, SHOWN_CHARACTERS, Mismatch

Decode: TypeAlias = Callable[[list[Any], Any], Any]


class Decoders:
    """Makes decoders; ``types`` is the module of node classes (see ``schema``)."""

    def __init__(self, types: Any) -> None:
        self.types = types

    def of(self, shape: Shape) -> Decode:
        match shape:
            case Scalar(name):
                return self._scalar(name)
            case ListOf(item, python):
                return self._list(self.of(item), python)
            case TupleOf(items):
                return self._tuple([self.of(item) for item in items])
            case DictOf(key, value):
                return self._dict(self.of(key), self.of(value))
            case OptionOf(item):
                return self._option(self.of(item), None)
            case UnionOf():
                return self._union([self.of(case) for case in shape.cases])
            case EnumOf():
                return self._enum(shape)
            case RecordOf():
                return self._record(shape)

    def of_field(self, field: Field) -> Decode:
        """Like ``of``; gives ``LEFT_OUT`` where an optional field was left out."""
        if not field.optional:
            return self.of(field.shape)
        if isinstance(field.shape, OptionOf) and is_plain_option(field):
            return self._option(self.of(field.shape.item), LEFT_OUT)
        return self._option(self.of(field.shape), LEFT_OUT)

    def _scalar(self, name: str) -> Decode:
        t = self.types
        match name:
            case "int":
                return _value(t.WitNode_PrimS64, "int")
            case "float":
                return _value(t.WitNode_PrimFloat64, "float")
            case "bool":
                return _value(t.WitNode_PrimBool, "bool")
            case "str":
                return _value(t.WitNode_PrimString, "str")
            case "bytes":
                return self._bytes()
            case "None":
                return _constant(t.WitNode_TupleValue, "None", None)
            case "Decimal":
                return _text(t.WitNode_PrimString, "Decimal", Decimal)
            case "UUID":
                return _text(t.WitNode_PrimString, "UUID", UUID)
            case _:
                return _text(t.WitNode_PrimString, "datetime (RFC 3339)", datetime.fromisoformat)

    def _bytes(self) -> Decode:
        list_node, byte_node = self.types.WitNode_ListValue, self.types.WitNode_PrimU8

        def decode(nodes: list[Any], node: Any) -> bytes:
            if type(node) is not list_node:
                _unexpected("bytes", node)
            items = [nodes[i] for i in node.value]
            if not all(type(item) is byte_node for item in items):
                raise Mismatch("bytes", "a list of something else")
            return bytes([item.value for item in items])

        return decode

    def _list(self, item: Decode, python: type) -> Decode:
        list_node = self.types.WitNode_ListValue
        expected = python.__name__

        def decode(nodes: list[Any], node: Any) -> Any:
            if type(node) is not list_node:
                _unexpected(expected, node)
            items: list[Any] = []
            add = items.append
            try:
                for i in node.value:
                    add(item(nodes, nodes[i]))
            except Mismatch as mismatch:
                raise mismatch.inside(f"[{len(items)}]") from None
            return items if python is list else python(items)

        return decode

    def _tuple(self, items: list[Decode]) -> Decode:
        tuple_node = self.types.WitNode_TupleValue
        expected = f"tuple of {len(items)}"

        def decode(nodes: list[Any], node: Any) -> tuple[Any, ...]:
            if type(node) is not tuple_node or len(node.value) != len(items):
                _unexpected(expected, node)
            values: list[Any] = []
            try:
                for item, i in zip(items, node.value, strict=True):
                    values.append(item(nodes, nodes[i]))
            except Mismatch as mismatch:
                raise mismatch.inside(f"[{len(values)}]") from None
            return tuple(values)

        return decode

    def _dict(self, key: Decode, value: Decode) -> Decode:
        list_node, tuple_node = self.types.WitNode_ListValue, self.types.WitNode_TupleValue

        def decode(nodes: list[Any], node: Any) -> dict[Any, Any]:
            if type(node) is not list_node:
                _unexpected("dict", node)
            mapping = {}
            for position, i in enumerate(node.value):
                pair = nodes[i]
                if type(pair) is not tuple_node or len(pair.value) != 2:
                    _unexpected("a pair of key and value", pair)
                try:
                    k = key(nodes, nodes[pair.value[0]])
                except Mismatch as mismatch:
                    raise mismatch.inside(f" (key {position})") from None
                try:
                    mapping[k] = value(nodes, nodes[pair.value[1]])
                except Mismatch as mismatch:
                    raise mismatch.inside(f"[{k!r}]") from None
            return mapping

        return decode

    def _option(self, item: Decode, absent: Any) -> Decode:
        option_node = self.types.WitNode_OptionValue

        def decode(nodes: list[Any], node: Any) -> Any:
            if type(node) is not option_node:
                _unexpected("an option", node)
            return absent if node.value is None else item(nodes, nodes[node.value])

        return decode

    def _union(self, cases: list[Decode]) -> Decode:
        variant_node = self.types.WitNode_VariantValue

        def decode(nodes: list[Any], node: Any) -> Any:
            if type(node) is not variant_node or node.value[1] is None:
                _unexpected("a variant with a value", node)
            case, i = node.value
            return cases[case](nodes, nodes[i])

        return decode

    def _enum(self, shape: EnumOf) -> Decode:
        enum_node, values = self.types.WitNode_EnumValue, shape.values

        def decode(_: list[Any], node: Any) -> Any:
            if type(node) is not enum_node:
                _unexpected("an enum", node)
            return values[node.value]

        return decode

    def _record(self, shape: RecordOf) -> Decode:
        record_node = self.types.WitNode_RecordValue
        fields = [(f.name, self.of_field(f)) for f in shape.fields]
        make = dict if shape.kind == "dict" else shape.python
        expected = shape.python.__name__

        def decode(nodes: list[Any], node: Any) -> Any:
            if type(node) is not record_node or len(node.value) != len(fields):
                _unexpected(expected, node)
            values = {}
            for (name, field), i in zip(fields, node.value, strict=True):
                try:
                    value = field(nodes, nodes[i])
                except Mismatch as mismatch:
                    raise mismatch.inside(f".{name}") from None
                if value is not LEFT_OUT:
                    values[name] = value
            return make(**values)

        return decode


def _value(kind: Any, expected: str) -> Decode:
    def decode(_: list[Any], node: Any) -> Any:
        if type(node) is not kind:
            _unexpected(expected, node)
        return node.value

    return decode


def _constant(kind: Any, expected: str, value: Any) -> Decode:
    def decode(_: list[Any], node: Any) -> Any:
        if type(node) is not kind:
            _unexpected(expected, node)
        return value

    return decode


def _text(kind: Any, expected: str, parse: Callable[[str], Any]) -> Decode:
    def decode(_: list[Any], node: Any) -> Any:
        if type(node) is not kind:
            _unexpected(expected, node)
        try:
            return parse(node.value)
        except (ValueError, InvalidOperation):
            raise Mismatch(expected, repr(node.value)) from None

    return decode


def _unexpected(expected: str, node: Any) -> NoReturn:
    """A node of another kind, named by its class without the prefix that all node classes share."""
    kind = type(node).__name__.removeprefix("WitNode_")
    raise Mismatch(expected, f"{kind} {getattr(node, 'value', '')!r}"[:SHOWN_CHARACTERS])
