"""A component without an SDK: which methods it has, and how JSON reaches its functions and comes back."""

from __future__ import annotations

import re
from typing import Any

import pytest
import wasmtime
from tests.conformance.wasm.wasm_echo_components import echo_component

from shem.agent import values
from shem.agent.schema import AgentType
from shem.errors import BadComponent, BadInput
from shem.golem.choice import guest_of
from shem.golem.contract import ContractGuest
from shem.golem.plain import PlainGuest, type_name
from shem.wasm.component import Component
from shem.wasm.engine import Engine
from shem.wasm.errors import ValueMismatch
from shem.wasm.host import HostInterface
from shem.wasm.instance import Instance
from shem.wasm.types import (
    EnumType,
    FlagsType,
    FuncType,
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

NOTHING = FuncType((), None)
FILE = OwnType(ResourceType("file", None))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(tmp_path_factory.mktemp("code"))


def load(engine: Engine, wat: str) -> Component:
    return Component.load(engine, bytes(wasmtime.wat2wasm(wat)))


def agent_type(guest: PlainGuest, instance: Any = None) -> AgentType:
    tag, (value,) = guest.discover(instance)
    assert tag == "ok"
    return AgentType.from_value(value)


def one(value: Any) -> HostInterface:
    """What an echo component imports; gives back ``value`` if it is called with none of its own."""
    host = HostInterface("")

    @host.function("host")
    def call(context: Any, given: Any) -> Any:
        return given if value is None else value

    return host


# -- JSON to a function and back -----------------------------------------------------------------------------------

POINT = RecordType((("x", Prim("f64")), ("name", Prim("string"))))
SHAPE = VariantType((("circle", Prim("f64")), ("points", ListType(POINT)), ("empty", None)))

VALUES: list[tuple[ValType, list[Any]]] = [
    (Prim("bool"), [True, False]),
    (Prim("u8"), [0, 255]),
    (Prim("s8"), [-128, 127]),
    (Prim("u16"), [65535]),
    (Prim("s16"), [-32768]),
    (Prim("u32"), [2**32 - 1]),
    (Prim("s32"), [-(2**31)]),
    (Prim("u64"), [2**64 - 1]),
    (Prim("s64"), [-(2**63)]),
    (Prim("f32"), [0.1, "NaN", "-Infinity"]),
    (Prim("f64"), [0.1, 1e300, "Infinity"]),
    (Prim("char"), ["a", "🦀"]),
    (Prim("string"), ["", "naïve 🦀"]),
    (ListType(Prim("u8")), ["", "AAH/"]),
    (ListType(Prim("u16")), [[], [1, 65535]]),
    (ListType(Prim("string")), [["a", ""]]),
    (POINT, [{"x": 1.5, "name": "here"}]),
    (TupleType((Prim("u8"), Prim("string"))), [[1, "a"]]),
    (SHAPE, [{"circle": 2.5}, {"points": [{"x": 0.0, "name": ""}]}, "empty"]),
    (EnumType(("red", "green")), ["red", "green"]),
    (FlagsType(("read", "write", "run")), [[], ["read", "run"]]),
    (OptionType(Prim("u32")), [None, 5]),
    (ListType(OptionType(POINT)), [[None, {"x": 1.0, "name": "a"}]]),
    (ResultType(Prim("u32"), Prim("string")), [{"ok": 1}, {"err": "no"}]),
    (ResultType(None, None), [{"ok": None}, {"err": None}]),
    (ResultType(ListType(SHAPE), EnumType(("gone",))), [{"ok": ["empty"]}, {"err": "gone"}]),
]


@pytest.mark.parametrize(("type_", "jsons"), VALUES, ids=lambda value: type(value).__name__)
def test_json_of_every_type_reaches_a_function_and_comes_back(
    engine: Engine, type_: ValType, jsons: list[Any]
) -> None:
    component = load(engine, echo_component(type_))
    guest = guest_of(component, "echoes")
    assert isinstance(guest, PlainGuest)
    with component.link([one(None)]).instantiate(None) as instance:
        echoes = agent_type(guest, instance)
        for json in jsons:
            tag, result = guest.invoke(instance, "echo", values.arguments(echoes, "echo", [json]))
            assert tag == "ok"
            assert values.result(echoes, "echo", result) == json


def test_a_value_inside_a_value_is_named_where_it_does_not_fit() -> None:
    echoes = agent_type(PlainGuest("echoes", {"": {"draw": FuncType((("what", SHAPE),), None)}}))
    with pytest.raises(BadInput, match=r'args\.what\.points\[1\]\.x: expected float, got "far"'):
        values.arguments(
            echoes, "draw", {"what": {"points": [{"x": 0, "name": "a"}, {"x": "far", "name": "b"}]}}
        )


# -- what a data-value of somebody else can do ---------------------------------------------------------------------


@pytest.fixture
def bytes_instance(engine: Engine) -> Instance:
    return load(engine, echo_component(Prim("u8"))).link([one(None)]).instantiate(None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tuple", []), "expected 1 arguments"),
        (("multimodal", []), "expected 1 arguments, got a multimodal"),
        (("tuple", [("unstructured-text", ("url", "x"))]), r"args\[0\]: expected a value"),
        (("tuple", [("component-model", {"nodes": []})]), r"args\[0\]: expected a prim-u8, got an index"),
        (("tuple", [("component-model", {"nodes": [("prim-u16", 1)]})]), r"args\[0\]: expected a prim-u8"),
        (("tuple", [("component-model", {"nodes": [("prim-u8", 256)]})]), r"args\[0\]: expected u8"),
    ],
)
def test_arguments_that_do_not_fit_are_an_error_of_the_agent_which_lives_on(
    bytes_instance: Instance, arguments: Any, words: str
) -> None:
    guest = PlainGuest("bytes", {"": {"echo": FuncType((("n", Prim("u8")),), Prim("u8"))}})
    tag, (kind, message) = guest.invoke(bytes_instance, "echo", arguments)
    assert (tag, kind) == ("err", "invalid-input")
    assert re.match(words, message)
    good = ("tuple", [["component-model", {"nodes": [["prim-u8", 7]]}]])
    assert guest.invoke(bytes_instance, "echo", good) == (
        "ok",
        ("tuple", [("component-model", {"nodes": [("prim-u8", 7)]})]),
    )


