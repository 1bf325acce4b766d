"""What a guest says of its types is read, shown, stored and read again; nonsense is refused at deploy."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from agent_strategies import SHAPES, Shape, agent_type, node
from hypothesis import given
from hypothesis import strategies as st

from shem.agent.schema import AgentType, read_agent_types
from shem.agent.wit_type import DEPTH_MAX, read_wit_type
from shem.errors import BadComponent
from shem.views import ParameterView


def of(*nodes: Any) -> dict[str, Any]:
    return {"nodes": list(nodes)}


def text(*nodes: Any) -> str:
    return read_wit_type(of(*nodes), "test").text


S64, STR, U8 = (node(f"prim-{name}-type") for name in ("s64", "string", "u8"))


@given(SHAPES)
def test_every_type_has_a_short_text(shape: Shape) -> None:
    assert 0 < len(read_wit_type(shape.wit_type(), "test").text) <= 200


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), SHAPES, max_size=3), SHAPES)
def test_what_was_stored_is_the_same_type_again(constructor: dict[str, Shape], output: Shape) -> None:
    read = AgentType.from_value(agent_type(constructor, {"get": (constructor, output)}))
    stored = msgspec.json.decode(msgspec.json.encode(read.to_stored()))
    again = AgentType.from_stored(stored)
    assert again.view("c", 1) == read.view("c", 1)
    assert msgspec.json.encode(again.to_stored()) == msgspec.json.encode(read.to_stored())


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([S64], "int"),
        ([U8], "u8"),
        ([node("prim-f64-type")], "float"),
        ([node("list-type", 1), STR], "list[str]"),
        ([node("list-type", 1), U8], "bytes"),
        ([node("list-type", 1, owner="shem/set"), STR], "set[str]"),
        ([node("list-type", 1, owner="shem/dict"), node("tuple-type", [2, 3]), STR, S64], "dict[str, int]"),
        ([node("tuple-type", [1, 2]), STR, S64], "tuple[str, int]"),
        ([node("tuple-type", [], owner="shem/none")], "None"),
        ([node("option-type", 1), S64], "int | None"),
        ([node("option-type", 1), node("option-type", 2), S64], "int | None"),
        ([node("option-type", 1, owner="shem/default:1"), S64], "int"),
        ([node("option-type", 1, owner="shem/default:null"), S64], "int | None"),
        ([node("variant-type", [("a", 1), ("b", 2)], owner="shem/union"), S64, STR], "int | str"),
        ([node("variant-type", [("a", 1), ("b", None)]), S64], "a(int) | b"),
        ([node("enum-type", ['"a"', "1"], owner="shem/literal")], 'Literal["a", 1]'),
        ([node("enum-type", ["a", "b"])], '"a" | "b"'),
        ([node("enum-type", ["a", "b"], name="Color")], "Color"),
        ([node("record-type", [("a", 1)], name="Order"), S64], "Order"),
        ([node("record-type", [("a", 1)]), S64], "{a: int}"),
        ([node("flags-type", ["r", "w"])], "flags[r, w]"),
        ([node("result-type", (1, None)), S64], "result[int, None]"),
        ([node("prim-string-type", owner="shem/datetime")], "datetime"),
        ([node("prim-string-type", owner="shem/uuid")], "UUID"),
        ([node("prim-string-type", owner="golem:core/types")], "str"),
    ],
)
def test_types_read_as_people_write_them(nodes: list[Any], expected: str) -> None:
    assert text(*nodes) == expected


def test_parameters_say_what_may_be_left_out() -> None:
    none = st.none()
    string, integer = Shape("prim-string-type", None, none), Shape("prim-s64-type", None, none)
    by = Shape("option-type", integer, none, "shem/default:1")
    at = Shape("option-type", string, none, "shem/default")
    counter = AgentType.from_value(agent_type({"name": string}, {"add": ({"by": by, "at": at}, integer)}))
    view = counter.view("counter", 3)
    assert (view.name, view.component, view.version, view.mode) == ("Counter", "counter", 3, "durable")
    assert view.constructor == [ParameterView("name", "str", True, None)]
    assert view.methods[0].parameters == [
        ParameterView("by", "int", False, 1),
        ParameterView("at", "str", False, None),
    ]
    assert view.methods[0].result == "int"


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ([], "the type refers to node 0, there are 0"),
        ([node("list-type", 5)], "type node 0 refers to node 5, there are 1"),
        ([node("list-type", -1)], "type node 0 refers to node -1, there are 1"),
        (
            [node("list-type", 0)],
            "type node 0 refers to node 0, which contains it: types cannot be recursive",
        ),
        ([node("option-type", 1), node("list-type", 0)], "type node 1 refers to node 0, which contains it"),
        ([node("record-type", [("a", 1), ("a", 1)]), S64], 'type node 0 has two fields "a"'),
        ([node("variant-type", [])], "type node 0 has no case"),
        ([node("enum-type", [])], "type node 0 has no case"),
        ([node("enum-type", ["a"], owner="shem/literal")], "is a literal with a case that is no JSON"),
        (
            [node("enum-type", ["[1]"], owner="shem/literal")],
            "is a literal with a case that is no single value",
        ),
        ([node("list-type", 1, owner="shem/dict"), S64], "type node 0 is a dict, but not a list of pairs"),
        ([node("option-type", 1, owner="shem/default:x"), S64], "has a default that is no JSON"),
        ([node("option-type", 1, owner="shem/default:" + "[" * 100_000), S64], "a default that is no JSON"),
        ([node("handle-type", (1, "owned"))], "type node 0 is a resource"),
    ],
)
def test_a_broken_type_is_refused_with_its_place(nodes: list[Any], reason: str) -> None:
    description = agent_type(methods={"add": ({}, None)})
    description["methods"][0]["input-schema"] = ("tuple", [("by", ("component-model", of(*nodes)))])
    with pytest.raises(BadComponent) as caught:
        AgentType.from_value(description)
    assert caught.value.message.startswith("agent type Counter, method add, parameter by: ")
    assert reason in caught.value.message


def test_a_default_of_another_type_is_refused_with_its_place() -> None:
    by = Shape("option-type", Shape("prim-s64-type", None, st.none()), st.none(), 'shem/default:"x"')
    record = Shape("record-type", [("by", by)], st.none(), name="R")
    for parameters in ({"by": by}, {"by": record}):
        with pytest.raises(
            BadComponent, match=r'parameter by: a default does not fit: .*expected int, got "x"'
        ):
            AgentType.from_value(agent_type(methods={"add": (parameters, None)}))


def test_types_nest_up_to_a_bound() -> None:
    chain = [node("list-type", index + 1) for index in range(DEPTH_MAX - 1)]
    read_wit_type(of(*chain, S64), "test")
    with pytest.raises(BadComponent, match="nests deeper than 64 levels"):
        read_wit_type(
            of(node("list-type", 1), *[node("list-type", i + 2) for i in range(DEPTH_MAX - 1)], S64), "t"
        )
    backwards = [S64, *[node("list-type", index) for index in range(DEPTH_MAX)]]
    fan = [node("tuple-type", list(range(1, len(backwards) + 1)))]
    shifted = [node("list-type", item["type"][1] + 1) if item is not S64 else S64 for item in backwards]
    with pytest.raises(BadComponent, match="nests deeper than 64 levels"):
        read_wit_type(of(*fan, *shifted), "test")


def test_a_type_that_sharing_makes_huge_is_refused() -> None:
    pairs = [node("tuple-type", [index + 1, index + 1]) for index in range(60)]
    with pytest.raises(BadComponent, match="consists of more than 10000 types"):
        read_wit_type(of(*pairs, S64), "test")
    assert len(text(*pairs[:8], node("tuple-type", []))) <= 200


def test_names_are_unique_and_fit() -> None:
    with pytest.raises(BadComponent, match='the component has two agent types "Counter"'):
        read_agent_types([agent_type(), agent_type()])
    with pytest.raises(BadComponent, match='"a b" cannot be the name of an agent type'):
        AgentType.from_value(agent_type(name="a b"))
    twice = agent_type(methods={"add": ({}, None)})
    twice["methods"] *= 2
    with pytest.raises(BadComponent, match='agent type Counter has two methods "add"'):
        AgentType.from_value(twice)
    assert list(read_agent_types([agent_type(name="shopping-cart"), agent_type()])) == [
        "shopping-cart",
        "Counter",
    ]
