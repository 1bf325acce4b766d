"""A value that does not fit is refused with its path; one that fits is taken in any of its shapes."""

from __future__ import annotations

from collections import OrderedDict
from enum import IntEnum
from typing import Any

import pytest

from shem.wasm.abi_check import Checker, explain
from shem.wasm.abi_code import Code
from shem.wasm.errors import ValueMismatch
from shem.wasm.handles import GuestResource
from shem.wasm.types import (
    BorrowType,
    EnumType,
    FlagsType,
    ListType,
    OptionType,
    OwnType,
    Prim,
    RecordType,
    ResourceType,
    ResultType,
    Some,
    TupleType,
    ValType,
    VariantType,
)

U8, S16, F32, F64, TEXT, CHAR = map(Prim, ("u8", "s16", "f32", "f64", "string", "char"))
ITEM = RecordType((("name", TEXT), ("price", F32)))
ORDER = RecordType((("items", ListType(ITEM)), ("paid", Prim("bool"))))
SHAPE = VariantType((("dot", None), ("circle", U8)))
GUEST, HOST = ResourceType("counter", None), ResourceType("file", "a:b/c")


class Small(IntEnum):
    ONE = 1


def held() -> GuestResource:
    return GuestResource(GUEST, 1, lambda resource, representation: None)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (U8, 255),
        (U8, Small.ONE),
        (S16, -32768),
        (Prim("u64"), 2**64 - 1),
        (F32, 3.4e38),
        (F32, float("inf")),
        (F32, float("nan")),
        (F64, 3),
        (TEXT, "naïve ☃"),
        (CHAR, "🜁"),
        (ListType(U8), b"x"),
        (ListType(U8), bytearray(b"x")),
        (ListType(U8), memoryview(b"x")),
        (ListType(S16), (1, -2)),
        (ListType(S16), []),
        (ListType(F64), [1, 2.5]),
        (ListType(U8, 2), b"xy"),
        (TupleType((U8, TEXT)), [1, "x"]),
        (ITEM, OrderedDict(price=1.0, name="x")),
        (SHAPE, ("dot", None)),
        (SHAPE, ["circle", 3]),
        (ResultType(None, TEXT), ("ok", None)),
        (EnumType(("a", "b")), "b"),
        (FlagsType(("a", "b")), {"a"}),
        (FlagsType(("a", "b")), ["a", "b"]),
        (OptionType(U8), None),
        (OptionType(OptionType(U8)), Some(None)),
        (OptionType(OptionType(U8)), Some(4)),
        (OwnType(HOST), object()),
        (BorrowType(GUEST), held()),
    ],
)
def test_what_fits_is_taken(type_: ValType, value: Any) -> None:
    explain(type_, value, "value")


