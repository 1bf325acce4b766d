"""Components that others built, with other languages and tools than ours, run here as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wasmtime
import wasmtime.component
from hypothesis import given
from hypothesis import strategies as st
from wasm_oracle import from_oracle, to_oracle
from wasm_packages import packaged_components
from wasm_values import bits, examples, values

from shem.build.typescript import inject
from shem.errors import BadInput
from shem.registry.base_image import preparing_context
from shem.server.compose import cache_directory
from shem.wasi import INTERFACES
from shem.wasi.context import WasiContext
from shem.wasm.component import Component, Linked
from shem.wasm.engine import Engine
from shem.wasm.instance import Instance
from shem.wasm.planner import plan_component
from shem.wasm.types import RecordType

GUEST = "golem:agent/guest@1.5.0"
TOOLS = "local:wasm-tools/tools"

SMALL = """(component
  (core module (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))
  (core instance (instantiate 0))
  (func (export "f") (param "n" u32) (result u32) (canon lift (core func 0 "f"))))"""


@pytest.fixture(scope="module")
def packages() -> Path:
    return packaged_components()


@pytest.fixture(scope="module")
def kept_engine() -> Engine:
    """An engine whose code cache outlives the tests: these components take a minute to compile."""
    return Engine(cache_directory() / "compiled")


def context(**environ: str) -> WasiContext:
    return preparing_context(
        created_at_ns=0, key="test", mounts={}, environ=environ, output=lambda line: None
    )


# Golem's TypeScript guest -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def golem(packages: Path, kept_engine: Engine) -> Linked:
    wasm = inject((packages / "golem.wasm").read_bytes(), b"export default (async () => ({}))();")
    return Component.load(kept_engine, wasm).link(INTERFACES, trap_unknown=True)


def test_the_typescript_guest_answers(golem: Linked) -> None:
    with golem.instantiate(context()) as instance:
        assert instance.call(GUEST, "discover-agent-types") == ("ok", [])


def test_the_typescript_guest_goes_on_from_an_image(golem: Linked, tmp_path: Path) -> None:
    def answer(instance: Instance) -> bytes:
        assert instance.call(GUEST, "discover-agent-types") == ("ok", [])
        instance.capture().save(tmp_path / "image")
        return (tmp_path / "image").read_bytes()

    with golem.instantiate(context()) as instance:
        answer(instance)
        image = instance.capture()
        after = answer(instance)
    with golem.instantiate(context(), image) as restored:
        assert answer(restored) == after


def test_a_program_goes_into_the_guest_once(packages: Path) -> None:
    once = inject((packages / "golem.wasm").read_bytes(), b"export default 1;")
    with pytest.raises(BadInput, match="holds a program already"):
        inject(once, b"export default 2;")


# jco's own tools, which are written in Rust -------------------------------------------------------------------


@pytest.fixture(scope="module")
def tools(packages: Path, kept_engine: Engine) -> Iterator[Instance]:
    component = Component.load(kept_engine, (packages / "tools.wasm").read_bytes())
    with component.link(INTERFACES).instantiate(context()) as instance:
        yield instance


def test_wasm_tools_parses_and_prints(tools: Instance) -> None:
    parsed, binary = tools.call(TOOLS, "parse", SMALL)
    assert parsed == "ok"
    assert binary == bytes(wasmtime.wat2wasm(SMALL))
    printed, text = tools.call(TOOLS, "print", binary)
    assert printed == "ok"
    assert tools.call(TOOLS, "parse", text) == ("ok", binary)
    found, wit = tools.call(TOOLS, "component-wit", binary)
    assert found == "ok"
    assert "export f: func(n: u32) -> u32;" in wit
    failed, reason = tools.call(TOOLS, "parse", "(component (wrong")
    assert failed == "err"
    assert "expected valid component field" in reason


def test_wasm_tools_makes_itself_again_byte_for_byte(tools: Instance, packages: Path) -> None:
    core, adapter = (packages / "tools.core.wasm").read_bytes(), (packages / "adapter.wasm").read_bytes()
    made = tools.call(TOOLS, "component-new", core, [("wasi_snapshot_preview1", adapter)])
    assert made == ("ok", (packages / "tools.wasm").read_bytes())


def test_wasm_tools_agrees_with_our_reader_on_what_is_inside(tools: Instance, packages: Path) -> None:
    for name in ("tools", "bindgen", "sample", "golem"):
        wasm = (packages / f"{name}.wasm").read_bytes()
        told, metadata = tools.call(TOOLS, "metadata-show", wasm)
        assert told == "ok"
        theirs = [item["range"] for item in metadata if item["meta-type"] == ("module", None)]
        assert sorted((module.start, module.end) for module in plan_component(wasm).modules) == sorted(theirs)


def test_js_component_bindgen_transpiles(packages: Path, kept_engine: Engine) -> None:
    component = Component.load(kept_engine, (packages / "bindgen.wasm").read_bytes())
    options = component.exports[""]["generate"].params[1][1]
    assert isinstance(options, RecordType)
    settings = {**dict.fromkeys([name for name, _ in options.fields]), "name": "small"}
    with component.link(INTERFACES).instantiate(context()) as instance:
        done, made = instance.call("", "generate", bytes(wasmtime.wat2wasm(SMALL)), settings)
        assert done == "ok"
        assert made["exports"] == [("f", "function")]
        assert {name for name, _ in made["files"]} >= {"small.js", "small.d.ts"}
        failed, reason = instance.call("", "generate", b"\0asm", settings)
        assert failed == "err"
        assert "unexpected end-of-file" in reason


# JavaScript through componentize-js ---------------------------------------------------------------------------


class Sample:
    """The sample, here and in wasmtime's own component runtime."""

    def __init__(self, engine: Engine, wasm: bytes) -> None:
        component = Component.load(engine, wasm)
        self.types = component.exports[""]
        self.ours = component.link(INTERFACES).instantiate(context())
        config = wasmtime.Config()
        config.cache = True
        config.cranelift_opt_level = "none"  # it compiles in half the time, and is called little
        config.wasm_component_model = True
        theirs = wasmtime.Engine(config)
        linker = wasmtime.component.Linker(theirs)
        linker.add_wasip2()
        self.store = wasmtime.Store(theirs)
        self.store.set_wasi(wasmtime.WasiConfig())
        self.theirs = linker.instantiate(self.store, wasmtime.component.Component(theirs, wasm))

    def __call__(self, name: str, *args: Any) -> Any:
        """What both answer."""
        type_ = self.types[name]
        assert type_.result is not None
        ours = self.ours.call("", name, *args)
        function = self.theirs.get_func(self.store, name)
        assert function is not None
        given = [to_oracle(wanted, arg) for (_, wanted), arg in zip(type_.params, args, strict=True)]
        answer = function(self.store, *given)
        function.post_return(self.store)
        assert bits(ours) == bits(from_oracle(type_.result, answer))
        return ours


