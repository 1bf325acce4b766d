"""The guest's exports, with real bindings and without a WebAssembly machine."""

from __future__ import annotations

import asyncio
import importlib
import random
import sys
import tempfile
import textwrap
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SOURCE = """
    import asyncio, os, random
    from dataclasses import dataclass
    from shem_sdk import agent

    unseeded = random.Random()
    seeded = random.Random(42)

    @dataclass
    class Item:
        sku: str
        count: int = 1

    @agent
    class Cart:
        '''Keeps items.'''
        def __init__(self, owner: str, limit: int = 10) -> None:
            if limit < 1:
                raise ValueError("too small")
            self.owner, self.limit, self.items = owner, limit, []
        def add(self, item: Item, times: int = 1) -> int:
            self.items += [item] * times
            return len(self.items)
        def where(self, *, by_name: str = "here") -> str:
            return by_name
        async def later(self) -> list[int]:
            return await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2))
        def wrong(self) -> int:
            return "x"
        def stop(self) -> None:
            raise SystemExit("stopped")
        def numbers(self) -> tuple[float, float, float]:
            return random.random(), unseeded.random(), seeded.random()
        def environment(self) -> str:
            return os.environ.get("CITY", "")

    @agent(mode="ephemeral")
    class Once: ...
"""


@pytest.fixture
def guest(bindings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A fresh ``shem_sdk.guest`` over an application in ``tmp_path``."""
    saved = {name: module for name, module in sys.modules.items() if name.startswith("shem_sdk")}
    path, bytecode = sys.path.copy(), sys.dont_write_bytecode
    for name in saved:
        del sys.modules[name]
    (tmp_path / "shop.py").write_text(textwrap.dedent(SOURCE))
    environment = importlib.import_module("wit_world.imports.environment")
    variables = [("SHEM_AGENTS", "shop"), ("CITY", "Prague")]
    monkeypatch.setattr(environment, "get_environment", lambda: variables)
    monkeypatch.setattr("os.environ", dict(variables))
    for module in (asyncio, asyncio.events):  # a guest changes it, and this process needs its own again
        monkeypatch.setattr(module, "new_event_loop", asyncio.new_event_loop)
    made = importlib.import_module("shem_sdk.guest")
    monkeypatch.setattr(made._application, "_roots", [str(tmp_path)])
    yield made
    if made._loop is not None:
        made._loop.close()
    for name in [n for n in sys.modules if n == "shop" or n.startswith("shem_sdk")]:
        del sys.modules[name]
    sys.modules.update(saved)
    sys.path[:], sys.dont_write_bytecode = path, bytecode


@pytest.fixture
def invoke(guest: ModuleType, types: ModuleType) -> Callable[..., Any]:
    """Call a method of ``Cart("ada")``; its answer as a list of nodes."""
    guest.Guest().initialize("Cart", data(types, "ada", None), anonymous(guest))

    def call(method: str, *values: Any) -> Any:
        return guest.Guest().invoke(method, data(types, *values), anonymous(guest)).value

    return call


def anonymous(guest: ModuleType) -> Any:
    return guest.common.Principal_Anonymous()


def data(types: ModuleType, *values: Any) -> Any:
    """A ``data-value`` of strings, of nodes, and None for what is left out."""
    elements = []
    for value in values:
        match value:
            case str():
                nodes = [types.WitNode_PrimString(value)]
            case None:
                nodes = [types.WitNode_OptionValue(None)]
            case int():
                nodes = [types.WitNode_OptionValue(1), types.WitNode_PrimS64(value)]
            case _:
                nodes = value
        elements.append(types.ElementValue_ComponentModel(types.WitValue(nodes)))
    return types.DataValue_Tuple(elements)


def item(types: ModuleType, sku: str) -> list[Any]:
    return [types.WitNode_RecordValue([1, 2]), types.WitNode_PrimString(sku), types.WitNode_OptionValue(None)]


def refusal(function: Callable[..., Any], *arguments: Any) -> Any:
    with pytest.raises(Exception) as raised:  # noqa: PT011  # Err is generated; its value is looked at below
        function(*arguments)
    assert type(raised.value).__name__ == "Err"
    return raised.value.value  # type: ignore[attr-defined]  # of Err


def strings(error: Any) -> list[str]:
    """Type, message and traceback of a custom error."""
    nodes = error.value.value.nodes
    return [node.value for node in nodes[1:4]]


def test_agent_types_are_discovered(guest: ModuleType) -> None:
    cart, once = guest.Guest().discover_agent_types()
    assert (cart.type_name, cart.description, cart.source_language) == ("Cart", "Keeps items.", "python")
    assert [name for name, _ in cart.constructor.input_schema.value] == ["owner", "limit"]
    assert [m.name for m in cart.methods][:3] == ["add", "where", "later"]
    assert (cart.mode.name, once.mode.name) == ("DURABLE", "EPHEMERAL")


def test_methods_get_and_give_values(invoke: Callable[..., Any], types: ModuleType) -> None:
    assert invoke("add", item(types, "tea"), 3)[0].value.nodes == [types.WitNode_PrimS64(3)]
    assert invoke("add", item(types, "tea"), None)[0].value.nodes == [types.WitNode_PrimS64(4)]
    assert invoke("where", None)[0].value.nodes == [types.WitNode_PrimString("here")]
    assert invoke("environment")[0].value.nodes == [types.WitNode_PrimString("Prague")]


def test_async_methods_run_to_their_end(invoke: Callable[..., Any], types: ModuleType) -> None:
    assert invoke("later")[0].value.nodes[1:] == [types.WitNode_PrimS64(1), types.WitNode_PrimS64(2)]


def test_every_exception_is_an_agent_error_and_the_agent_lives_on(
    invoke: Callable[..., Any], types: ModuleType
) -> None:
    kind, message, traceback = strings(refusal(invoke, "stop"))
    assert (kind, message) == ("SystemExit", "stopped")
    assert traceback.count("File ") == 1
    assert 'raise SystemExit("stopped")' in traceback
    assert strings(refusal(invoke, "wrong"))[1] == "Cart.wrong: the result: expected int, got str 'x'"
    assert invoke("add", item(types, "tea"), 1)[0].value.nodes == [types.WitNode_PrimS64(1)]


def test_bad_calls_are_told_apart(guest: ModuleType, invoke: Callable[..., Any], types: ModuleType) -> None:
    unknown = refusal(invoke, "ad")
    assert type(unknown).__name__ == "AgentError_InvalidMethod"
    assert "'ad'" in unknown.value
    misfit = refusal(
        invoke, "add", [*item(types, "x")[:1], types.WitNode_PrimS64(1), *item(types, "x")[2:]], None
    )
    assert type(misfit).__name__ == "AgentError_InvalidInput"
    assert misfit.value == "item.sku: expected str, got PrimS64 1"
    few = refusal(invoke, "add")
    assert few.value == "Cart.add: expected 2 arguments (item, times), got 0"
    other = refusal(guest.Guest().initialize, "Car", data(types), anonymous(guest))
    assert type(other).__name__ == "AgentError_InvalidType"


def test_a_constructor_may_refuse(guest: ModuleType, types: ModuleType) -> None:
    error = refusal(guest.Guest().initialize, "Cart", data(types, "ada", 0), anonymous(guest))
    assert strings(error)[:2] == ["ValueError", "too small"]


def test_a_module_that_fails_to_import_is_named(guest: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("\nimport no_such_module\n")
    error = refusal(guest.Guest().discover_agent_types)
    nodes = error.value.value.nodes
    assert [nodes[1].value, nodes[6].value, nodes[7].value] == [
        "ModuleNotFoundError",
        str(tmp_path / "shop.py"),
        2,
    ]


def test_agents_of_one_memory_draw_different_numbers(
    guest: ModuleType, types: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two agents begin with the same memory: the same state of every generator, the same names."""
    guest.Guest().discover_agent_types()
    shop = sys.modules["shop"]
    imported = random.getstate(), shop.unseeded.getstate(), shop.seeded.getstate()

    def begin() -> tuple[list[float], str]:
        random.setstate(imported[0])
        shop.unseeded.setstate(imported[1])
        shop.seeded.setstate(imported[2])
        monkeypatch.setattr(tempfile, "_name_sequence", iter(["same"]))
        monkeypatch.setattr(uuid, "_node", 7)
        guest.Guest().initialize("Cart", data(types, "ada", None), anonymous(guest))
        nodes = guest.Guest().invoke("numbers", data(types), anonymous(guest)).value[0].value.nodes
        assert uuid._node is None  # type: ignore[attr-defined]  # typeshed leaves private names out
        return [n.value for n in nodes[1:]], str(tempfile._name_sequence)  # type: ignore[attr-defined]  # as above

    (first, names), (second, _) = begin(), begin()
    assert first[0] != second[0]
    assert first[1] != second[1]
    assert first[2] == second[2], "a generator that the user seeded is the user's"
    assert names == "None"


def test_fields_survive_a_snapshot(guest: ModuleType, invoke: Callable[..., Any], types: ModuleType) -> None:
    invoke("add", item(types, "tea"), 2)
    saved = guest.SaveSnapshot().save()
    invoke("add", item(types, "tea"), 2)
    guest.LoadSnapshot().load(saved)
    assert invoke("add", item(types, "tea"), 1)[0].value.nodes == [types.WitNode_PrimS64(3)]


def test_a_broken_snapshot_is_refused_and_the_agent_stays(
    guest: ModuleType, invoke: Callable[..., Any], types: ModuleType
) -> None:
    invoke("add", item(types, "tea"), 2)
    assert "no snapshot" in refusal(guest.LoadSnapshot().load, guest.host.Snapshot(b"junk", ""))
    assert invoke("add", item(types, "tea"), 1)[0].value.nodes == [types.WitNode_PrimS64(3)]
