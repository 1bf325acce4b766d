"""The core signatures of component functions: the canonical ABI's flattening (CanonicalABI.md, "Flattening").

A value that fits in registers is *flat*: a few core values. A function with more than ``MAX_FLAT_PARAMS`` of
them takes one pointer to its parameters in memory, one with more than ``MAX_FLAT_RESULTS`` returns one
pointer to its result.
"""

from __future__ import annotations

from .core import CoreSignature
from .types import (
    BorrowType,
    EnumType,
    FlagsType,
    FuncType,
    ListType,
    OptionType,
    OwnType,
    Prim,
    RecordType,
    ResultType,
    TupleType,
    ValType,
    VariantType,
)

MAX_FLAT_PARAMS = 16
MAX_FLAT_RESULTS = 1

_PRIMITIVES = {
    "s64": ("i64",),
    "u64": ("i64",),
    "f32": ("f32",),
    "f64": ("f64",),
    "string": ("i32", "i32"),
}


def flatten(type_: ValType, limit: int = MAX_FLAT_PARAMS) -> tuple[str, ...] | None:
    """The core types of a value, or None when they are more than ``limit``. Never builds more than that."""
    match type_:
        case Prim(name):
            flat: tuple[str, ...] | None = _PRIMITIVES.get(name, ("i32",))
        case ListType(element, None):
            flat = ("i32", "i32")
        case ListType(element, int(length)):
            one = flatten(element, limit) if length <= limit else None
            flat = None if one is None or len(one) * length > limit else one * length
        case RecordType(fields):
            flat = _sequence([t for _, t in fields], limit)
        case TupleType(items):
            flat = _sequence(items, limit)
        case VariantType(cases):
            flat = _union([t for _, t in cases], limit)
        case OptionType(item):
            flat = _union([item], limit)
        case ResultType(ok, err):
            flat = _union([ok, err], limit)
        case FlagsType(names):
            words = (len(names) + 31) // 32
            flat = ("i32",) * words if words <= limit else None
        case EnumType() | OwnType() | BorrowType():
            flat = ("i32",)
    return None if flat is None or len(flat) > limit else flat


def _sequence(types: list[ValType] | tuple[ValType, ...], limit: int) -> tuple[str, ...] | None:
    flat: list[str] = []
    for type_ in types:
        more = flatten(type_, limit - len(flat))
        if more is None:
            return None
        flat += more
    return tuple(flat)


def _union(payloads: list[ValType | None] | list[ValType], limit: int) -> tuple[str, ...] | None:
    """A discriminant, and behind it cells wide enough for the payload of any case."""
    joined: list[str] = []
    for payload in payloads:
        cells = () if payload is None else flatten(payload, limit - 1)
        if cells is None:
            return None
        for number, cell in enumerate(cells):
            if number == len(joined):
                joined.append(cell)
            elif joined[number] != cell:
                joined[number] = "i32" if {joined[number], cell} == {"i32", "f32"} else "i64"
    return ("i32", *joined)


def _params(type_: FuncType) -> tuple[str, ...]:
    flat = _sequence([t for _, t in type_.params], MAX_FLAT_PARAMS)
    return ("i32",) if flat is None else flat


def lifted_signature(type_: FuncType) -> CoreSignature:
    """What a core function must have that is lifted to ``type_``."""
    result: tuple[str, ...] | None = ()
    if type_.result is not None:
        result = flatten(type_.result, MAX_FLAT_RESULTS)
    return CoreSignature(_params(type_), ("i32",) if result is None else result)


def lowered_signature(type_: FuncType) -> CoreSignature:
    """What lowering makes of ``type_``; a pointer for the result, where needed, is the last parameter."""
    result: tuple[str, ...] | None = ()
    if type_.result is not None:
        result = flatten(type_.result, MAX_FLAT_RESULTS)
    if result is None:
        return CoreSignature((*_params(type_), "i32"), ())
    return CoreSignature(_params(type_), result)


def spills_params(type_: FuncType) -> bool:
    """Whether the parameters go through memory."""
    return _sequence([t for _, t in type_.params], MAX_FLAT_PARAMS) is None


def spills_result(type_: FuncType) -> bool:
    """Whether the result goes through memory."""
    return type_.result is not None and flatten(type_.result, MAX_FLAT_RESULTS) is None
