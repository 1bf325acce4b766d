"""Values of any type pass through components inside a component, as they do in wasmtime's own runtime."""

from __future__ import annotations

import re
from typing import Any

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st
from wasm_echo_components import ALLOCATOR, TypeTexts, echo_component
from wasm_oracle import OracleInstance, from_oracle, to_oracle
from wasm_values import bits, examples, types, values

from shem.wasm.component import Component
from shem.wasm.engine import Engine
from shem.wasm.host import HostInterface
from shem.wasm.types import ValType

ENCODINGS = ("utf8", "utf16", "latin1+utf16")


def chain(type_: ValType, encodings: list[str]) -> str:
    """A component that hands its argument down through one component for each encoding, to the host and back.

    Every component inside has a memory of its own and calls the one before it.
    """
    texts = TypeTexts()
    name = texts.text(type_)
    imported = re.findall(r'\(import "(t[0-9]+)"', "\n".join(texts.lines))
    arguments = " ".join(f'(with "{each}" (type ${each}n))' for each in imported)
    previous, parts = "$host", []
    for number, encoding in enumerate(encodings):
        inner = echo_component(type_, encoding).replace("(component", f"(component $c{number}", 1)
        parts.append(
            f'{inner} (instance $i{number} (instantiate $c{number} (with "host" (func {previous})) {arguments}))'
            f' (alias export $i{number} "echo" (func $f{number}))'
        )
        previous = f"$f{number}"
    return f"""(component
      {" ".join(texts.lines)}
      (import "host" (func $host (param "p0" {name}) (result {name})))
      {" ".join(parts)}
      (export "echo" (func {previous})))"""


@examples(80)
@given(data=st.data(), encodings=st.lists(st.sampled_from(ENCODINGS), min_size=1, max_size=4))
def test_any_value_passes_through_components(
    engine: Engine, data: st.DataObject, encodings: list[str]
) -> None:
    type_ = data.draw(types)
    value = data.draw(values(type_))
    wat = chain(type_, encodings)
    seen: list[Any] = []
    host = HostInterface("")

    @host.function("host")
    def answer(context: None, given: Any) -> Any:
        seen.append(given)
        return given

    with Component.load(engine, bytes(wasmtime.wat2wasm(wat))).link([host]).instantiate(None) as ours:
        result = ours.call("", "echo", value)
    oracle = OracleInstance(wat, host=lambda given: given)
    expected = from_oracle(type_, oracle.call("echo", to_oracle(type_, value)))
    assert bits(result) == bits(expected) == bits(value)
    assert bits(seen) == bits([value])


