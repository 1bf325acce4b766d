"""Where values of WIT types stand in linear memory (CanonicalABI.md, "Alignment" and "Element Size"), and
about how much memory they take in Python.

How they stand in core values is in ``flatten``.
"""

from __future__ import annotations

from functools import lru_cache

from .types import (
    BorrowType,
    EnumType,
    FlagsType,
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

PRIM_FORMATS = {
    "bool": "B",
    "s8": "b",
    "u8": "B",
    "s16": "h",
    "u16": "H",
    "s32": "i",
    "u32": "I",
    "s64": "q",
    "u64": "Q",
    "f32": "f",
    "f64": "d",
    "char": "I",
}
"""``struct`` formats of the primitives in memory, all but ``string``."""

_FORMAT_SIZES = {"B": 1, "b": 1, "H": 2, "h": 2, "I": 4, "i": 4, "f": 4, "Q": 8, "q": 8, "d": 8}

WORD_FORMATS = {1: "B", 2: "H", 4: "I"}
"""``struct`` formats of discriminants and flags by size."""


def align_to(offset: int, alignment: int) -> int:
    """The next multiple of ``alignment``, a power of two."""
    return (offset + alignment - 1) & -alignment


def cases(type_: ValType) -> tuple[tuple[str, ValType | None], ...] | None:
    """The cases of what the ABI treats as a variant; None for other types."""
    match type_:
        case VariantType(named):
            return named
        case EnumType(names):
            return tuple((name, None) for name in names)
        case OptionType(item):
            return (("none", None), ("some", item))
        case ResultType(ok, err):
            return (("ok", ok), ("err", err))
        case _:
            return None


def discriminant_size(count: int) -> int:
    """Bytes of the discriminant of a variant with ``count`` cases."""
    return 1 if count <= 1 << 8 else 2 if count <= 1 << 16 else 4


def flags_size(count: int) -> int:
    """Bytes of flags with ``count`` names, at most 32."""
    return 1 if count <= 8 else 2 if count <= 16 else 4


@lru_cache(maxsize=4096)
def layout(type_: ValType) -> tuple[int, int]:
    """(size, alignment) in bytes."""
    match type_:
        case Prim("string") | ListType(length=None):
            return 8, 4
        case Prim(name):
            size = _FORMAT_SIZES[PRIM_FORMATS[name]]
            return size, size
        case OwnType() | BorrowType():
            return 4, 4
        case FlagsType(names):
            size = flags_size(len(names))
            return size, size
        case ListType(element, int(length)):
            size, alignment = layout(element)
            return size * length, alignment
        case RecordType(fields):
            return _sequence(tuple(field for _, field in fields))
        case TupleType(items):
            return _sequence(items)
        case _:
            return _union(type_)


def _sequence(fields: tuple[ValType, ...]) -> tuple[int, int]:
    alignment = max((layout(field)[1] for field in fields), default=1)
    if not fields:
        return 0, alignment
    end = field_offsets(fields)[-1] + layout(fields[-1])[0]
    return align_to(end, alignment), alignment


def _union(type_: ValType) -> tuple[int, int]:
    variants = cases(type_) or ()
    payloads = [layout(payload) for _, payload in variants if payload is not None]
    alignment = max([discriminant_size(len(variants)), *(alignment for _, alignment in payloads)])
    end = payload_offset(type_) + max((size for size, _ in payloads), default=0)
    return align_to(end, alignment), alignment


def field_offsets(fields: tuple[ValType, ...]) -> list[int]:
    """Where the members of a record or tuple stand, in bytes from its start."""
    offsets, end = [], 0
    for field in fields:
        size, alignment = layout(field)
        offsets.append(align_to(end, alignment))
        end = offsets[-1] + size
    return offsets


def payload_offset(variant: ValType) -> int:
    """Where the payload of a variant stands, in bytes from its start."""
    variants = cases(variant) or ()
    alignments = [layout(payload)[1] for _, payload in variants if payload is not None]
    return align_to(discriminant_size(len(variants)), max(alignments, default=1))


@lru_cache(maxsize=4096)
def footprint(type_: ValType) -> int:
    """About how many bytes a value takes as an item of a Python list, its place in that list included.

    Sizes of CPython 3.11. What is behind a string's or a list's pointer is not in it.
    """
    match type_:
        case Prim("bool") | EnumType() | FlagsType():
            return 8  # objects that exist already, or are kept for the next time
        case Prim("string") | ListType(length=None):
            return 8
        case Prim():
            return 40
        case OwnType() | BorrowType():
            return 80
        case ListType(element, int(length)):
            return 64 + length * footprint(element)
        case RecordType(fields):
            return 200 + sum(footprint(field) for _, field in fields)
        case TupleType(items):
            return 64 + sum(footprint(item) for item in items)
        case _:
            return 72 + max(
                (footprint(item) for _, item in cases(type_) or () if item is not None), default=0
            )
