"""Annotations become the types of the contract, and what cannot cross is refused with its place."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from decimal import Decimal
from types import ModuleType
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import pytest

from shem_sdk.annotations import Refused, field_of, shape_of
from shem_sdk.schema import output_schema, wit_type, wit_type_of_field
from shem_sdk.shapes import Scalar


class Level(enum.Enum):
    LOW = 1
    HIGH = 2


@dataclass
class Item:
    sku: str
    price: Decimal = Decimal("1.50")
    extras: list[str] = field(default_factory=list)
    note: str | None = None


class Node(TypedDict):
    children: list[Node]


class Untyped(NamedTuple):
    pass


def text(types: ModuleType, annotation: object) -> str:
    """A type as text: nested nodes, with names and owners in front."""
    return render(wit_type(types, shape_of(annotation, "value")).nodes, 0)


def render(nodes: list[Any], index: int) -> str:
    node = nodes[index]
    kind = type(node.type).__name__.removeprefix("WitTypeNode_").removesuffix("Type")
    inner = getattr(node.type, "value", None)
    match inner:
        case None:
            body = ""
        case int():
            body = f"<{render(nodes, inner)}>"
        case list():
            parts = []
            for part in inner:
                match part:
                    case int():
                        parts.append(render(nodes, part))
                    case (name, child):
                        parts.append(f"{name}: {render(nodes, child)}")
                    case name:
                        parts.append(name)
            body = f"<{', '.join(parts)}>"
    labels = "".join(f"{label} " for label in (node.owner, node.name) if label)
    return f"{labels}{kind}{body}"


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (bool, "PrimBool"),
        (int, "PrimS64"),
        (float, "PrimF64"),
        (str, "PrimString"),
        (bytes, "List<PrimU8>"),
        (None, "shem/none Tuple<>"),
        (Decimal, "shem/decimal PrimString"),
        (datetime, "shem/datetime PrimString"),
        (UUID, "shem/uuid PrimString"),
        (list[int], "List<PrimS64>"),
        (set[int], "shem/set List<PrimS64>"),
        (tuple[int, str], "Tuple<PrimS64, PrimString>"),
        (dict[str, int], "shem/dict List<Tuple<PrimString, PrimS64>>"),
        (int | None, "Option<PrimS64>"),
        (int | str, "shem/union Variant<int: PrimS64, str: PrimString>"),
        (
            list[int] | list[str],
            "shem/union Variant<list-0: List<PrimS64>, list-1: List<PrimString>>",
        ),
        (Literal["a", 1], 'shem/literal Enum<"a", 1>'),
        (Level, "Level Enum<LOW, HIGH>"),
        (
            Item,
            'Item Record<sku: PrimString, price: shem/default:"1.50" Option<shem/decimal PrimString>, '
            "extras: shem/default Option<List<PrimString>>, note: shem/default:null Option<PrimString>>",
        ),
    ],
)
def test_each_type_has_its_node_and_hint(types: ModuleType, annotation: object, expected: str) -> None:
    assert text(types, annotation) == expected


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        (int, 1, "shem/default:1 Option<PrimS64>"),
        (str, "é", 'shem/default:"é" Option<PrimString>'),
        (int | None, None, "shem/default:null Option<PrimS64>"),
        (int | None, 5, "shem/default:5 Option<Option<PrimS64>>"),
        (Level, Level.HIGH, 'shem/default:"HIGH" Option<Level Enum<LOW, HIGH>>'),
        (dict[str, int], {"a": 1}, None),
        (list[int], object(), "shem/default Option<List<PrimS64>>"),
    ],
)
def test_a_parameter_with_a_default_may_be_left_out(
    types: ModuleType, annotation: object, default: object, expected: str | None
) -> None:
    described = field_of("x", annotation, "parameter 'x'", default)
    rendered = render(wit_type_of_field(types, described).nodes, 0)
    assert rendered == (expected or 'shem/default:{"a":1} Option<shem/dict List<Tuple<PrimString, PrimS64>>>')


def test_no_result_is_an_empty_output(types: ModuleType) -> None:
    assert output_schema(types, Scalar("None")).value == []
    assert output_schema(types, Scalar("int")).value[0][0] == "return-value"


def test_a_comment_in_annotated_documents_the_parameter() -> None:
    class Doc:
        documentation = "and how"

    assert field_of("x", Annotated[int, " what ", 3, Doc()], "parameter 'x'").description == "what and how"


@dataclass
class Mutable:
    x: int


@dataclass
class Seeded:
    x: InitVar[int]


class Permission(enum.Flag):
    READ = 1


class Nothing(enum.Enum):
    pass


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (complex, "complex cannot cross"),
        (list, "say what is in it"),
        (dict, "say what is in it"),
        (Any, "name the type"),
        (object, "name the type"),
        (Iterator[int], "cannot cross"),
        (Callable[[int], int], "cannot cross"),
        (list[complex], r"value\[...\]: complex"),
        (dict[str, complex], r"value\[...\]: complex"),
        (set[Mutable], "hashable"),
        (dict[list[int], int], "hashable"),
        (Seeded, "InitVar"),
        (Node, "contains itself"),
        (Permission, "Flag"),
        (Nothing, "no members"),
        (Literal[b"x"], "Literal"),
        (type, "cannot cross"),
    ],
)
def test_what_cannot_cross_is_refused(annotation: object, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        shape_of(annotation, "value")
