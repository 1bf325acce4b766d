"""WIT types, and the one mapping of their values to Python values, the same in both directions.

    bool                      bool
    s8 .. s64, u8 .. u64      int
    f32, f64                  float
    char                      str of one Unicode scalar value
    string                    str
    list<u8>                  bytes (bytearray and memoryview are taken as well)
    list<T>, list<T, n>       list (any sequence is taken)
    tuple<A, B>               tuple (any sequence of that length is taken)
    record                    dict of field name, as in WIT, to value
    variant                   (case name, payload), payload None where the case has none
    enum                      str, the case name
    flags                     frozenset of str (any iterable of names is taken)
    option<T>                 None or the value; where T is itself an option, None or Some(value)
    result<T, E>              ("ok", value) or ("err", error), None where there is no payload
    own<R>, borrow<R>         of a host resource: the host's own object; of a guest resource: a GuestResource

Types are immutable and compare by structure, resources by identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

PrimName: TypeAlias = Literal[
    "bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string"
]


@dataclass(frozen=True, slots=True)
class Prim:
    name: PrimName


@dataclass(frozen=True, slots=True)
class ListType:
    """``list<element>``; with ``length`` the fixed-size ``list<element, length>``."""

    element: ValType
    length: int | None = None


@dataclass(frozen=True, slots=True)
class RecordType:
    fields: tuple[tuple[str, ValType], ...]


@dataclass(frozen=True, slots=True)
class TupleType:
    items: tuple[ValType, ...]


@dataclass(frozen=True, slots=True)
class VariantType:
    cases: tuple[tuple[str, ValType | None], ...]


@dataclass(frozen=True, slots=True)
class EnumType:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlagsType:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OptionType:
    item: ValType


@dataclass(frozen=True, slots=True)
class ResultType:
    ok: ValType | None
    err: ValType | None


@dataclass(frozen=True, slots=True, eq=False)
class ResourceType:
    """The identity of a resource type.

    ``interface`` names the host interface that it was imported from, or is None for one that the guest defines.
    """

    name: str
    interface: str | None


@dataclass(frozen=True, slots=True)
class OwnType:
    resource: ResourceType


@dataclass(frozen=True, slots=True)
class BorrowType:
    resource: ResourceType


ValType: TypeAlias = (
    Prim
    | ListType
    | RecordType
    | TupleType
    | VariantType
    | EnumType
    | FlagsType
    | OptionType
    | ResultType
    | OwnType
    | BorrowType
)


@dataclass(frozen=True, slots=True)
class FuncType:
    """A component function: named parameters and at most one result."""

    params: tuple[tuple[str, ValType], ...]
    result: ValType | None


@dataclass(frozen=True, slots=True)
class Some:
    """The outer ``some`` of an ``option<option<T>>``."""

    value: object
