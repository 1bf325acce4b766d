"""What a guest hands over is read as wasmtime reads it, whatever it is: the same value, or a trap in both."""

from __future__ import annotations

import struct
from typing import Any

import wasmtime
from hypothesis import given
from hypothesis import strategies as st
from wasm_echo_components import ALLOCATOR, TypeTexts, core_types
from wasm_oracle import OracleInstance, from_oracle, to_oracle
from wasm_values import bits, examples, types, values

from shem.wasm.component import Component
from shem.wasm.engine import Engine
from shem.wasm.errors import Trap
from shem.wasm.flatten import lifted_signature, lowered_signature
from shem.wasm.host import HostInterface
from shem.wasm.types import FuncType, ListType, Prim, TupleType, ValType

DATA = 1024
"""Where the guest's data stands."""

words = st.one_of(
    st.integers(0, 5),
    st.sampled_from(
        [DATA, DATA + 4, DATA + 8, DATA + 1, 65535, 65536, 0xD800, 0x110000, 1 << 31, 0xFFFFFFFF]
    ),
    st.integers(0, 0xFFFFFFFF),
)
memories = st.lists(words, max_size=40).map(lambda drawn: struct.pack(f"<{len(drawn)}I", *drawn))
encodings = st.sampled_from(["utf8", "utf16", "latin1+utf16"])


def outcome(run: Any) -> Any:
    try:
        return bits(run())
    except (Trap, wasmtime.WasmtimeError, wasmtime.Trap):
        return "trap"


def load(engine: Engine, wat: str, host: Any) -> Any:
    interface = HostInterface("")
    interface.functions["host"] = lambda context, *args: host(*args)
    return Component.load(engine, bytes(wasmtime.wat2wasm(wat))).link([interface]).instantiate(None)


def escaped(data: bytes) -> str:
    return "".join(f"\\{byte:02x}" for byte in data)


@examples(150)
@given(
    type_=types,
    data=memories,
    pointer=st.sampled_from([DATA, DATA, DATA, DATA + 1, DATA + 2, 65532, 65536, 0xFFFFFFFC]),
    encoding=encodings,
)
def test_results(engine: Engine, type_: ValType, data: bytes, pointer: int, encoding: str) -> None:
    lifted = lifted_signature(FuncType((), type_))
    texts = TypeTexts()
    name = texts.text(type_)
    number = pointer if lifted.results[0] != "f32" else 1.5
    wat = f"""(component
      {" ".join(texts.lines)}
      (core module $main
        (memory (export "memory") 1)
        (data (i32.const {DATA}) "{escaped(data)}")
        (func (export "get") {core_types("result", lifted.results)} ({lifted.results[0]}.const {number})))
      (core instance $main (instantiate $main))
      (func (export "get") (result {name})
        (canon lift (core func $main "get") (memory (core memory $main "memory"))
          string-encoding={encoding})))"""
    ours = load(engine, wat, None)
    oracle = OracleInstance(wat)
    expected = outcome(lambda: from_oracle(type_, oracle.call("get")))
    assert outcome(lambda: ours.call("", "get")) == expected
    assert ours.poisoned == (expected == "trap")


@examples(150)
@given(type_=types, data=memories, encoding=encodings, draw=st.data())
def test_arguments(engine: Engine, type_: ValType, data: bytes, encoding: str, draw: st.DataObject) -> None:
    lowered = lowered_signature(FuncType((("p", type_),), None))
    flat = [
        f"({core}.const {draw.draw(words if core[0] == 'i' else st.sampled_from([0, 1.5, 'nan', 'inf']))})"
        for core in lowered.params
    ]
    texts = TypeTexts()
    name = texts.text(type_)
    wat = f"""(component
      {" ".join(texts.lines)}
      (import "host" (func $host (param "p" {name})))
      (core module $memory (memory (export "memory") 1) (data (i32.const {DATA}) "{escaped(data)}"))
      (core instance $memory (instantiate $memory))
      (core func $host (canon lower (func $host) (memory (core memory $memory "memory"))
        string-encoding={encoding}))
      (core module $main
        (import "" "host" (func $host {core_types("param", lowered.params)}))
        (func (export "run") (call $host {" ".join(flat)})))
      (core instance $main (instantiate $main (with "" (instance (export "host" (func $host))))))
      (func (export "run") (canon lift (core func $main "run"))))"""
    seen: list[Any] = []
    ours = load(engine, wat, seen.append)
    wanted: list[Any] = []
    oracle = OracleInstance(wat, host=lambda value: wanted.append(from_oracle(type_, value)))
    expected = outcome(lambda: oracle.call("run"))
    assert outcome(lambda: ours.call("", "run")) == expected
    assert bits(seen) == bits(wanted)


@examples(60)
@given(
    type_=types.map(ListType) | types.map(lambda t: TupleType((Prim("string"), ListType(t)))),
    pointer=st.sampled_from([DATA, DATA + 1, DATA + 4, 65534, 65535, 65536, 0xFFFFFFF0]),
    draw=st.data(),
)
def test_an_allocator_that_lies(engine: Engine, type_: ValType, pointer: int, draw: st.DataObject) -> None:
    value = draw.draw(values(type_))
    lifted = lifted_signature(FuncType((("p", type_),), None))
    texts = TypeTexts()
    name = texts.text(type_)
    wat = f"""(component
      {" ".join(texts.lines)}
      (core module $main
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const {pointer}))
        (func (export "put") {core_types("param", lifted.params)}))
      (core instance $main (instantiate $main))
      (func (export "put") (param "p" {name})
        (canon lift (core func $main "put") (memory (core memory $main "memory"))
          (realloc (core func $main "realloc")))))"""
    ours = load(engine, wat, None)
    oracle = OracleInstance(wat)
    expected = outcome(lambda: oracle.call("put", to_oracle(type_, value)))
    assert outcome(lambda: ours.call("", "put", value)) == expected


def test_the_abis_own_calls_must_not_call_out(engine: Engine) -> None:
    wat = f"""(component
      (import "host" (func $host))
      {ALLOCATOR}
      (core func $host (canon lower (func $host)))
      (core module $main
        (import "" "host" (func $host)) (import "" "memory" (memory 1))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (call $host) (i32.const 2048))
        (func (export "free") (param i32) (call $host))
        (func (export "put") (param i32 i32))
        (func (export "get") (result i32) (i32.const 64)))
      (core instance $main (instantiate $main (with "" (instance
        (export "host" (func $host)) (export "memory" (memory $memory "memory"))))))
      (func (export "put") (param "p" string)
        (canon lift (core func $main "put") (memory (core memory $memory "memory"))
          (realloc (core func $main "realloc"))))
      (func (export "get") (result string)
        (canon lift (core func $main "get") (memory (core memory $memory "memory"))
          (post-return (core func $main "free")))))"""
    for name, args in (("put", ("text",)), ("get", ())):
        ours = load(engine, wat, lambda: None)
        oracle = OracleInstance(wat, host=lambda: None)
        assert outcome(lambda: oracle.call(name, *args)) == "trap"  # noqa: B023 - used at once
        assert outcome(lambda: ours.call("", name, *args)) == "trap"  # noqa: B023
