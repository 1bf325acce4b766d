"""One agent, one id: however it is written, and again when it is read back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agent_strategies import SHAPES, TEXT, Shape, agent_type, node
from hypothesis import assume, given
from hypothesis import strategies as st

from shem.agent import identity
from shem.agent.schema import AgentType
from shem.errors import BadComponent, BadInput, TooLarge
from shem.oplog import payload

INT = Shape("prim-s64-type", None, st.none())
STR = Shape("prim-string-type", None, st.none())
FLOAT = Shape("prim-f64-type", None, st.none())
PHANTOM = "7d3f1c9e-0c54-4b7e-9a57-2f1a8f1f8a10"


def option(shape: Shape, owner: str | None = None) -> Shape:
    return Shape("option-type", shape, st.none(), owner)


def typed(**constructor: Shape) -> AgentType:
    return AgentType.from_value(agent_type(constructor))


def canonical(text: str, **constructor: Shape) -> str:
    return identity.canonical(identity.parse(text), typed(**constructor))[0]


@given(st.lists(SHAPES, max_size=3), st.none() | st.uuids().map(str), st.data())
def test_a_canonical_id_is_its_own_canonical_id(
    shapes: list[Shape], phantom: str | None, data: st.DataObject
) -> None:
    parameters = tuple(data.draw(shape.values) for shape in shapes)
    of = typed(**{f"p{position}": shape for position, shape in enumerate(shapes)})
    assume(len(json.dumps(parameters)) < 300)
    name, value = identity.canonical(identity.AgentId("Counter", parameters, phantom), of)
    again = identity.parse(name)
    assert again.phantom == phantom
    name_again, value_again = identity.canonical(again, of)
    assert name_again == name
    assert payload.encode(value_again) == payload.encode(value)  # bytes, since NaN is not equal to itself
    assert str(again) == name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(JSON, max_size=4).map(tuple), st.none() | st.uuids().map(str))
def test_what_is_formatted_parses_to_the_same(parameters: tuple[Any, ...], phantom: str | None) -> None:
    agent_id = identity.AgentId("Shopping-Cart_2", parameters, phantom)
    assume(len(str(agent_id)) < 400)
    assert identity.parse(str(agent_id)) == agent_id


@given(
    st.text(max_size=40) | st.text('Counter("b)[]{}:,1\\u.', max_size=30).map(lambda text: f"Counter({text})")
)
def test_any_text_is_an_id_or_bad_input(text: str) -> None:
    of = typed(name=STR)
    try:
        name, _ = identity.canonical(identity.parse(text), of)
    except (BadInput, TooLarge):
        return
    assert identity.canonical(identity.parse(name), of)[0] == name


def test_one_agent_however_it_is_written() -> None:
    for text in ['Counter("bob",3)', 'Counter( "b\\u006fb" , 3 )', 'Counter("bob")']:
        assert canonical(text, name=STR, by=option(INT, "shem/default:3")) == 'Counter("bob",3)'
    point = Shape("record-type", [("x", FLOAT), ("y", option(FLOAT, "shem/default:0.5"))], st.none())
    for text in ['Counter({"y":0.5,"x":-0.0})', 'Counter({"x":0})', 'Counter({"x": 0.0, "y": 5e-1})']:
        assert canonical(text, at=point) == 'Counter({"x":0.0,"y":0.5})'
    tags = Shape("list-type", STR, st.none(), "shem/set")
    assert canonical('Counter(["b","a","b"])', tags=tags) == 'Counter(["a","b"])'
    ages = Shape("list-type", Shape("tuple-type", [STR, INT], st.none()), st.none(), "shem/dict")
    assert canonical('Counter({"b":1,"a":2})', ages=ages) == 'Counter({"a":2,"b":1})'
    assert canonical('Counter("ü")', name=STR) == 'Counter("ü")'
    assert canonical(f"Counter()[{PHANTOM.upper()}]") == f"Counter()[{PHANTOM}]"


def test_a_filled_default_that_changes_the_case_settles() -> None:
    wide = Shape("record-type", [("x", INT), ("y", INT)], st.none())
    narrow = Shape("record-type", [("x", INT), ("y", option(INT, "shem/default:7"))], st.none())
    either = Shape("variant-type", [("wide", wide), ("narrow", narrow)], st.none(), "shem/union")
    name = canonical('Counter({"x":1})', of=either)
    assert name == 'Counter({"x":1,"y":7})'
    first = identity.canonical(identity.parse('Counter({"x":1})'), typed(of=either))
    assert first == identity.canonical(identity.parse(name), typed(of=either))


def test_a_default_that_only_the_guest_knows_must_be_given() -> None:
    at = option(STR, "shem/default")
    assert typed(at=at).constructor.parameters[0].view().required
    with pytest.raises(BadInput, match=r"parameters\[0\]: expected str \(at\), got nothing"):
        canonical("Counter()", at=at)
    assert canonical('Counter("x")', at=at) == 'Counter("x")'


def test_defaults_inside_defaults_do_not_explode_at_deploy() -> None:
    nodes: list[Any] = []
    for level in range(20):
        nodes.append(node("record-type", [("a", 3 * level + 1)]))
        nodes.append(node("option-type", 3 * level + 2, owner="shem/default:[{},{}]"))
        nodes.append(node("list-type", 3 * level + 3))
    nodes.append(node("record-type", []))
    described = agent_type()
    described["constructor"]["input-schema"] = ("tuple", [("a", ("component-model", {"nodes": nodes}))])
    with pytest.raises(BadComponent, match="a default of at most 1000 parts"):
        AgentType.from_value(described)


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("", "there is no ( after the type", 0),
        ("Counter", "there is no ( after the type", 7),
        ("Counter(1", "it does not end with ) or )[uuid]", 9),
        ("Counter(1) ", "it does not end with ) or )[uuid]", 11),
        ("Counter(1)[]", 'the phantom "" is no UUID', 11),
        ("Counter(1)[x]", 'the phantom "x" is no UUID', 11),
        ("Co unter(1)", '"Co unter" is no name of an agent type', 0),
        ("1Counter(1)", '"1Counter" is no name of an agent type', 0),
        ("-Counter(1)", '"-Counter" is no name of an agent type', 0),
        ("(1)", '"" is no name of an agent type', 0),
        ("Counter(bob)", "the parameters are no JSON: expecting value", 8),
        ('Counter("bob)', "the parameters are no JSON: unterminated string", 8),
        ("Counter(1,)", "the parameters are no JSON: expecting value", 10),
        ("Counter(1],[2)", "the parameters are no JSON: extra data", 10),
        ("Counter(NaN)", 'the parameters are no JSON: NaN is no number; write "NaN"', None),
        ('Counter({"a":1,"a":2})', 'the parameters are no JSON: the name "a" is twice in one object', None),
        ('Counter("\\ud800")', "the parameters are no JSON: half a surrogate pair is no character", None),
        ("Counter(" + "[" * 500 + ")", "the parameters are no JSON: expecting ',' delimiter", 509),
        (f"{'C' * 200}()", "is no name of an agent type", 0),
    ],
)
def test_a_malformed_id_names_the_position(text: str, message: str, position: int | None) -> None:
    with pytest.raises(BadInput) as caught:
        identity.parse(text)
    assert message in caught.value.message
    assert caught.value.details.get("position") == position
    assert caught.value.hint


def test_the_text_of_the_parameters_is_bounded() -> None:
    fits = 'Counter("' + "ü" * 255 + '")'
    assert canonical(fits, name=STR) == fits
    with pytest.raises(TooLarge, match="have 514 bytes, the limit is 512"):
        identity.parse('Counter("' + "ü" * 256 + '")')
    long = option(STR, 'shem/default:"' + "x" * 600 + '"')
    with pytest.raises(TooLarge, match="have 602 bytes, the limit is 512"):
        canonical("Counter()", name=long)


def test_cursors_are_what_the_page_before_gave() -> None:
    assert identity.parse_cursor(None) == 0
    assert identity.parse_cursor("42") == 42
    for cursor in ("", "-1", "x", "9" * 30, "１"):
        with pytest.raises(BadInput, match="is no cursor"):
            identity.parse_cursor(cursor)
