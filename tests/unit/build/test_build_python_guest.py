"""The Python runtime component does in a WebAssembly machine what the SDK promises."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shem.agent import values
from shem.agent.schema import read_agent_types
from shem.build.application import package
from shem.build.archive import archive
from shem.build.runtime import PythonRuntime
from shem.clock import SystemClock
from shem.wasi import INTERFACES
from shem.wasi.context import WasiContext
from shem.wasi.vfs import FileSystem, Tree
from shem.wasm.component import Component, Linked
from shem.wasm.engine import Engine
from shem.wasm.instance import Instance

GUEST = "golem:agent/guest@1.5.0"
EXAMPLES = Path(__file__).parents[3] / "examples"
ANONYMOUS = ("anonymous", None)

SOURCE = """
import asyncio, csv, os, random, tempfile
from shem_sdk import agent

drawn = random.Random()

@agent
class Thing:
    def __init__(self, name: str) -> None:
        self.name = name
    def numbers(self) -> list[float]:
        return [random.random(), drawn.random()]
    def temporary(self) -> str:
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(b"x")
        return file.name
    def lazily(self) -> str:
        import statistics, tomllib, encodings.idna
        return tomllib.__file__
    async def slept(self, seconds: float) -> list[int]:
        return await asyncio.gather(asyncio.sleep(seconds, 1), asyncio.sleep(seconds, 2))
    def nested_loop(self) -> int:
        return asyncio.run(asyncio.sleep(0, 7))
    def deep(self) -> int:
        return self.deep()
    def stop(self) -> None:
        exit(3)
    def printed(self) -> None:
        print("hello")
"""


class Recorder:
    """A durability that is always live, and counts."""

    is_live = True

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.lines: list[tuple[str, str]] = []

    def local(self, function: str, request: object, perform: Callable[[], Any]) -> Any:
        self.calls.append(function)
        return perform()

    def log(self, level: str, context: str, message: str) -> None:
        self.lines.append((level, message))

    def now_ns(self) -> int:
        return 0


class Agent:
    """One instance of the runtime component, over a user's files."""

    def __init__(self, linked: Linked, library: Tree, files: bytes, modules: str) -> None:
        self.recorder = Recorder()
        context = WasiContext(
            durability=self.recorder,
            clock=SystemClock(),
            entropy=os.urandom,
            wait=lambda ns: time.sleep(ns / 1e9),
            environ=(("SHEM_AGENTS", modules),),
            arguments=(),
            files=FileSystem({"/app": Tree.from_zip(files), "/python": library}),
        )
        self.instance: Instance = linked.instantiate(context)
        self.discovered = self.instance.call(GUEST, "discover-agent-types")

    def initialize(self, type_name: str, *values: list[Any]) -> Any:
        return self.instance.call(GUEST, "initialize", type_name, data(*values), ANONYMOUS)

    def invoke(self, method: str, *values: list[Any]) -> list[Any]:
        """Nodes of the result."""
        kind, result = self.instance.call(GUEST, "invoke", method, data(*values), ANONYMOUS)
        assert kind == "ok", result
        return [node for _, element in result[1] for node in element["nodes"]]

    def refused(self, method: str, *values: list[Any]) -> tuple[str, Any]:
        kind, error = self.instance.call(GUEST, "invoke", method, data(*values), ANONYMOUS)
        assert kind == "err", error
        return described(error)


def described(error: Any) -> tuple[str, Any]:
    """Case of an agent error, and its text or the parts of its record."""
    case, value = error
    return case, [n[1] for n in value["value"]["nodes"]] if case == "custom-error" else value


def data(*parts: list[Any]) -> tuple[str, list[Any]]:
    return "tuple", [("component-model", {"nodes": nodes}) for nodes in parts]


def text(value: str) -> list[Any]:
    return [("prim-string", value)]


@pytest.fixture(scope="module")
def linked(runtime: PythonRuntime, cache: Path) -> Linked:
    return Component.load(Engine(cache / "compiled"), runtime.wasm).link(INTERFACES)


@pytest.fixture(scope="module")
def library(runtime: PythonRuntime) -> Tree:
    return Tree.from_zip(runtime.library)


