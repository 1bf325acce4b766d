"""Strategies for WIT types and for the values of each."""

from __future__ import annotations

import string
import struct
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from shem.wasm.types import (
    EnumType,
    FlagsType,
    ListType,
    OptionType,
    Prim,
    RecordType,
    ResultType,
    Some,
    TupleType,
    ValType,
    VariantType,
)

INTEGERS = ["s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64"]


def names(least: int, most: int) -> st.SearchStrategy[tuple[str, ...]]:
    word = st.text(string.ascii_lowercase, min_size=1, max_size=4)
    return st.lists(word, min_size=least, max_size=most, unique=True).map(tuple)


primitives = st.sampled_from(["bool", "f32", "f64", "char", "string", *INTEGERS]).map(Prim)


def compound(item: st.SearchStrategy[ValType]) -> st.SearchStrategy[ValType]:
    maybe = st.none() | item
    items = st.lists(item, min_size=1, max_size=5)
    return st.one_of(
        item.map(ListType),
        item.map(OptionType),
        st.builds(ResultType, maybe, maybe),
        items.map(lambda parts: TupleType(tuple(parts))),
        st.builds(lambda n, t: RecordType(tuple(zip(n, t, strict=False))), names(1, 5), items).filter(
            lambda record: len(record.fields) > 0
        ),
        names(1, 5).flatmap(
            lambda n: st.lists(maybe, min_size=len(n), max_size=len(n)).map(
                lambda t: VariantType(tuple(zip(n, t, strict=True)))
            )
        ),
        names(1, 20).map(EnumType),
        names(1, 32).map(FlagsType),
    )


types = st.recursive(primitives, compound, max_leaves=8)


def values(type_: ValType) -> st.SearchStrategy[Any]:
    match type_:
        case Prim("bool"):
            return st.booleans()
        case Prim("char"):
            return st.characters(exclude_categories=["Cs"])
        case Prim("string"):
            return st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
        case Prim("f32"):
            return st.floats(width=32).map(_one_nan)
        case Prim("f64"):
            return st.floats().map(_one_nan)
        case Prim(name):
            bits = int(name[1:])
            low = -(1 << (bits - 1)) if name[0] == "s" else 0
            return st.integers(low, low + (1 << bits) - 1)
        case ListType(Prim("u8")):
            return st.binary(max_size=12)
        case ListType(element, length):
            return st.lists(values(element), min_size=length or 0, max_size=length or 4)
        case OptionType(OptionType() as item):
            return st.none() | values(item).map(Some)
        case OptionType(item):
            return st.none() | values(item)
        case TupleType(items):
            return st.tuples(*map(values, items))
        case RecordType(fields):
            return st.fixed_dictionaries({name: values(field) for name, field in fields})
        case VariantType(cases):
            return st.one_of([st.tuples(st.just(name), payloads(item)) for name, item in cases])
        case ResultType(ok, err):
            return st.one_of(st.tuples(st.just("ok"), payloads(ok)), st.tuples(st.just("err"), payloads(err)))
        case EnumType(cases):
            return st.sampled_from(cases)
        case FlagsType(flags):
            return st.frozensets(st.sampled_from(flags))
        case _:
            raise AssertionError(type_)


def _one_nan(number: float) -> float:
    """The oracle passes on the bits of a NaN that the host gives; ours are all the same one."""
    return number if number == number else float("nan")


def payloads(type_: ValType | None) -> st.SearchStrategy[Any]:
    return st.none() if type_ is None else values(type_)


def bits(value: Any) -> Any:
    """The value with its floats as bits and its sets in order, so that equal means equal."""
    match value:
        case float():
            return struct.pack("<d", value if value == value else float("nan"))
        case dict():
            return {name: bits(item) for name, item in value.items()}
        case list() | tuple():
            return type(value)(bits(item) for item in value)
        case Some(inner):
            return Some(bits(inner))
        case _:
            return value


def examples(count: int) -> settings:
    """Every example compiles a component twice, which takes its time on a busy machine."""
    return settings(max_examples=count, deadline=None, suppress_health_check=[HealthCheck.too_slow])