COUNTERS = f"""(component
  (component $makes
    {ALLOCATOR}
    (core module $drops
      (global $sum (mut i32) (i32.const 0))
      (func (export "drop") (param i32) (global.set $sum (i32.add (global.get $sum) (local.get 0))))
      (func (export "dropped") (result i32) (global.get $sum)))
    (core instance $drops (instantiate $drops))
    (type $own-counter (resource (rep i32) (dtor (core func $drops "drop"))))
    (export $counter "counter" (type $own-counter))
    (type $batch' (record (field "label" string) (field "items" (list (own $counter)))))
    (export $batch "batch" (type $batch'))
    (core func $new (canon resource.new $own-counter))
    (core module $main
      (import "" "memory" (memory 1)) (import "" "new" (func $new (param i32) (result i32)))
      (data (i32.const 200) "\\c3\\a9t\\e2\\98\\83")
      (func (export "make") (param $count i32) (result i32) (local $i i32)
        (i32.store (i32.const 100) (i32.const 200)) (i32.store (i32.const 104) (i32.const 6))
        (i32.store (i32.const 108) (i32.const 300)) (i32.store (i32.const 112) (local.get $count))
        (block $done (loop $next
          (br_if $done (i32.ge_u (local.get $i) (local.get $count)))
          (i32.store (i32.add (i32.const 300) (i32.mul (local.get $i) (i32.const 4)))
            (call $new (i32.add (local.get $i) (i32.const 10))))
          (local.set $i (i32.add (local.get $i) (i32.const 1))) (br $next)))
        (i32.const 100))
      (func (export "value") (param i32) (result i32) (local.get 0)))
    (core instance $main (instantiate $main (with "" (instance
      (export "memory" (memory $memory "memory")) (export "new" (func $new))))))
    (func (export "make") (param "count" u32) (result $batch)
      (canon lift (core func $main "make") (memory (core memory $memory "memory"))))
    (func (export "value") (param "counter" (borrow $counter)) (result u32)
      (canon lift (core func $main "value")))
    (func (export "dropped") (result u32) (canon lift (core func $drops "dropped"))))
  (component $uses
    (import "counter" (type $counter (sub resource)))
    (type $batch' (record (field "label" string) (field "items" (list (own $counter)))))
    (import "batch" (type $batch (eq $batch')))
    (import "make" (func $make (param "count" u32) (result $batch)))
    (import "value" (func $value (param "counter" (borrow $counter)) (result u32)))
    {ALLOCATOR}
    (core func $make (canon lower (func $make) (memory (core memory $memory "memory"))
      (realloc (core func $memory "realloc")) string-encoding=utf16))
    (core func $value (canon lower (func $value)))
    (core func $drop (canon resource.drop $counter))
    (core module $main
      (import "" "memory" (memory 1)) (import "" "make" (func $make (param i32 i32)))
      (import "" "value" (func $value (param i32) (result i32))) (import "" "drop" (func $drop (param i32)))
      (func (export "run") (param $count i32) (param $dropped i32) (result i32)
        (local $i i32) (local $sum i32) (local $at i32)
        (call $make (local.get $count) (i32.const 64))
        (block $done (loop $next
          (br_if $done (i32.ge_u (local.get $i) (i32.load (i32.const 76))))
          (local.set $at (i32.add (i32.load (i32.const 72)) (i32.mul (local.get $i) (i32.const 4))))
          (local.set $sum (i32.add (local.get $sum) (call $value (i32.load (local.get $at)))))
          (if (i32.lt_u (local.get $i) (local.get $dropped)) (then (call $drop (i32.load (local.get $at)))))
          (local.set $i (i32.add (local.get $i) (i32.const 1))) (br $next)))
        (i32.store (i32.const 40) (i32.load (i32.const 64))) (i32.store (i32.const 44) (i32.load (i32.const 68)))
        (i32.store (i32.const 48) (local.get $sum))
        (i32.const 40)))
    (core instance $main (instantiate $main (with "" (instance
      (export "memory" (memory $memory "memory")) (export "make" (func $make))
      (export "value" (func $value)) (export "drop" (func $drop))))))
    (func (export "run") (param "count" u32) (param "dropped" u32) (result (tuple string u32))
      (canon lift (core func $main "run") (memory (core memory $memory "memory")) string-encoding=utf16)))
  (instance $makes (instantiate $makes))
  (alias export $makes "counter" (type $counter))
  (alias export $makes "batch" (type $batch))
  (instance $uses (instantiate $uses (with "counter" (type $counter)) (with "batch" (type $batch))
    (with "make" (func $makes "make")) (with "value" (func $makes "value"))))
  (export "run" (func $uses "run"))
  (export "dropped" (func $makes "dropped")))"""


@pytest.mark.parametrize(("count", "dropped"), [(0, 0), (1, 0), (5, 2), (100, 100)])
def test_resources_in_lists_in_records_pass_between_components(
    engine: Engine, count: int, dropped: int
) -> None:
    with Component.load(engine, bytes(wasmtime.wat2wasm(COUNTERS))).link([]).instantiate(None) as ours:
        oracle = OracleInstance(COUNTERS)
        result = ours.call("", "run", count, dropped)
        assert result == oracle.call("run", count, dropped) == ("ét☃", sum(range(10, 10 + count)))
        assert ours.call("", "dropped") == oracle.call("dropped") == sum(range(10, 10 + dropped))
