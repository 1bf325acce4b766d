"""What can cross an agent's border, as plain data: the shapes that annotations are read into.

``schema`` makes the types of the Golem contract from a shape, ``encode`` and ``decode`` the functions that
carry values across, ``natural`` the JSON that people see.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias
from uuid import UUID

ScalarName: TypeAlias = Literal["bool", "int", "float", "str", "bytes", "None", "Decimal", "datetime", "UUID"]


@dataclass(frozen=True, slots=True)
class Scalar:
    name: ScalarName


@dataclass(frozen=True, slots=True)
class ListOf:
    """``python`` is the type that values of it have: list, tuple, set or frozenset."""

    item: Shape
    python: type


@dataclass(frozen=True, slots=True)
class TupleOf:
    items: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class DictOf:
    key: Shape
    value: Shape


@dataclass(frozen=True, slots=True)
class OptionOf:
    item: Shape


@dataclass(frozen=True, slots=True)
class UnionOf:
    """``classes`` are the Python types of the cases: a value takes the case of its own type first."""

    names: tuple[str, ...]
    cases: tuple[Shape, ...]
    classes: tuple[type | None, ...]


@dataclass(frozen=True, slots=True)
class EnumOf:
    """``names`` are the case names on the wire, ``values`` what they stand for, in the same order.

    ``python`` is the Enum class, or None for a Literal.
    """

    names: tuple[str, ...]
    values: tuple[Any, ...]
    python: type[enum.Enum] | None


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record, or a parameter.

    Where ``optional`` it may be left out; ``default`` is then JSON text of what it will be, or None where
    only the guest can tell.
    """

    name: str
    shape: Shape
    optional: bool = False
    default: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class RecordOf:
    """``kind`` says how a value is taken apart and made: ``object`` by attributes, ``dict`` by keys."""

    python: type
    fields: tuple[Field, ...]
    kind: Literal["object", "dict"]


Shape: TypeAlias = Scalar | ListOf | TupleOf | DictOf | OptionOf | UnionOf | EnumOf | RecordOf

NONE = Scalar("None")

PYTHON_SCALARS: Mapping[ScalarName, type] = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "bytes": bytes,
    "None": type(None),
    "Decimal": Decimal,
    "datetime": datetime,
    "UUID": UUID,
}
