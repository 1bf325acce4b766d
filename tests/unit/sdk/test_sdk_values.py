"""Values of every type that an agent may use come back from the border as they went."""

from __future__ import annotations

import enum
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import ModuleType
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Optional, TypedDict, Union
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shem_sdk.annotations import shape_of
from shem_sdk.decode import Decoders
from shem_sdk.encode import Encoders
from shem_sdk.values import Mismatch

Names = typing.NewType("Names", str)


class Color(enum.Enum):
    RED = "r"
    GREEN = "g"


@dataclass
class Point:
    x: int
    y: float = 0.5
    label: str | None = None
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Pair:
    left: int
    right: str


class Named(NamedTuple):
    a: int
    b: str = "b"


class Typed(TypedDict):
    needed: int
    extra: NotRequired[str]


def border(
    types: ModuleType, annotation: object
) -> tuple[Callable[[Any], list[Any]], Callable[[list[Any]], Any]]:
    shape = shape_of(annotation, "value")
    encode, decode = Encoders(types).of(shape), Decoders(types).of(shape)

    def out(value: Any) -> list[Any]:
        nodes: list[Any] = []
        assert encode(nodes, value) == 0, "the root is the first node"
        assert None not in nodes
        return nodes

    return out, lambda nodes: decode(nodes, nodes[0])


I64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
STRATEGIES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (bool, st.booleans()),
    (int, I64),
    (float, st.floats(allow_nan=False)),
    (str, TEXT),
    (bytes, st.binary(max_size=300)),
    (None, st.none()),
    (Names, TEXT),
    (Decimal, st.decimals(allow_nan=False)),
    (UUID, st.uuids()),
    (
        datetime,
        st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=-3, minutes=-30))])),
    ),
    (list[int], st.lists(I64)),
    (tuple[int, ...], st.lists(I64).map(tuple)),
    (tuple[int, str], st.tuples(I64, TEXT)),
    (tuple[()], st.just(())),
    (set[str], st.sets(TEXT)),
    (frozenset[int], st.frozensets(I64)),
    (set[Pair], st.sets(st.builds(Pair, I64, TEXT))),
    (dict[str, list[float]], st.dictionaries(TEXT, st.lists(st.floats(allow_nan=False)))),
    (dict[int, None], st.dictionaries(I64, st.none())),
    (Optional[int], st.none() | I64),  # noqa: UP045  # the old spelling is an annotation as well
    (Union[int, str, list[int], None], st.none() | I64 | TEXT | st.lists(I64)),  # noqa: UP007  # as above
    (bool | int | float, st.booleans() | I64 | st.floats(allow_nan=False)),
    (list[int] | list[str], st.lists(I64, min_size=1) | st.lists(TEXT)),
    (Literal["a", 1, True, None], st.sampled_from(["a", 1, True, None])),
    (Color, st.sampled_from(Color)),
    (Point, st.builds(Point, I64, st.floats(allow_nan=False), st.none() | TEXT, st.lists(TEXT))),
    (Named, st.builds(Named, I64, TEXT)),
    (Typed, st.fixed_dictionaries({"needed": I64}, optional={"extra": TEXT})),
    (Annotated[int, "a number"], I64),
    (list[Point | Pair | Color], st.lists(st.builds(Pair, I64, TEXT) | st.sampled_from(Color))),
]


@settings(max_examples=30)  # per type, of which there are thirty
@given(data=st.data())
@pytest.mark.parametrize(("annotation", "values"), STRATEGIES, ids=lambda p: str(p)[:40])
def test_a_value_comes_back_as_it_went(
    types: ModuleType, annotation: Any, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    out, back = border(types, annotation)
    value = data.draw(values)
    returned = back(out(value))
    assert returned == value
    assert type(returned) is type(value)


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (int, "1", "expected int, got str '1'"),
        (int, 2**63, "expected int of at most 64 bits"),
        (float, True, "expected float, got bool True"),
        (float, 10**400, "expected float"),
        (str, None, "expected str, got None"),
        (str, "\ud800", "surrogate"),
        (bool, 1, "expected bool"),
        (None, 0, "expected None"),
        (list[int], [1, "2"], r"^\[1\]: expected int, got str '2'$"),
        (tuple[int, int], (1,), "expected tuple of 2"),
        (dict[str, int], {"a": None}, r"^\['a'\]: expected int, got None$"),
        (Point, Pair(1, "x"), "expected Point, got Pair"),
        (list[Point], [Point(1), Point("2")], r"^\[1\]\.x: expected int"),  # type: ignore[arg-type]  # the point
        (Typed, {"extra": "x"}, "without 'needed'"),
        (int | str, 1.5, r"int \| str, got float"),
        (Literal[1], True, "one of 1, got bool True"),
        (Color, "RED", "Color"),
        (UUID, "no", "UUID"),
    ],
)
def test_what_does_not_fit_is_named_with_its_path(
    types: ModuleType, annotation: Any, value: Any, message: str
) -> None:
    out, _ = border(types, annotation)
    with pytest.raises(Mismatch, match=message):
        out(value)


def test_a_value_whose_text_cannot_be_made_is_still_named(types: ModuleType) -> None:
    class Silent:
        def __repr__(self) -> str:
            raise RuntimeError

    with pytest.raises(Mismatch, match="expected int, got Silent"):
        border(types, int)[0](Silent())


@pytest.mark.parametrize(
    ("annotation", "sent_as", "sent", "message"),
    [
        (int, str, "1", "expected int, got PrimString '1'"),
        (list[int], list[str], ["a"], r"^\[0\]: expected int"),
        (dict[str, int], dict[str, str], {"a": "b"}, r"^\['a'\]: expected int"),
        (dict[int, int], dict[str, int], {"a": 1}, "key 0"),
        (Pair, tuple[int], (1,), "expected Pair"),
        (tuple[int, str], tuple[int], (1,), "expected tuple of 2"),
        (bytes, list[int], [1], "expected bytes"),
        (UUID, str, "no", "expected UUID, got 'no'"),
        (Decimal, str, "no", "expected Decimal"),
        (datetime, str, "no", "RFC 3339"),
        (Color, int, 1, "an enum"),
        (int | str, int, 1, "a variant"),
        (int | None, int, 1, "an option"),
        (None, int, 1, "expected None"),
    ],
)
def test_what_comes_in_wrong_is_named_with_its_path(
    types: ModuleType, annotation: Any, sent_as: Any, sent: Any, message: str
) -> None:
    nodes = border(types, sent_as)[0](sent)
    with pytest.raises(Mismatch, match=message):
        border(types, annotation)[1](nodes)


def test_fields_that_are_left_out_get_their_defaults(types: ModuleType) -> None:
    absent = types.WitNode_OptionValue(None)
    nodes = [types.WitNode_RecordValue([1, 2, 2, 2]), types.WitNode_PrimS64(3), absent]
    assert border(types, Point)[1](nodes) == Point(3, 0.5, None, [])


def test_bytes_cost_at_most_one_node_per_value_of_a_byte(types: ModuleType) -> None:
    out, back = border(types, bytes)
    data = bytes(range(256)) * 40
    nodes = out(data)
    assert len(nodes) == 257
    assert back(nodes) == data


def test_a_set_is_written_in_one_order(types: ModuleType) -> None:
    out, _ = border(types, set[str])
    assert [n.value for n in out({"b", "c", "a"})[1:]] == ["a", "b", "c"]
