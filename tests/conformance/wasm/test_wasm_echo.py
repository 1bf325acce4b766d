"""Values cross the border as they do in wasmtime's own component runtime: same values, same bytes in memory."""

from __future__ import annotations

import struct
from typing import Any

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st
from wasm_echo_components import echo_component
from wasm_oracle import OracleInstance, from_oracle, to_oracle
from wasm_values import INTEGERS, bits, compound, examples, primitives, types, values

from shem.wasm.component import Component
from shem.wasm.engine import Engine
from shem.wasm.errors import ValueMismatch
from shem.wasm.host import HostInterface
from shem.wasm.types import (
    EnumType,
    FlagsType,
    ListType,
    OptionType,
    Prim,
    RecordType,
    TupleType,
    ValType,
)


class Echo:
    """An echo component in our runtime; ``seen`` is what the host function got."""

    def __init__(self, engine: Engine, wat: str) -> None:
        self.seen: list[Any] = []
        host = HostInterface("")
        host.functions["host"] = self._host
        self.instance = Component.load(engine, bytes(wasmtime.wat2wasm(wat))).link([host]).instantiate(None)

    def _host(self, context: None, *args: Any) -> Any:
        self.seen.append(args)
        return args[-1]

    def __call__(self, *args: Any) -> Any:
        return self.instance.call("", "echo", *args)


def check(engine: Engine, type_: ValType, args: list[Any], *, encoding: str = "utf8") -> None:
    wat = echo_component(type_, encoding, parameters=len(args))
    ours = Echo(engine, wat)
    result = ours(*args)
    assert bits(ours.seen) == bits([tuple(args)])
    assert bits(result) == bits(args[-1])
    seen: list[Any] = []

    def host(*given: Any) -> Any:
        seen.append(tuple(from_oracle(type_, value) for value in given))
        return given[-1]

    oracle = OracleInstance(wat, host=host)
    answer = from_oracle(type_, oracle.call("echo", *[to_oracle(type_, value) for value in args]))
    assert bits(result) == bits(answer)
    assert bits(ours.seen) == bits(seen)
    if encoding == "utf8":
        assert ours.instance.call("", "dump") == oracle.call("dump")
    ours.instance.close()


@examples(150)
@given(data=st.data())
def test_any_value_of_any_type_is_the_same(engine: Engine, data: st.DataObject) -> None:
    type_ = data.draw(types)
    check(engine, type_, [data.draw(values(type_))])


@examples(30)
@given(data=st.data(), count=st.integers(2, 18))
def test_many_parameters_go_through_memory(engine: Engine, data: st.DataObject, count: int) -> None:
    type_ = data.draw(primitives | compound(primitives))
    check(engine, type_, [data.draw(values(type_)) for _ in range(count)])


@pytest.mark.parametrize("encoding", ["utf16", "latin1+utf16"])
@pytest.mark.parametrize(
    "text", ["", "plain", "naïve café", "snow ☃", "astral 🜁", "a" * 5000, "é" * 5000 + "☃"]
)
def test_strings_in_every_encoding(engine: Engine, encoding: str, text: str) -> None:
    check(engine, Prim("string"), [text], encoding=encoding)
    check(engine, ListType(RecordType((("s", Prim("string")),))), [[{"s": text}] * 3], encoding=encoding)


@pytest.mark.parametrize("count", [1, 8, 9, 16, 17, 32])
def test_flags_of_any_width(engine: Engine, count: int) -> None:
    type_ = FlagsType(tuple(f"f{i}" for i in range(count)))
    for chosen in (type_.names, type_.names[-1:], type_.names[::3], ()):
        check(engine, type_, [frozenset(chosen)])
        check(engine, ListType(type_), [[frozenset(chosen)] * 2])


@pytest.mark.parametrize("count", [256, 257])
def test_enums_of_more_than_a_byte(engine: Engine, count: int) -> None:
    type_ = EnumType(tuple(f"c{i}" for i in range(count)))
    for name in (type_.names[0], type_.names[-1]):
        check(engine, TupleType((Prim("u8"), type_, Prim("u8"))), [(1, name, 2)])


def test_a_large_record_and_deep_nesting(engine: Engine) -> None:
    wide = RecordType(tuple((f"f{i}", Prim(INTEGERS[i % 8])) for i in range(60)))
    check(engine, wide, [{f"f{i}": i % 8 for i in range(60)}])
    check(engine, ListType(TupleType((Prim("u8"), wide))), [[(9, {f"f{i}": i for i in range(60)})] * 3])
    deep: ValType = Prim("string")
    value: Any = "bottom"
    for level in range(40):
        deep, value = (TupleType((deep,)), (value,)) if level % 2 else (ListType(deep), [value])
    check(engine, deep, [value])


@examples(150)
@given(data=st.data())
def test_a_value_of_another_type_is_refused_or_taken(engine: Engine, data: st.DataObject) -> None:
    type_ = data.draw(types)
    ours = Echo(engine, echo_component(type_))
    for _ in range(5):
        value = data.draw(types.flatmap(values) | st.tuples(st.text(), types.flatmap(values)))
        refusal: ValueMismatch | None = None
        try:
            ours(value)
        except ValueMismatch as error:
            refusal = error
        assert not ours.instance.poisoned
        assert (ours.seen == []) == (refusal is not None)
        assert refusal is None or refusal.path.startswith("args[0]")
        ours.seen.clear()
    ours.instance.close()


@pytest.mark.parametrize(
    ("name", "layout", "bits_of_one"), [("f32", "<f", "0000c07f"), ("f64", "<d", "000000000000f87f")]
)
def test_every_nan_is_the_canonical_one(engine: Engine, name: str, layout: str, bits_of_one: str) -> None:
    odd = struct.unpack("<d", bytes.fromhex("0100000000c0fdff"))[0]
    assert odd != odd
    type_ = TupleType((ListType(Prim(name)), Prim(name), OptionType(Prim(name))))
    ours = Echo(engine, echo_component(type_))
    ours(([odd], odd, odd))
    dump = ours.instance.call("", "dump").hex()
    assert dump.count(bits_of_one) == 4  # the list of the argument, and all of the result
    assert struct.pack(layout, odd).hex() not in dump


def test_no_parameters_and_no_result(engine: Engine) -> None:
    calls: list[None] = []
    host = HostInterface("")
    host.functions["host"] = lambda context: calls.append(None)
    wat = """(component
      (import "host" (func $host))
      (core func $host (canon lower (func $host)))
      (core module $main (import "" "host" (func $host)) (func (export "run") (call $host) (call $host)))
      (core instance $main (instantiate $main (with "" (instance (export "host" (func $host))))))
      (func (export "run") (canon lift (core func $main "run"))))"""
    instance = Component.load(engine, bytes(wasmtime.wat2wasm(wat))).link([host]).instantiate(None)
    assert instance.call("", "run") is None
    assert calls == [None, None]
