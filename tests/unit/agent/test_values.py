"""JSON that fits a type crosses the border and comes back; JSON that does not is named with its path."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from agent_strategies import ANY_JSON, SHAPES, Shape, agent_type, data_schema, node
from hypothesis import given
from hypothesis import strategies as st

from shem.agent import values
from shem.agent.mismatch import Mismatch
from shem.agent.schema import AgentType, read_data_schema
from shem.errors import AgentError, BadInput, NotFound
from shem.oplog import payload

Refusal = TypeVar("Refusal", bound=Exception)

INT = Shape("prim-s64-type", None, st.none())
U8 = Shape("prim-u8-type", None, st.none())
BYTES = Shape("list-type", U8, st.none())
VARIANT = Shape("variant-type", [("a", INT), ("b", None)], st.none())
RESULT = Shape("result-type", (INT, None), st.none())
TEXT = Shape("prim-string-type", None, st.none())
FLOAT = Shape("prim-f64-type", None, st.none())
ITEM = Shape("record-type", [("name", TEXT), ("price", FLOAT)], st.none(), name="Item")
ORDER = Shape(
    "record-type", [("id", INT), ("items", Shape("list-type", ITEM, st.none()))], st.none(), name="Order"
)


def owned(shape: Shape, owner: str) -> Shape:
    return Shape(shape.kind, shape.parts, shape.values, owner, shape.name)


def optional(shape: Shape, owner: str | None = None) -> Shape:
    return Shape("option-type", shape, st.none(), owner)


def write(shape: Shape, value: Any) -> Any:
    return values.to_data_value(read_data_schema(data_schema({"a": shape}), "test"), [value])


def nodes_of(shape: Shape, value: Any) -> Any:
    return write(shape, value)[1][0][1]["nodes"]


def read(shape: Shape, value: Any) -> Any:
    return values.to_json(read_data_schema(data_schema({"a": shape}), "test"), value)[0]


def fault(shape: Shape, value: Any) -> str:
    with pytest.raises(BadInput) as caught:
        write(shape, value)
    return caught.value.message


def attempt(action: Callable[[], Any], refusal: type[Refusal]) -> tuple[Any, Refusal | None]:
    """What came of it, or how it was refused; any other exception fails the test."""
    try:
        return action(), None
    except refusal as error:
        return None, error


def returning(*nodes: Any) -> Any:
    return "tuple", [("component-model", {"nodes": list(nodes)})]


@given(SHAPES, st.data())
def test_what_fits_comes_back_as_it_was(shape: Shape, data: st.DataObject) -> None:
    value = data.draw(shape.values)
    assert read(shape, write(shape, value)) == value


@given(SHAPES, st.data())
def test_what_was_recorded_reads_as_what_was_live(shape: Shape, data: st.DataObject) -> None:
    written = write(shape, data.draw(shape.values))
    assert read(shape, payload.decode(payload.encode(written))) == read(shape, written)


@given(SHAPES, ANY_JSON)
def test_anything_else_is_bad_input_with_a_path(shape: Shape, value: Any) -> None:
    written, error = attempt(lambda: write(shape, value), BadInput)
    if error is not None:
        assert str(error.details["path"]).startswith("args[0]")
        assert error.message.startswith(str(error.details["path"]))
    else:
        again = read(shape, written)
        assert read(shape, write(shape, again)) == again


@given(SHAPES, SHAPES, st.data())
def test_a_guest_that_answers_with_another_type_is_found_out(
    one: Shape, other: Shape, data: st.DataObject
) -> None:
    written = write(one, data.draw(one.values))
    _, mismatch = attempt(lambda: read(other, written), Mismatch)
    assert mismatch is None or mismatch.expected


@given(ANY_JSON)
def test_arguments_of_any_form_are_bad_input_or_taken(args: Any) -> None:
    schema = read_data_schema(data_schema({"a": INT, "b": optional(TEXT, "shem/default")}), "test")
    _, error = attempt(lambda: values.to_data_value(schema, args), BadInput)
    assert error is None or str(error.details["path"]).startswith("args")


def test_messages_name_the_path_what_was_expected_and_what_came() -> None:
    methods = {"order": ({"order": ORDER, "by": optional(INT, "shem/default:1")}, None), "clear": ({}, None)}
    counter = AgentType.from_value(agent_type(methods=methods))
    good = {"id": 1, "items": [{"name": "a", "price": 1}]}
    cases: list[tuple[Any, str]] = [
        ({"order": good, "by": "x"}, 'args.by: expected int, got "x"'),
        ([good, "x"], 'args[1]: expected int, got "x"'),
        ([good, None], "args[1]: expected int, got null"),
        ([good, True], "args[1]: expected int, got true"),
        ([good, 1.5], "args[1]: expected int, got 1.5"),
        (
            [{"id": 1, "items": [{"name": "a", "price": "?"}]}],
            'args[0].items[0].price: expected float, got "?"',
        ),
        ([{"id": 1, "items": [{"name": "a"}]}], "args[0].items[0].price: expected float, got nothing"),
        ([{"id": 1, "items": {}}], "args[0].items: expected list[Item], got an empty object"),
        ([{**good, "x y": 1}], 'args[0]: expected Order with no other fields than id, items, got "x y"'),
        ([], "args[0]: expected Order (order), got nothing"),
        ({}, "args.order: expected Order, got nothing"),
        ([good, 1, 2], "args: expected 2 arguments (order: Order, by: int), got 3 arguments"),
        (
            {"order": good, "to": 1},
            'args: expected 2 arguments (order: Order, by: int), got an argument "to"',
        ),
        ("x", 'args: expected an array or an object of arguments, got "x"'),
    ]
    for args, message in cases:
        with pytest.raises(BadInput) as caught:
            values.arguments(counter, "order", args)
        assert caught.value.message == message
    with pytest.raises(BadInput, match="args: expected no arguments, got 1 argument"):
        values.arguments(counter, "clear", [1])
    with pytest.raises(NotFound, match='Counter has no method "x"') as missing:
        values.arguments(counter, "x", [])
    assert missing.value.hint == "Its methods: order, clear."


@pytest.mark.parametrize(
    ("shape", "value", "message"),
    [
        (U8, 256, "args[0]: expected u8 (0 to 255), got 256"),
        (U8, 10**1000, "got an integer of 3322 bits"),
        (FLOAT, 10**400, "args[0]: expected float within its range, got an integer of 1329 bits"),
        (FLOAT, math.inf, "args[0]: expected float within its range, got Infinity"),
        (FLOAT, True, "args[0]: expected float, got true"),
        (Shape("prim-f32-type", None, st.none()), 1e39, "args[0]: expected f32 within its range, got 1e+39"),
        (Shape("prim-char-type", None, st.none()), "ab", 'args[0]: expected one character, got "ab"'),
        (TEXT, "a\ud800", 'args[0]: expected text without halves of surrogate pairs, got "a\\ud800"'),
        (INT, "x" * 99, f'args[0]: expected int, got "{"x" * 60}…"'),
        (BYTES, "?", "expected bytes as base64"),
        (BYTES, [256], "args[0][0]: expected a byte"),
        (Shape("enum-type", ["a", "b"], st.none()), "c", 'args[0]: expected one of "a", "b", got "c"'),
        (Shape("enum-type", ["1", "true"], st.none(), "shem/literal"), 1.0, "one of 1, true, got 1.0"),
        (Shape("flags-type", ["r"], st.none()), ["w"], 'args[0][0]: expected one of "r", got "w"'),
        (owned(TEXT, "shem/uuid"), "x", 'args[0]: expected UUID, got "x"'),
        (owned(TEXT, "shem/datetime"), "2026-13-01T00:00:00Z", "args[0]: expected datetime (RFC 3339)"),
        (owned(TEXT, "shem/decimal"), 1.5, "args[0]: expected Decimal (a number in a string), got 1.5"),
        (VARIANT, {"a": "x"}, "args[0].a: expected int"),
        (VARIANT, "a", "args[0]: expected a(int) | b"),
        (VARIANT, {"b": 1}, "args[0].b: expected null, got 1"),
        (RESULT, {"ok": "x"}, 'args[0].ok: expected int, got "x"'),
        (RESULT, {"ok": 1, "err": None}, 'as {"ok": ...} or {"err": ...}'),
        (Shape("tuple-type", [INT, INT], st.none()), [1], "expected tuple[int, int], got an array of 1"),
    ],
)  # fmt: skip
def test_each_type_refuses_what_is_not_of_it(shape: Shape, value: Any, message: str) -> None:
    assert message in fault(shape, value)


def test_dicts_are_objects_or_pairs() -> None:
    text_keys = Shape("list-type", Shape("tuple-type", [TEXT, INT], st.none()), st.none(), "shem/dict")
    int_keys = Shape("list-type", Shape("tuple-type", [INT, INT], st.none()), st.none(), "shem/dict")
    assert fault(text_keys, {"a b": "x"}) == 'args[0]["a b"]: expected int, got "x"'
    assert fault(int_keys, [[1, 1], [1, 2]]) == "args[0][1][0]: expected a key that is not there yet, got 1"
    assert fault(int_keys, [[1]]) == "args[0][0]: expected a pair of key and value, got an array of 1"
    assert (
        fault(int_keys, {"1": 1})
        == "args[0]: expected dict[int, int] as an array of pairs, got an object of 1"
    )


def test_a_set_counts_each_member_once() -> None:
    shape = Shape("list-type", INT, st.none(), "shem/set")
    assert read(shape, write(shape, [3, 1, 3])) == [3, 1]


def test_a_union_takes_the_first_case_that_fits() -> None:
    shape = Shape(
        "variant-type", [("list", Shape("list-type", INT, st.none())), ("t", ITEM)], st.none(), "shem/union"
    )
    assert nodes_of(shape, [1])[0] == ("variant-value", (0, 1))
    assert nodes_of(shape, {"name": "a", "price": 1})[0] == ("variant-value", (1, 1))
    assert fault(shape, [1, "x"]) == "args[0]: expected list[int] | Item, got an array of 2"


def test_what_may_be_left_out_is_none_and_what_is_given_is_some() -> None:
    by, note = optional(INT, "shem/default:1"), optional(TEXT, "shem/default:null")
    nullable = optional(optional(INT), "shem/default:5")
    record = Shape("record-type", [("by", by), ("note", note), ("x", nullable)], st.none(), name="R")
    none = ("option-value", None)
    assert nodes_of(record, {}) == [("record-value", [1, 2, 3]), none, none, none]
    given_all = nodes_of(record, {"by": 2, "note": None, "x": None})
    assert given_all == [
        ("record-value", [1, 3, 4]),
        ("option-value", 2),
        ("prim-s64", 2),
        none,
        ("option-value", 5),
        none,
    ]
    assert read(record, write(record, {})) == {"by": 1, "note": None, "x": 5}


def test_a_field_whose_default_only_the_guest_knows_is_left_out_again() -> None:
    record = Shape("record-type", [("a", INT), ("b", optional(TEXT, "shem/default"))], st.none())
    for value in ({"a": 1}, {"a": 1, "b": "x"}):
        for identity in (False, True):
            schema = read_data_schema(data_schema({"v": record}), "test", identity=identity)
            assert values.to_json(schema, values.to_data_value(schema, [value])) == [value]


def test_normal_forms_of_strings() -> None:
    for owner, value, normal in [
        ("shem/uuid", "7D3F1C9E-0C54-4B7E-9A57-2F1A8F1F8A10", "7d3f1c9e-0c54-4b7e-9a57-2f1a8f1f8a10"),
        ("shem/datetime", "2026-01-02T03:04:05z", "2026-01-02T03:04:05+00:00"),
        ("shem/datetime", "2026-01-02 03:04:05.120000", "2026-01-02T03:04:05.120000"),
        ("shem/decimal", "+1.50", "1.50"),
        ("shem/decimal", 12, "12"),
    ]:
        assert nodes_of(owned(TEXT, owner), value) == [("prim-string", normal)]


def test_an_f32_is_shown_with_the_fewest_digits() -> None:
    shape = Shape("prim-f32-type", None, st.none())
    assert read(shape, write(shape, 0.1)) == 0.1
    assert nodes_of(shape, 0.1) == [("prim-float32", 0.10000000149011612)]


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_every_f32_survives(value: float) -> None:
    shape = Shape("prim-f32-type", None, st.none())
    shown = read(shape, returning(("prim-float32", value)))
    assert nodes_of(shape, shown) == [("prim-float32", value)]


def test_bytes_cost_an_index_each_not_a_node() -> None:
    shape = BYTES
    nodes = nodes_of(shape, [7, 7, 0] * 1000)
    assert len(nodes) == 3
    assert nodes == nodes_of(shape, "BwcA" * 1000)


def test_results_are_shown_by_their_type_or_the_agent_is_named() -> None:
    counter = AgentType.from_value(agent_type(methods={"get": ({}, INT), "clear": ({}, None)}))
    assert values.result(counter, "get", returning(("prim-s64", 5))) == 5
    assert values.result(counter, "clear", ("tuple", [])) is None
    with pytest.raises(
        AgentError, match=r"Counter\.get gave a value that does not fit its type: result: expected int"
    ):
        values.result(counter, "get", returning(("prim-string", "x")))
    with pytest.raises(AgentError, match="expected 1 value, got 0"):
        values.result(counter, "get", ("tuple", []))


def test_nodes_that_share_their_parts_are_refused_before_they_grow() -> None:
    shape = INT
    for _ in range(30):
        shape = Shape("list-type", shape, st.none())
    bomb = [("list-value", [index + 1] * 10) for index in range(30)]
    with pytest.raises(Mismatch, match="node that was read already"):
        read(shape, returning(*bomb, ("prim-s64", 1)))
    texts = Shape("list-type", TEXT, st.none())
    with pytest.raises(Mismatch, match="node that was read already"):
        read(texts, returning(("list-value", [1, 1]), ("prim-string", "x")))


@pytest.mark.parametrize(
    "nodes", [[], [("list-value", [1])], [("list-value", [0])], [("option-value", None)]]
)
def test_nodes_that_lead_nowhere_are_refused(nodes: list[Any]) -> None:
    with pytest.raises(Mismatch):
        read(Shape("list-type", INT, st.none()), returning(*nodes))


def test_text_and_binary_elements() -> None:
    description = (
        "tuple",
        [
            ("text", ("unstructured-text", {"restrictions": None})),
            ("image", ("unstructured-binary", {"restrictions": [{"mime-type": "image/png"}]})),
        ],
    )
    schema = read_data_schema(description, "test")
    image = {"data": "AAE=", "mime_type": "image/png"}
    for text in ("hello", {"data": "hallo", "language": "de"}, {"url": "https://example.org"}):
        assert values.to_json(schema, values.to_data_value(schema, [text, image])) == [text, image]
    for args, message in [
        ([1, image], "args[0]: expected text, got 1"),
        (["a", {"data": "AAE=", "mime_type": "image/gif"}], 'args[1].mime_type: expected one of "image/png"'),
        (["a", {"data": "?", "mime_type": "image/png"}], "args[1].data: expected bytes as base64"),
        (["a", {"data": "AAE="}], 'args[1]: expected {"data", "mime_type"} or {"url"}'),
    ]:
        with pytest.raises(BadInput) as caught:
            values.to_data_value(schema, args)
        assert message in caught.value.message


def test_multimodal_parts() -> None:
    description = ("multimodal", data_schema({"number": INT, "name": TEXT})[1])
    schema = read_data_schema(description, "test")
    parts = [{"name": "a"}, {"number": 1}, {"name": "b"}]
    value = values.to_data_value(schema, parts)
    assert value[0] == "multimodal"
    assert values.to_json(schema, value) == parts
    for args, message in [
        ([{"name": 1}], "args[0].name: expected str, got 1"),
        ([{"x": 1}], 'args[0]: expected {"number": ...} or {"name": ...}'),
        ({"name": "a"}, "args: expected an array of parts"),
    ]:
        with pytest.raises(BadInput) as caught:
            values.to_data_value(schema, args)
        assert message in caught.value.message


def test_an_exception_of_a_python_agent_becomes_one_sentence_with_its_traceback() -> None:
    shape = Shape(
        "record-type",
        [
            ("type", TEXT),
            ("message", TEXT),
            ("traceback", TEXT),
            ("file", optional(TEXT)),
            ("line", optional(INT)),
        ],
        st.none(),
    )
    error = {
        "type": "ValueError",
        "message": "no",
        "traceback": "Traceback ...",
        "file": "a.py",
        "line": None,
    }
    value = ("custom-error", {"value": {"nodes": nodes_of(shape, error)}, "typ": shape.wit_type()})
    raised = values.agent_error(value, 'Counter("bob")')
    assert raised.message == "ValueError: no"
    assert raised.details == {
        "kind": "custom-error",
        "type": "ValueError",
        "traceback": "Traceback ...",
        "file": "a.py",
    }


def test_other_errors_of_agents_are_shown_as_they_are() -> None:
    raised = values.agent_error(("invalid-input", "by is negative"), "Counter()")
    assert (raised.message, raised.details) == (
        "Counter() refused: by is negative",
        {"kind": "invalid-input"},
    )
    custom = {"value": {"nodes": [("prim-s64", 5)]}, "typ": INT.wit_type()}
    assert values.agent_error(("custom-error", custom), "A()").details["error"] == 5
    broken = {"value": {"nodes": []}, "typ": {"nodes": [node("list-type", 0)]}}
    assert "cannot be read" in values.agent_error(("custom-error", broken), "A()").message
