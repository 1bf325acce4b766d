"""Values of any WIT type become nodes and come back; nodes that are no value are refused, whatever they are."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conformance.wasm.wasm_values import bits, types, values

from shem.agent.json_to_wit import Writers
from shem.agent.wit_to_json import Readers, read_value
from shem.agent.wit_type import read_wit_type
from shem.golem.type_nodes import HoldsResource, wit_type
from shem.golem.value_nodes import Unfit, from_wit_value, to_wit_value
from shem.oplog import payload
from shem.wasm.types import (
    BorrowType,
    EnumType,
    FlagsType,
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

TYPES = types | st.builds(ListType, types, st.integers(1, 4))
TYPED = TYPES.flatmap(lambda type_: st.tuples(st.just(type_), values(type_)))


def has_option_of_option(type_: ValType | None) -> bool:
    match type_:
        case OptionType(OptionType()):
            return True
        case OptionType(item) | ListType(item):
            return has_option_of_option(item)
        case TupleType(parts):
            return any(map(has_option_of_option, parts))
        case RecordType(named) | VariantType(named):
            return any(has_option_of_option(part) for _, part in named)
        case ResultType(ok, err):
            return has_option_of_option(ok) or has_option_of_option(err)
        case _:
            return False


@given(TYPED)
def test_a_value_comes_back_from_its_nodes(typed: tuple[ValType, Any]) -> None:
    type_, value = typed
    assert bits(from_wit_value(type_, to_wit_value(type_, value))) == bits(value)


@given(TYPED)
def test_nodes_may_have_been_recorded(typed: tuple[ValType, Any]) -> None:
    type_, value = typed
    recorded = payload.decode(payload.encode(to_wit_value(type_, value)))
    assert bits(from_wit_value(type_, recorded)) == bits(value)


@given(TYPED.filter(lambda typed: not has_option_of_option(typed[0])))
def test_a_value_comes_back_from_its_json(typed: tuple[ValType, Any]) -> None:
    type_, value = typed
    schema = read_wit_type(wit_type(type_), "test")
    json = read_value(Readers().of(schema), to_wit_value(type_, value))
    nodes: list[Any] = []
    Writers(identity=False).of(schema)(json, nodes)
    assert bits(from_wit_value(type_, {"nodes": nodes})) == bits(value)


@given(TYPES, TYPED)
def test_the_nodes_of_another_type_are_refused_or_are_a_value(
    type_: ValType, other: tuple[ValType, Any]
) -> None:
    with suppress(Unfit):
        from_wit_value(type_, to_wit_value(*other))


INDEX = st.integers(-2, 5)
NODES = st.one_of(
    st.tuples(st.sampled_from(["record-value", "tuple-value", "list-value"]), st.lists(INDEX)),
    st.tuples(st.just("variant-value"), st.tuples(INDEX, st.none() | INDEX)),
    st.tuples(st.just("enum-value"), INDEX),
    st.tuples(st.just("option-value"), st.none() | INDEX),
    st.tuples(st.just("flags-value"), st.lists(st.booleans())),
    st.tuples(st.just("result-value"), st.tuples(st.sampled_from(["ok", "err"]), st.none() | INDEX)),
    st.tuples(st.just("prim-u8"), st.integers(0, 255)),
    st.tuples(st.just("prim-string"), st.text(max_size=3)),
)


@given(TYPES, st.lists(NODES, max_size=6))
def test_nodes_made_by_hand_are_refused_or_are_a_value(type_: ValType, nodes: list[Any]) -> None:
    with suppress(Unfit):
        from_wit_value(type_, {"nodes": nodes})


def test_nodes_that_share_their_parts_are_refused_before_they_fill_the_memory() -> None:
    type_: ValType = Prim("string")
    nodes: list[Any] = []
    for level in range(40):
        type_ = ListType(type_)
        nodes.append(("list-value", [level + 1] * 10))
    with pytest.raises(Unfit, match="read already"):
        from_wit_value(type_, {"nodes": [*nodes, ("prim-string", "")]})


def test_bytes_have_one_node_for_each_different_byte() -> None:
    nodes = to_wit_value(ListType(Prim("u8")), b"ab" * 1000)["nodes"]
    assert nodes[1:] == [("prim-u8", 97), ("prim-u8", 98)]
    assert len(nodes[0][1]) == 2000


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (Prim("bool"), "bool"),
        (Prim("s64"), "int"),
        (Prim("u64"), "u64"),
        (Prim("f32"), "f32"),
        (Prim("f64"), "float"),
        (Prim("char"), "char"),
        (Prim("string"), "str"),
        (ListType(Prim("u8")), "bytes"),
        (ListType(Prim("char")), "list[char]"),
        (ListType(Prim("u8"), 3), "tuple[u8, u8, u8]"),
        (RecordType((("x", Prim("f64")), ("unit", Prim("string")))), "{x: float, unit: str}"),
        (TupleType((Prim("u8"), Prim("bool"))), "tuple[u8, bool]"),
        (VariantType((("circle", Prim("f64")), ("empty", None))), "circle(float) | empty"),
        (EnumType(("red", "green")), '"red" | "green"'),
        (FlagsType(("read", "write")), "flags[read, write]"),
        (OptionType(Prim("u8")), "u8 | None"),
        (ResultType(None, Prim("string")), "result[None, str]"),
    ],
)
def test_types_are_shown_by_what_they_consist_of(type_: ValType, text: str) -> None:
    assert read_wit_type(wit_type(type_), "test").text == text


def test_a_part_that_is_used_often_is_one_node() -> None:
    type_: ValType = Prim("u8")
    for _ in range(100):
        type_ = TupleType((type_, type_))
    assert len(wit_type(type_)["nodes"]) == 101


@pytest.mark.parametrize("handle", [OwnType, BorrowType])
def test_a_resource_is_found_wherever_it_is(handle: Any) -> None:
    resource = handle(ResourceType("file", None))
    for type_ in (resource, ListType(resource), ResultType(None, OptionType(resource))):
        with pytest.raises(HoldsResource):
            wit_type(type_)
