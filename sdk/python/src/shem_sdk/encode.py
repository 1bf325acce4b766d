"""Python values to ``wit-value`` nodes, by functions that are put together once per shape.

An encoder appends nodes to a list and returns the index of its own. A container takes its index before its
items, so the root is node 0. A value that does not fit raises ``Mismatch``; the path to it is put together
while the exception passes the containers, so values that fit pay nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias
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
from shem_sdk.values import LEFT_OUT, Mismatch, shown

Encode: TypeAlias = Callable[[list[Any], Any], int]

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


class Encoders:
    """Makes encoders; ``types`` is the module of node classes (see ``schema``)."""

    def __init__(self, types: Any) -> None:
        self.types = types

    def of(self, shape: Shape) -> Encode:
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
                return self._option(self.of(item))
            case UnionOf():
                return self._union(shape)
            case EnumOf():
                return self._enum(shape)
            case RecordOf():
                return self._record(shape)

    def of_field(self, field: Field) -> Encode:
        """Like ``of``; a value that is ``LEFT_OUT`` is taken where the field is optional."""
        if not field.optional or is_plain_option(field):
            return self.of(field.shape)
        return self._option(self.of(field.shape), LEFT_OUT)

    def _scalar(self, name: str) -> Encode:
        t = self.types
        match name:
            case "int":
                return _int(t.WitNode_PrimS64)
            case "float":
                return _float(t.WitNode_PrimFloat64)
            case "bool":
                return _exact(t.WitNode_PrimBool, bool)
            case "str":
                return _str(t.WitNode_PrimString)
            case "bytes":
                return self._bytes()
            case "None":
                return self._none()
            case "Decimal":
                return _text(t.WitNode_PrimString, Decimal, str)
            case "UUID":
                return _text(t.WitNode_PrimString, UUID, str)
            case _:
                return _text(t.WitNode_PrimString, datetime, datetime.isoformat)

    def _none(self) -> Encode:
        node = self.types.WitNode_TupleValue

        def encode(out: list[Any], value: Any) -> int:
            if value is not None:
                raise Mismatch("None", shown(value))
            out.append(node([]))
            return len(out) - 1

        return encode

    def _bytes(self) -> Encode:
        list_node, byte_node = self.types.WitNode_ListValue, self.types.WitNode_PrimU8

        def encode(out: list[Any], value: Any) -> int:
            if not isinstance(value, bytes | bytearray | memoryview):
                raise Mismatch("bytes", shown(value))
            data = bytes(value)
            index = len(out)
            out.append(None)
            where = [0] * 256
            for byte in sorted(set(data)):
                where[byte] = len(out)
                out.append(byte_node(byte))
            out[index] = list_node([where[byte] for byte in data])
            return index

        return encode

    def _list(self, item: Encode, python: type) -> Encode:
        list_node = self.types.WitNode_ListValue
        ordered = python not in (set, frozenset)
        taken = (list, tuple) if ordered else (set, frozenset)
        expected = python.__name__

        def encode(out: list[Any], value: Any) -> int:
            if not isinstance(value, taken):
                raise Mismatch(expected, shown(value))
            index = len(out)
            out.append(None)
            indices: list[int] = []
            add = indices.append
            try:
                for element in value if ordered else _in_order(value):
                    add(item(out, element))
            except Mismatch as mismatch:
                raise mismatch.inside(f"[{len(indices)}]") from None
            out[index] = list_node(indices)
            return index

        return encode

    def _tuple(self, items: list[Encode]) -> Encode:
        tuple_node = self.types.WitNode_TupleValue
        expected = f"tuple of {len(items)}"

        def encode(out: list[Any], value: Any) -> int:
            if not isinstance(value, tuple | list) or len(value) != len(items):
                raise Mismatch(expected, shown(value))
            index = len(out)
            out.append(None)
            indices: list[int] = []
            try:
                for item, element in zip(items, value, strict=True):
                    indices.append(item(out, element))
            except Mismatch as mismatch:
                raise mismatch.inside(f"[{len(indices)}]") from None
            out[index] = tuple_node(indices)
            return index

        return encode

    def _dict(self, key: Encode, value: Encode) -> Encode:
        list_node, tuple_node = self.types.WitNode_ListValue, self.types.WitNode_TupleValue

        def encode(out: list[Any], mapping: Any) -> int:
            if not isinstance(mapping, dict):
                raise Mismatch("dict", shown(mapping))
            index = len(out)
            out.append(None)
            pairs = []
            for k, v in mapping.items():
                pair = len(out)
                out.append(None)
                try:
                    out[pair] = tuple_node([key(out, k), value(out, v)])
                except Mismatch as mismatch:
                    raise mismatch.inside(f"[{k!r}]") from None
                pairs.append(pair)
            out[index] = list_node(pairs)
            return index

        return encode

    def _option(self, item: Encode, absent: Any = None) -> Encode:
        option_node = self.types.WitNode_OptionValue

        def encode(out: list[Any], value: Any) -> int:
            index = len(out)
            out.append(None)
            out[index] = option_node(None if value is absent else item(out, value))
            return index

        return encode

    def _union(self, shape: UnionOf) -> Encode:
        variant_node = self.types.WitNode_VariantValue
        cases = [self.of(case) for case in shape.cases]
        own = {python: i for i, python in enumerate(shape.classes) if python is not None}
        expected = " | ".join(shape.names)

        def encode(out: list[Any], value: Any) -> int:
            index = len(out)
            out.append(None)
            exact = own.get(type(value))
            if exact is not None:
                out[index] = variant_node((exact, cases[exact](out, value)))
                return index
            for i, case in enumerate(cases):
                try:
                    out[index] = variant_node((i, case(out, value)))
                except Mismatch:
                    del out[index + 1 :]
                else:
                    return index
            raise Mismatch(expected, shown(value))

        return encode

    def _enum(self, shape: EnumOf) -> Encode:
        enum_node = self.types.WitNode_EnumValue
        # Keyed with the class: True equals 1 as a dictionary key, but Literal[1] is not Literal[True].
        cases = {(type(value), value): i for i, value in enumerate(shape.values)}
        expected = shape.python.__name__ if shape.python else f"one of {', '.join(shape.names)}"

        def encode(out: list[Any], value: Any) -> int:
            try:
                case = cases[type(value), value]
            except (KeyError, TypeError):
                raise Mismatch(expected, shown(value)) from None
            out.append(enum_node(case))
            return len(out) - 1

        return encode

    def _record(self, shape: RecordOf) -> Encode:
        record_node = self.types.WitNode_RecordValue
        fields = [(f.name, self.of_field(f), f.optional) for f in shape.fields]
        python = dict if shape.kind == "dict" else shape.python
        expected = shape.python.__name__

        def read(value: Any, name: str, optional: bool) -> Any:
            if shape.kind == "object":
                return getattr(value, name)
            if name in value:
                return value[name]
            if optional:
                return LEFT_OUT
            raise Mismatch(expected, f"a dict without {name!r}")

        def encode(out: list[Any], value: Any) -> int:
            if not isinstance(value, python):
                raise Mismatch(expected, shown(value))
            index = len(out)
            out.append(None)
            indices = []
            for name, field, optional in fields:
                try:
                    indices.append(field(out, read(value, name, optional)))
                except Mismatch as mismatch:
                    raise mismatch.inside(f".{name}") from None
            out[index] = record_node(indices)
            return index

        return encode


def _int(node: Any) -> Encode:
    def encode(out: list[Any], value: Any) -> int:
        if not isinstance(value, int):
            raise Mismatch("int", shown(value))
        if not _INT_MIN <= value <= _INT_MAX:
            raise Mismatch("int of at most 64 bits", shown(value))
        out.append(node(int(value)))
        return len(out) - 1

    return encode


def _float(node: Any) -> Encode:
    def encode(out: list[Any], value: Any) -> int:
        if not isinstance(value, float | int) or isinstance(value, bool):
            raise Mismatch("float", shown(value))
        try:
            out.append(node(float(value)))
        except OverflowError:
            raise Mismatch("float", "an int that no float can hold") from None
        return len(out) - 1

    return encode


def _str(node: Any) -> Encode:
    def encode(out: list[Any], value: Any) -> int:
        if not isinstance(value, str):
            raise Mismatch("str", shown(value))
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise Mismatch("str", "text with a lone surrogate, which is not Unicode") from None
        out.append(node(value))
        return len(out) - 1

    return encode


def _exact(node: Any, python: type) -> Encode:
    def encode(out: list[Any], value: Any) -> int:
        if type(value) is not python:
            raise Mismatch(python.__name__, shown(value))
        out.append(node(value))
        return len(out) - 1

    return encode


def _text(node: Any, python: type, text: Callable[[Any], str]) -> Encode:
    def encode(out: list[Any], value: Any) -> int:
        if not isinstance(value, python):
            raise Mismatch(python.__name__, shown(value))
        out.append(node(text(value)))
        return len(out) - 1

    return encode


def _in_order(values: Any) -> list[Any]:
    """Sets have no order of their own; the order of the values, or of their texts, depends on no hash."""
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)
