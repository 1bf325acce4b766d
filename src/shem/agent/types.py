"""The types of an agent's values, as the host works with them.

There is one class per way in which values are written as JSON: WIT has one ``list``, JSON shows a list, a
set, an object or base64. ``wit_type`` makes them from what a guest says, ``values`` reads and writes values
by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True, eq=False)
class Type:
    """A type. ``text`` is how people read it: ``list[str]``, ``Order``, ``int | None``."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Bool(Type):
    """JSON: true, false."""


@dataclass(frozen=True, slots=True, eq=False)
class Int(Type):
    """An integer of ``low`` to ``high``; ``wit`` is ``s8`` .. ``u64``."""

    wit: str
    low: int
    high: int


@dataclass(frozen=True, slots=True, eq=False)
class Float(Type):
    """A float of 32 or 64 bits. JSON: a number, or one of "NaN", "Infinity", "-Infinity"."""

    bits: int


@dataclass(frozen=True, slots=True, eq=False)
class Char(Type):
    """One Unicode scalar value. JSON: a string of length one."""


@dataclass(frozen=True, slots=True, eq=False)
class String(Type):
    """A string; ``format`` is "" or what it must look like: ``datetime``, ``uuid``, ``decimal``."""

    format: str


@dataclass(frozen=True, slots=True, eq=False)
class Nothing(Type):
    """The one value None: a tuple of no items. JSON: null."""


@dataclass(frozen=True, slots=True, eq=False)
class Bytes(Type):
    """``list<u8>``. JSON: base64; an array of integers is taken as well."""


@dataclass(frozen=True, slots=True, eq=False)
class List(Type):
    item: Schema


@dataclass(frozen=True, slots=True, eq=False)
class Set(Type):
    """JSON: an array; what is in it twice counts once."""

    item: Schema


@dataclass(frozen=True, slots=True, eq=False)
class Dict(Type):
    """JSON: an object where keys are plain strings, else an array of pairs."""

    key: Schema
    value: Schema


@dataclass(frozen=True, slots=True, eq=False)
class Tuple(Type):
    items: tuple[Schema, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Record(Type):
    """JSON: an object; fields of a ``Defaulted`` type may be missing."""

    fields: tuple[tuple[str, Schema], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Variant(Type):
    """JSON: {"case": payload}, or "case" where it has none."""

    cases: tuple[tuple[str, Schema | None], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Union(Type):
    """A variant without visible cases. JSON: the payload; the first case that it fits is taken."""

    cases: tuple[Schema, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Enum(Type):
    """JSON: the case name."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Type):
    """An enum whose case names are JSON texts. JSON: the value that the text stands for."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Flags(Type):
    """JSON: an array of names."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Option(Type):
    """JSON: null or the value; ``some(none)`` has no JSON of its own."""

    item: Schema


@dataclass(frozen=True, slots=True, eq=False)
class Defaulted(Type):
    """What may be left out: an option whose none stands for the guest's own default.

    ``known`` says whether ``default`` is that default as JSON; else only the guest can tell.
    """

    item: Schema
    known: bool
    default: Any


@dataclass(frozen=True, slots=True, eq=False)
class Result(Type):
    """JSON: {"ok": value} or {"err": error}, null where there is no payload."""

    ok: Schema | None
    err: Schema | None


Schema: TypeAlias = (
    Bool
    | Int
    | Float
    | Char
    | String
    | Nothing
    | Bytes
    | List
    | Set
    | Dict
    | Tuple
    | Record
    | Variant
    | Union
    | Enum
    | Literal
    | Flags
    | Option
    | Defaulted
    | Result
)


@dataclass(frozen=True, slots=True, eq=False)
class UnstructuredText(Type):
    """Text by itself, or where to find it. JSON: a string, {"data", "language"} or {"url"}.

    ``languages`` are the language codes that it may have; empty where any will do.
    """

    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class UnstructuredBinary(Type):
    """Bytes with a MIME type, or where to find them. JSON: {"data": base64, "mime_type"} or {"url"}.

    ``mime_types`` are those that it may have; empty where any will do.
    """

    mime_types: tuple[str, ...]


ElementSchema: TypeAlias = Schema | UnstructuredText | UnstructuredBinary


def takes_null(schema: Schema) -> bool:
    """Whether JSON null is a value of the type."""
    match schema:
        case Option() | Nothing():
            return True
        case Union(cases=cases):
            return any(takes_null(case) for case in cases)
        case Literal(values=values):
            return None in values
        case _:
            return False