@pytest.fixture
def make(linked: Linked, library: Tree) -> Callable[..., Agent]:
    def make(files: bytes = archive({"thing.py": SOURCE.encode()}), modules: str = "thing") -> Agent:
        return Agent(linked, library, files, modules)

    return make


@pytest.fixture
def thing(make: Callable[..., Agent]) -> Agent:
    agent = make()
    assert agent.initialize("Thing", text("bob")) == ("ok", None)
    return agent


def test_each_agent_draws_its_own_numbers_and_names(make: Callable[..., Agent]) -> None:
    seen: list[Any] = []
    for _ in range(2):
        agent = make()
        agent.recorder.calls.clear()
        agent.initialize("Thing", text("bob"))
        assert agent.recorder.calls == ["wasi:random/random.get-random-bytes"], "one entry a new agent"
        seen.append((agent.invoke("numbers")[1:], agent.invoke("temporary")))
    (first, first_name), (second, second_name) = seen
    assert first[0] != second[0]
    assert first[1] != second[1]
    assert first_name != second_name


def test_modules_that_are_not_built_in_are_found(thing: Agent) -> None:
    assert thing.invoke("lazily") == [("prim-string", "/python/tomllib/__init__.py")]


def test_async_methods_sleep_together(thing: Agent) -> None:
    began = time.monotonic()
    assert thing.invoke("slept", [("prim-float64", 0.05)])[1:] == [("prim-s64", 1), ("prim-s64", 2)]
    assert time.monotonic() - began < 2
    assert thing.recorder.calls.count("wasi:io/poll.poll") == 1


def test_an_async_method_that_never_waits_records_nothing(thing: Agent) -> None:
    thing.invoke("slept", [("prim-float64", 0.0)])
    thing.recorder.calls.clear()
    thing.invoke("slept", [("prim-float64", 0.0)])
    assert thing.recorder.calls == []


def test_asyncio_run_works_in_methods_that_are_not_async(thing: Agent) -> None:
    assert thing.invoke("nested_loop") == [("prim-s64", 7)]


def test_whatever_a_method_does_the_agent_lives_on(thing: Agent) -> None:
    assert thing.refused("stop")[1][1:3] == ["SystemExit", "3"]
    case, error = thing.refused("deep")
    assert (case, error[1]) == ("custom-error", "RecursionError")
    assert thing.refused("absent")[0] == "invalid-method"
    assert thing.refused("slept", text("x")) == (
        "invalid-input",
        "seconds: expected float, got PrimString 'x'",
    )
    assert len(thing.invoke("numbers")) == 3


def test_a_traceback_shows_the_users_lines(thing: Agent) -> None:
    _, error = thing.refused("stop")
    assert error[3].startswith('Traceback (most recent call last):\n  File "/app/thing.py", line')
    assert "exit(3)" in error[3]
    assert "shem_sdk" not in error[3]
    assert error[-2:] == ["/app/thing.py", SOURCE.splitlines().index("        exit(3)") + 1]


def test_output_comes_out_when_the_method_ends(thing: Agent) -> None:
    thing.invoke("printed")
    assert thing.recorder.lines == [("stdout", "hello")]


def test_fields_survive_a_snapshot(make: Callable[..., Agent], thing: Agent) -> None:
    snapshot = thing.instance.call("golem:api/save-snapshot@1.5.0", "save")
    other = make()
    assert other.instance.call("golem:api/load-snapshot@1.5.0", "load", snapshot) == ("ok", None)
    assert len(other.invoke("numbers")) == 3


def test_a_broken_module_is_told_with_its_place(make: Callable[..., Agent]) -> None:
    kind, error = make(archive({"thing.py": b"\ndef broken(:\n"})).discovered
    assert kind == "err"
    _, parts = described(error)
    assert (parts[1], parts[-2:]) == ("SyntaxError", ["/app/thing.py", 2])


def test_the_shopping_cart_sells(make: Callable[..., Agent]) -> None:
    built = package(EXAMPLES / "shopping_cart")
    agent = make(built.files, "shopping_cart")
    assert agent.initialize("ShoppingCart", text("ada")) == ("ok", None)
    tea = [
        ("record-value", [1, 2, 3]),
        ("prim-string", "tea"),
        ("prim-string", "Tea"),
        ("prim-string", "4.50"),
    ]
    two = [("option-value", 1), ("prim-s64", 2)]
    agent.invoke("add", tea, two)
    assert agent.invoke("total") == [("prim-string", "9.00")]
    order = agent.invoke("check_out", [("option-value", None)])
    UUID(order[1][1])
    assert agent.invoke("orders")[2] == order[1], "the order keeps its id"
    assert agent.refused("check_out", [("option-value", None)])[1][1:3] == ["ValueError", "the cart is empty"]