@pytest.fixture(scope="module")
def sample(packages: Path, kept_engine: Engine) -> Sample:
    return Sample(kept_engine, (packages / "sample.wasm").read_bytes())


def test_javascript_answers_as_it_was_written(sample: Sample) -> None:
    origin, there = {"x": 1.5, "y": -2.0, "name": None}, {"x": 0.0, "y": 4.0, "name": "there"}
    assert sample("greet", "Ωmega 🜁") == "hello, Ωmega 🜁!"
    assert sample("scale", there, 2.5) == {"x": 0.0, "y": 10.0, "name": "there"}
    assert sample("total", [1, 2**32 - 1, 2**32 - 1]) == 2**33 - 1
    assert sample("reversed", ["a", "", "ü"]) == ["ü", "", "a"]
    assert sample("parsed", "-12") == ("ok", -12)
    assert sample("parsed", "twelve") == ("err", "not a number: twelve")
    assert sample("next", "blue") == "red"
    assert sample("without-write", {"read", "write"}) == frozenset({"read"})
    assert sample("points", ("dot", None)) == []
    assert sample("points", ("circle", origin)) == [origin]
    assert sample("points", ("polygon", [origin, there])) == [origin, there]
    assert sample("bytes", b"\x00\xff", 3) == (b"\x03\x02", 2)


@examples(200)
@given(data=st.data())
def test_javascript_answers_alike_in_both_runtimes(sample: Sample, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(sample.types)))
    sample(name, *[data.draw(values(type_)) for _, type_ in sample.types[name].params])