@pytest.mark.parametrize(
    ("type_", "value", "path", "expected", "got"),
    [
        (U8, 256, "value", "u8 (0 to 255)", "256"),
        (U8, True, "value", "u8", "bool"),
        (U8, "1", "value", "u8", "str"),
        (U8, None, "value", "u8", "None"),
        (S16, -32769, "value", "s16 (-32768 to 32767)", "-32769"),
        (Prim("bool"), 1, "value", "bool", "int"),
        (F32, 1e39, "value", "f32 in its range", "1e+39"),
        (F32, "1", "value", "f32", "str"),
        (F64, 10**400, "value", "f64 in its range", "10000"),
        (TEXT, b"x", "value", "string", "bytes"),
        (TEXT, "\ud800", "value", "string of Unicode scalar values", "a surrogate"),
        (CHAR, "ab", "value", "char", "a string of 2 characters"),
        (CHAR, "", "value", "char", "a string of 0 characters"),
        (ListType(U8), [1, 2], "value", "bytes for list<u8>", "list"),
        (ListType(U8), "x", "value", "bytes for list<u8>", "str"),
        (ListType(TEXT), "abc", "value", "a list", "str"),
        (ListType(S16), b"ab", "value", "a list", "bytes"),
        (ListType(S16), [0, 1 << 15], "value[1]", "s16 (-32768 to 32767)", "32768"),
        (ListType(S16), [0, True], "value[1]", "s16", "bool"),
        (ListType(U8, 3), b"xy", "value", "3 items", "2"),
        (TupleType((U8,)), (1, 2), "value", "1 items", "2"),
        (ORDER, {"items": [], "paid": 1}, "value.paid", "bool", "int"),
        (ORDER, {"items": []}, "value.paid", "this field", "nothing"),
        (ORDER, {"items": [{"name": "n", "price": "free"}], "paid": True}, "value.items[0].price", "f32", "str"),
        (ITEM, {"name": "n", "price": 1.0, "size": 3}, "value.size", "one of the fields", "another field"),
        (ITEM, ("n", 1.0), "value", "a dict of fields", "tuple"),
        (SHAPE, "dot", "value", "a pair (case, payload)", "str"),
        (SHAPE, ("dot", 1), "value.dot", "no payload (None)", "int"),
        (SHAPE, ("square", 1), "value", "case dot or circle", "'square'"),
        (SHAPE, ("circle", -1), "value.circle", "u8 (0 to 255)", "-1"),
        (ResultType(U8, None), ("ok", "x"), "value.ok", "u8", "str"),
        (EnumType(("a", "b")), "c", "value", "one of a, b", "'c'"),
        (FlagsType(("a", "b")), {"c"}, "value", "names out of a, b", "'c'"),
        (FlagsType(("a", "b")), "a", "value", "a set of names", "str"),
        (OptionType(U8), "x", "value", "u8", "str"),
        (OptionType(OptionType(U8)), 4, "value", "None or Some(...)", "int"),
        (OptionType(OptionType(U8)), Some("x"), "value.value", "u8", "str"),
        (OwnType(GUEST), object(), "value", "a counter of this guest", "object"),
        (OwnType(GUEST), GuestResource(ResourceType("counter", None), 1, print), "value", "a counter", "Guest"),
        (OwnType(GUEST), GuestResource(GUEST, None, print), "value", "a counter", "GuestResource"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(type_: ValType, value: Any, path: str, expected: str, got: str) -> None:
    with pytest.raises(ValueMismatch) as caught:
        explain(type_, value, "value")
    assert caught.value.path == path
    assert caught.value.expected.startswith(expected)
    assert caught.value.got.startswith(got)
    assert not fits(type_, value)


def fits(type_: ValType, value: Any) -> bool:
    """What generated code thinks of it."""
    code = Code(
        {
            "BOOL": {bool},
            "FLOAT": {float},
            "INFINITY": float("inf"),
            "INT": {int},
            "STR": {str},
            "Some": Some,
            "holds": lambda value, resource: (
                isinstance(value, GuestResource)
                and value.resource is resource
                and value.representation is not None
            ),
            "is_text": lambda text: "\ud800" not in text,
        }
    )
    name = code.define("v", [f" return {Checker(code).condition(type_, 'v')}"], "fits")
    return bool(code.function(lambda: name)(value))


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (ORDER, {"items": [{"name": "é", "price": 0.5}], "paid": False}),
        (SHAPE, ("dot", None)),
        (SHAPE, ["circle", 255]),
        (ResultType(U8, TEXT), ("err", "x")),
        (TupleType((CHAR, OptionType(F32))), ("c", None)),
        (ListType(ListType(TEXT)), [["a"], []]),
        (ListType(Prim("s64")), [-(2**63), 2**63 - 1]),
        (ListType(Prim("bool")), [True, False]),
        (FlagsType(("a", "b")), frozenset("ab")),
        (OptionType(OptionType(U8)), Some(None)),
        (OwnType(GUEST), held()),
        (OwnType(HOST), None),
    ],
)
def test_the_usual_shapes_are_accepted_at_once(type_: ValType, value: Any) -> None:
    assert fits(type_, value)
