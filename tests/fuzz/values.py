"""WIT types and Python values at random: values that fit, and values that were spoiled."""

from __future__ import annotations

import random
from typing import Any

from shem.wasm.types import (
    EnumType,
    FlagsType,
    ListType,
    OptionType,
    Prim,
    PrimName,
    RecordType,
    ResultType,
    Some,
    TupleType,
    ValType,
    VariantType,
)

PRIMITIVES: tuple[PrimName, ...] = (
    "bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string", "string",
)  # fmt: skip

TEXTS = ("", "a", "abc", "é", "☃ snow", "🜁", "x" * 40, "\0")
NUMBERS = (0.0, -0.0, 1.5, -2.25, float("inf"), -float("inf"), float("nan"))


def random_type(rng: random.Random, depth: int = 3) -> ValType:
    """A type at most ``depth`` deep, without resources."""
    if depth == 0 or rng.random() < 0.15:
        return Prim(rng.choice(PRIMITIVES))

    def inner() -> ValType:
        return random_type(rng, depth - 1)

    def maybe() -> ValType | None:
        return inner() if rng.random() < 0.7 else None

    def names(most: int) -> tuple[str, ...]:
        return tuple(f"n{number}" for number in range(rng.randrange(1, most + 1)))

    match rng.randrange(9):
        case 0 | 1:
            return ListType(inner())
        case 2:
            return ListType(inner(), rng.randrange(1, 5))
        case 3:
            return RecordType(tuple((name, inner()) for name in names(6)))
        case 4:
            return TupleType(tuple(inner() for _ in range(rng.randrange(1, 5))))
        case 5:
            return VariantType(tuple((name, maybe()) for name in names(6)))
        case 6:
            return OptionType(inner())
        case 7:
            return ResultType(maybe(), maybe())
        case _:
            many = names(rng.choice((3, 9, 17, 32)))
            return EnumType(many) if rng.random() < 0.5 else FlagsType(many)


def random_value(rng: random.Random, type_: ValType) -> Any:
    """A value that fits."""
    match type_:
        case Prim("bool"):
            return rng.random() < 0.5
        case Prim("char"):
            return rng.choice(("a", "é", "☃", "🜁", "\0", "\ud7ff"))
        case Prim("string"):
            return rng.choice(TEXTS)
        case Prim("f32" | "f64"):
            return rng.choice(NUMBERS)
        case Prim(name):
            bits = int(name[1:])
            low = -(1 << (bits - 1)) if name[0] == "s" else 0
            return rng.choice((0, 1, low, low + (1 << bits) - 1, low + rng.getrandbits(bits)))
        case ListType(element, length):
            count = rng.randrange(4) if length is None else length
            items = [random_value(rng, element) for _ in range(count)]
            if element == Prim("u8"):
                return rng.choice((bytes, bytearray))(items)
            return items if rng.random() < 0.8 else tuple(items)
        case RecordType(fields):
            return {name: random_value(rng, field) for name, field in fields}
        case TupleType(items):
            return tuple(random_value(rng, item) for item in items)
        case VariantType(cases):
            return _case(rng, cases)
        case ResultType(ok, err):
            return _case(rng, (("ok", ok), ("err", err)))
        case OptionType(item):
            if rng.random() < 0.4:
                return None
            value = random_value(rng, item)
            return Some(value) if isinstance(item, OptionType) else value
        case EnumType(names):
            return rng.choice(names)
        case FlagsType(names):
            return frozenset(name for name in names if rng.random() < 0.5)
        case _:
            raise AssertionError(type_)


def _case(rng: random.Random, cases: tuple[tuple[str, ValType | None], ...]) -> tuple[str, Any]:
    name, payload = rng.choice(cases)
    return name, None if payload is None else random_value(rng, payload)


WILD: tuple[Any, ...] = (
    None, True, -1, 256, 1 << 64, 10**400, 1.5, float("nan"), 1e39, "", "a", "n0", "ab", "\ud800", "ok", b"", b"x",
    [], [None], {}, {"n0": 1}, (), ("ok",), ("ok", None), ("n0", 1), (1, 2), {"n0"}, frozenset(), Some(None),
    Some(1), object(), 1j, range(3), bytearray(b"xy"), memoryview(b"abcd").cast("H"), type, [[]], ([], {}),
)  # fmt: skip


def spoiled(rng: random.Random, value: Any) -> Any:
    """The value with something in it replaced by something else, which may fit by chance."""
    if rng.random() < 0.3:
        return rng.choice(WILD)
    match value:
        case dict() if value:
            name = rng.choice(sorted(value))
            if rng.random() < 0.2:
                return {key: item for key, item in value.items() if key != name} | ({} if name else {"x": 1})
            return value | {name: spoiled(rng, value[name])}
        case list() | tuple() if value:
            items = list(value)
            at = rng.randrange(len(items))
            if rng.random() < 0.15:
                del items[at]
            else:
                items[at] = spoiled(rng, items[at])
            return type(value)(items)
        case Some(inner):
            return Some(spoiled(rng, inner))
        case frozenset():
            return value | {rng.choice(("n40", "", 1, None))}
        case _:
            return rng.choice(WILD)


def same(one: Any, other: Any) -> bool:
    """Whether two values that were read are the same, a NaN being the same as another."""
    if type(one) is not type(other):
        return False
    match one:
        case float():
            return repr(one) == repr(other)
        case dict():
            return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
        case list() | tuple():
            return len(one) == len(other) and all(map(same, one, other))
        case Some(inner):
            return same(inner, other.value)
        case _:
            return bool(one == other)