def test_the_todo_list_keeps_its_files(make: Callable[..., Agent]) -> None:
    built = package(EXAMPLES / "todo")
    agent = make(built.files, "todo")
    assert agent.initialize("TodoList", text("ada")) == ("ok", None)
    assert agent.invoke("add", text("write the engine")) == [("prim-s64", 1)]
    assert agent.invoke("add", text("test the engine")) == [("prim-s64", 2)]
    assert ("prim-bool", True) in agent.invoke("finish", [("prim-s64", 1)])
    assert agent.invoke("clear_done") == [("prim-s64", 1)]
    assert ("prim-string", "test the engine") in agent.invoke("items")
    assert agent.refused("finish", [("prim-s64", 2)])[1][1] == "IndexError"


TYPES = """
import enum
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID
from shem_sdk import agent

class Color(enum.Enum):
    RED = "r"
    GREEN = "g"

@dataclass(frozen=True)
class Point:
    x: int
    y: float = 0.5
    label: str | None = None
    tags: list[str] = field(default_factory=list)

class Named(NamedTuple):
    a: int
    b: str = "b"

class Typed(TypedDict):
    needed: int
    extra: NotRequired[str]

@agent
class Echo:
    def __init__(self) -> None:
        pass
    METHODS
"""
CASES: list[tuple[str, Any, Any]] = [
    ("bool", True, True),
    ("int", -(2**63), -(2**63)),
    ("float", 1.5, 1.5),
    ("str", "a\u00fc\U0001f600", "a\u00fc\U0001f600"),
    ("bytes", "AAH/", "AAH/"),
    ("Decimal", "1.50", "1.50"),
    ("datetime", "2026-11-22T10:00:00+00:00", "2026-11-22T10:00:00+00:00"),
    ("UUID", "12345678-1234-5678-1234-567812345678", "12345678-1234-5678-1234-567812345678"),
    ("list[int]", [1, 2], [1, 2]),
    ("set[str]", ["b", "a"], ["a", "b"]),
    ("tuple[int, str]", [1, "a"], [1, "a"]),
    ("dict[str, int]", {"a": 1}, {"a": 1}),
    ("dict[int, list[int]]", [[1, [2]]], [[1, [2]]]),
    ("int | None", None, None),
    ("int | None", 3, 3),
    ("int | str | None", "x", "x"),
    ("int | str | None", None, None),
    ("Literal['a', 1, True]", 1, 1),
    ("Color", "GREEN", "GREEN"),
    ("Point", {"x": 1}, {"x": 1, "y": 0.5, "label": None, "tags": []}),
    ("Point | Named", {"a": 1}, {"a": 1, "b": "b"}),
    ("Typed", {"needed": 1}, {"needed": 1}),
    ("Typed", {"needed": 1, "extra": "x"}, {"needed": 1, "extra": "x"}),
    ("list[dict[str, Point | None]]", [{"a": None}], [{"a": None}]),
]


def test_natural_json_goes_through_the_guest_and_back(make: Callable[..., Agent]) -> None:
    methods = "\n    ".join(f"def m{i}(self, v: {t}) -> {t}: return v" for i, (t, _, _) in enumerate(CASES))
    agent = make(archive({"echo.py": TYPES.replace("METHODS", methods).encode()}), "echo")
    kind, types = agent.discovered
    assert kind == "ok", types
    echo = read_agent_types(types)["Echo"]
    assert agent.initialize("Echo") == ("ok", None)
    for number, (annotation, sent, expected) in enumerate(CASES):
        arguments = values.arguments(echo, f"m{number}", [sent])
        kind, result = agent.instance.call(GUEST, "invoke", f"m{number}", arguments, ANONYMOUS)
        assert kind == "ok", (annotation, described(result))
        assert values.result(echo, f"m{number}", result) == expected, annotation
