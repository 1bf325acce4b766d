"""Flattening follows the canonical ABI, and never builds more than its limit."""

from __future__ import annotations

import pytest

from shem.wasm.core import CoreSignature
from shem.wasm.flatten import (
    flatten,
    lifted_signature,
    lowered_signature,
    spills_params,
    spills_result,
)
from shem.wasm.types import (
    BorrowType,
    EnumType,
    FlagsType,
    FuncType,
    ListType,
    OptionType,
    OwnType,
    Prim,
    RecordType,
    ResourceType,
    ResultType,
    TupleType,
    ValType,
    VariantType,
)

U8, U64, F32, F64, STRING = Prim("u8"), Prim("u64"), Prim("f32"), Prim("f64"), Prim("string")
FILE = ResourceType("file", None)


@pytest.mark.parametrize(
    ("type_", "cells"),
    [
        (Prim("bool"), "i32"),
        (Prim("char"), "i32"),
        (Prim("s64"), "i64"),
        (U64, "i64"),
        (F32, "f32"),
        (F64, "f64"),
        (STRING, "i32 i32"),
        (ListType(U64), "i32 i32"),
        (ListType(U64, 3), "i64 i64 i64"),
        (RecordType((("a", U8), ("b", F64))), "i32 f64"),
        (TupleType((STRING, U64)), "i32 i32 i64"),
        (EnumType(("a", "b")), "i32"),
        (FlagsType(("a",)), "i32"),
        (FlagsType(tuple(map(str, range(33)))), "i32 i32"),
        (OwnType(FILE), "i32"),
        (BorrowType(FILE), "i32"),
        (OptionType(F32), "i32 f32"),
        (ResultType(None, None), "i32"),
        (ResultType(F32, U8), "i32 i32"),
        (ResultType(F32, F64), "i32 i64"),
        (ResultType(U64, STRING), "i32 i64 i32"),
        (VariantType((("a", None), ("b", F32), ("c", F32))), "i32 f32"),
        (VariantType((("a", TupleType((U8, F64))), ("b", U64))), "i32 i64 f64"),
    ],
)
def test_a_value_becomes_these_core_values(type_: ValType, cells: str) -> None:
    assert flatten(type_) == tuple(cells.split())


def test_sixteen_cells_are_flat_and_seventeen_are_not() -> None:
    assert flatten(TupleType((U8,) * 16)) == ("i32",) * 16
    assert flatten(TupleType((U8,) * 17)) is None
    assert flatten(OptionType(TupleType((U8,) * 16))) is None
    assert flatten(ListType(STRING, 8)) == ("i32",) * 16
    assert flatten(ListType(STRING, 9)) is None
    assert flatten(ListType(U8, 2**32 - 1)) is None


def test_a_signature_passes_what_is_flat_and_points_to_the_rest() -> None:
    flat = FuncType((("a", U64), ("b", STRING)), F32)
    assert lifted_signature(flat) == lowered_signature(flat) == CoreSignature(("i64", "i32", "i32"), ("f32",))
    nothing = FuncType((), None)
    assert lifted_signature(nothing) == lowered_signature(nothing) == CoreSignature((), ())
    wide = FuncType((("a", TupleType((U64,) * 17)),), STRING)
    assert lifted_signature(wide) == CoreSignature(("i32",), ("i32",))
    assert lowered_signature(wide) == CoreSignature(("i32", "i32"), ())


def test_what_goes_through_memory_is_known() -> None:
    assert not spills_params(FuncType((("a", TupleType((U8,) * 16)),), None))
    assert spills_params(FuncType((("a", U8),) * 17, None))
    assert not spills_result(FuncType((), U64))
    assert not spills_result(FuncType((), None))
    assert spills_result(FuncType((), STRING))