def test_a_method_that_is_not_there_is_an_error_of_the_agent(bytes_instance: Instance) -> None:
    guest = PlainGuest("bytes", {"": {"echo": NOTHING}})
    assert guest.invoke(bytes_instance, "ECHO", ("tuple", [])) == ("err", ("invalid-method", "ECHO"))


def test_a_host_that_answers_wrongly_is_no_fault_of_the_arguments(engine: Engine) -> None:
    component = load(engine, echo_component(Prim("u8")))
    guest = guest_of(component, "bytes")
    with component.link([one("text")]).instantiate(None) as instance, pytest.raises(ValueMismatch):
        guest.invoke(instance, "echo", ("tuple", [("component-model", {"nodes": [("prim-u8", 7)]})]))


# -- its type ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("component", "name"),
    [
        ("counter", "Counter"),
        ("shopping-cart", "ShoppingCart"),
        ("shop_cart.v2", "ShopCartV2"),
        ("HTTPProxy", "HTTPProxy"),
        ("a--b.", "AB"),
    ],
)
def test_the_type_is_named_after_the_component(component: str, name: str) -> None:
    assert type_name(component) == name
    assert agent_type(PlainGuest(component, {"": {"go": NOTHING}})).name == name


def test_a_component_whose_name_gives_no_type_name_is_refused() -> None:
    with pytest.raises(BadComponent, match="'3dPrinter', which is no name") as raised:
        PlainGuest("3d-printer", {"": {"go": NOTHING}})
    assert "begins with a letter" in str(raised.value.hint)


def test_methods_have_the_shortest_name_that_tells_them_apart() -> None:
    exports = {
        "": {"add": NOTHING, "reset": NOTHING},
        "docs:calc/ops@0.1.0": {"add": NOTHING, "sub": NOTHING, "neg": NOTHING},
        "docs:calc/more@0.1.0": {"neg": NOTHING},
        "old:calc/ops@0.1.0": {"sub": NOTHING},
        "local": {"local-only": NOTHING},
    }
    methods = agent_type(PlainGuest("calc", exports)).methods
    assert {name: method.description for name, method in methods.items()} == {
        "add": "",
        "reset": "",
        "ops.add": "docs:calc/ops@0.1.0#add",
        "docs:calc/ops@0.1.0#sub": "",
        "ops.neg": "docs:calc/ops@0.1.0#neg",
        "more.neg": "docs:calc/more@0.1.0#neg",
        "old:calc/ops@0.1.0#sub": "",
        "local-only": "local#local-only",
    }


def test_functions_with_resources_are_left_out_and_named() -> None:
    exports = {
        "": {"open": FuncType((), FILE), "size": FuncType((), Prim("u64"))},
        "a:b/files": {"sync": FuncType((("all", ListType(FILE)),), None)},
    }
    files = agent_type(PlainGuest("files", exports))
    assert list(files.methods) == ["size"]
    assert files.description.endswith(
        "Left out, because they take or return resources: open, a:b/files#sync."
    )


@pytest.mark.parametrize(
    ("exports", "words"),
    [
        ({}, "exports no functions"),
        ({"golem:api/save-snapshot@1.5.0": {"save": NOTHING}}, "exports no functions"),
        ({"exports": {"init": NOTHING}}, "exports no functions"),
        ({"a:b/files": {"open": FuncType((), FILE)}}, "take or return resources: a:b/files#open"),
    ],
)
def test_a_component_with_nothing_to_offer_is_refused(exports: Any, words: str) -> None:
    with pytest.raises(BadComponent, match=words):
        PlainGuest("useless", exports)


def exporting(name: str) -> str:
    return f"""(component
      (core module $main (func (export "run") (result i32) (i32.const 0)))
      (core instance $main (instantiate $main))
      (func $run (result (result)) (canon lift (core func $main "run")))
      (instance $all (export "run" (func $run)))
      (export "{name}" (instance $all)))"""


def test_a_command_has_the_method_run(engine: Engine) -> None:
    component = load(engine, exporting("wasi:cli/run@0.2.3"))
    guest = guest_of(component, "job")
    with component.link([]).instantiate(None) as instance:
        job = agent_type(guest, instance)  # type: ignore[arg-type]  # any guest will do
        assert list(job.methods) == ["run"]
        _, result = guest.invoke(instance, "run", ("tuple", []))
        assert values.result(job, "run", result) == {"ok": None}


def test_a_component_that_speaks_the_contract_is_asked_by_it(engine: Engine) -> None:
    assert isinstance(guest_of(load(engine, exporting("golem:agent/guest@1.5.0")), "x"), ContractGuest)
    with pytest.raises(BadComponent, match=r"exports golem:agent/guest@1\.4\.0, agents here speak"):
        guest_of(load(engine, exporting("golem:agent/guest@1.4.0")), "x")


def test_the_constructor_runs_nothing(bytes_instance: Instance) -> None:
    guest = PlainGuest("bytes", {"": {"echo": NOTHING}})
    assert guest.initialize(bytes_instance, "Bytes", ("tuple", [])) == ("ok", None)
