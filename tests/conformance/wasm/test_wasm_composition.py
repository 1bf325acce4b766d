"""Components inside components, and resources, behave as in wasmtime's own runtime."""

from __future__ import annotations

from typing import Any

import pytest
import wasmtime
from wasm_echo_components import ALLOCATOR
from wasm_oracle import OracleInstance

from shem.wasm.component import Component
from shem.wasm.engine import Engine
from shem.wasm.errors import Trap
from shem.wasm.host import HostInterface
from shem.wasm.instance import Instance


def load(engine: Engine, wat: str, **host: Any) -> Instance:
    root = HostInterface("")
    for name, function in host.items():
        root.functions[name] = lambda context, *args, function=function: function(*args)
    return Component.load(engine, bytes(wasmtime.wat2wasm(wat))).link([root]).instantiate(None)


def both(engine: Engine, wat: str, name: str, *args: Any, **host: Any) -> Any:
    """What a call gives in both runtimes; "trap" where both trap."""
    try:
        ours = load(engine, wat, **host).call("", name, *args)
    except Trap:
        ours = "trap"
    try:
        oracle = OracleInstance(wat, **host).call(name, *args)
    except (wasmtime.WasmtimeError, wasmtime.Trap):
        oracle = "trap"
    assert ours == oracle
    return ours


@pytest.mark.parametrize("encoding", ["utf8", "utf16", "latin1+utf16"])
def test_a_component_calls_another_one(engine: Engine, encoding: str) -> None:
    wat = f"""(component
      (component $twice
        {ALLOCATOR}
        (core module $main
          (import "" "memory" (memory 1)) (import "" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
          (func (export "twice") (param $at i32) (param $size i32) (result i32) (local $new i32)
            (local.set $new (call $realloc (i32.const 0) (i32.const 0) (i32.const 1)
              (i32.mul (local.get $size) (i32.const 2))))
            (memory.copy (local.get $new) (local.get $at) (local.get $size))
            (memory.copy (i32.add (local.get $new) (local.get $size)) (local.get $at) (local.get $size))
            (i32.store (i32.const 0) (local.get $new))
            (i32.store (i32.const 4) (i32.mul (local.get $size) (i32.const 2)))
            (i32.const 0)))
        (core instance $main (instantiate $main (with "" (instance
          (export "memory" (memory $memory "memory")) (export "realloc" (func $memory "realloc"))))))
        (func (export "twice") (param "text" string) (result string)
          (canon lift (core func $main "twice") (memory (core memory $memory "memory"))
            (realloc (core func $memory "realloc")))))
      (component $caller
        (import "twice" (func $twice (param "text" string) (result string)))
        {ALLOCATOR}
        (core func $twice (canon lower (func $twice) (memory (core memory $memory "memory"))
          (realloc (core func $memory "realloc")) string-encoding={encoding}))
        (core module $main
          (import "" "twice" (func $twice (param i32 i32 i32)))
          (func (export "run") (param i32 i32) (result i32)
            (call $twice (local.get 0) (local.get 1) (i32.const 64)) (i32.const 64)))
        (core instance $main (instantiate $main (with "" (instance (export "twice" (func $twice))))))
        (func (export "run") (param "text" string) (result string)
          (canon lift (core func $main "run") (memory (core memory $memory "memory"))
            (realloc (core func $memory "realloc")) string-encoding={encoding})))
      (instance $twice (instantiate $twice))
      (instance $caller (instantiate $caller (with "twice" (func $twice "twice"))))
      (export "run" (func $caller "run")))"""
    for text in ("", "ab", "é☃🜁"):
        assert both(engine, wat, "run", text) == text * 2


def test_a_host_function_is_exported_again(engine: Engine) -> None:
    wat = """(component
      (import "host" (func $host (param "n" u32) (result u32))) (export "again" (func $host)))"""
    again = load(engine, wat, host=lambda n: n * 10)
    assert again.call("", "again", 4) == 40  # wasmtime has not implemented this


RESOURCES = f"""
  (component $counter
    {ALLOCATOR}
    (core module $drops
      (global $drops (mut i32) (i32.const 0))
      (func (export "drop") (param i32)
        (global.set $drops (i32.add (global.get $drops) (local.get 0))))
      (func (export "drops") (result i32) (global.get $drops)))
    (core instance $drops (instantiate $drops))
    (type $counter' (resource (rep i32) (dtor (core func $drops "drop"))))
    (export $counter "counter" (type $counter'))
    (core func $new (canon resource.new $counter'))
    (core func $rep (canon resource.rep $counter'))
    (core func $drop (canon resource.drop $counter'))
    (core module $main
      (import "" "new" (func $new (param i32) (result i32)))
      (import "" "rep" (func $rep (param i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
      (func (export "value") (param i32) (result i32) (local.get 0))
      (func (export "own-value") (param i32) (result i32) (call $rep (local.get 0)))
      (func (export "bad-rep") (result i32) (call $rep (i32.const 7)))
      (func (export "two") (result i32)
        (drop (call $new (i32.const 5))) (call $new (i32.const 6)))
      (func (export "drop-twice") (result i32) (local $h i32)
        (local.set $h (call $new (i32.const 5)))
        (call $drop (local.get $h)) (call $drop (local.get $h)) (local.get $h))
      (func (export "reused") (result i32) (local $a i32)
        (local.set $a (call $new (i32.const 5)))
        (drop (call $new (i32.const 5)))
        (call $drop (local.get $a))
        (i32.add (i32.mul (local.get $a) (i32.const 100)) (call $new (i32.const 5)))))
    (core instance $main (instantiate $main (with "" (instance
      (export "new" (func $new)) (export "rep" (func $rep)) (export "drop" (func $drop))))))
    (func (export "make") (param "n" u32) (result (own $counter)) (canon lift (core func $main "make")))
    (func (export "value") (param "c" (borrow $counter)) (result u32) (canon lift (core func $main "value")))
    (func (export "own-value") (param "c" (own $counter)) (result u32)
      (canon lift (core func $main "own-value")))
    (func (export "bad-rep") (result u32) (canon lift (core func $main "bad-rep")))
    (func (export "drop-twice") (result u32) (canon lift (core func $main "drop-twice")))
    (func (export "reused") (result u32) (canon lift (core func $main "reused")))
    (func (export "drops") (result u32) (canon lift (core func $drops "drops"))))
  (instance $counter (instantiate $counter))
  (alias export $counter "counter" (type $counter))
"""

USER = """
  (component $user
    (import "counter" (type $counter (sub resource)))
    (import "make" (func $make (param "n" u32) (result (own $counter))))
    (import "value" (func $value (param "c" (borrow $counter)) (result u32)))
    (import "own-value" (func $own-value (param "c" (own $counter)) (result u32)))
    (import "drops" (func $drops (result u32)))
    (core func $make (canon lower (func $make)))
    (core func $value (canon lower (func $value)))
    (core func $own-value (canon lower (func $own-value)))
    (core func $drops (canon lower (func $drops)))
    (core func $drop (canon resource.drop $counter))
    (core module $main
      (import "" "make" (func $make (param i32) (result i32)))
      (import "" "value" (func $value (param i32) (result i32)))
      (import "" "own-value" (func $own-value (param i32) (result i32)))
      (import "" "drops" (func $drops (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "run") (result i32) (local $h i32)
        BODY))
    (core instance $main (instantiate $main (with "" (instance
      (export "make" (func $make)) (export "value" (func $value)) (export "own-value" (func $own-value))
      (export "drops" (func $drops)) (export "drop" (func $drop))))))
    (func (export "run") (result u32) (canon lift (core func $main "run"))))
  (instance $user (instantiate $user
    (with "counter" (type $counter)) (with "make" (func $counter "make"))
    (with "value" (func $counter "value")) (with "own-value" (func $counter "own-value"))
    (with "drops" (func $counter "drops"))))
  (export "run" (func $user "run"))
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("(call $value (call $make (i32.const 7)))", 7),
        ("(call $own-value (call $make (i32.const 8)))", 8),
        ("(call $make (i32.const 9))", 1),
        ("(drop (call $make (i32.const 9))) (call $make (i32.const 9))", 2),
        ("(call $drop (call $make (i32.const 9))) (call $make (i32.const 9))", 1),
        ("(call $drop (call $make (i32.const 9))) (call $drop (call $make (i32.const 30))) (call $drops)", 39),
        ("(local.set $h (call $make (i32.const 1))) (drop (call $value (local.get $h)))"
         " (call $value (local.get $h))", 1),
        ("(local.set $h (call $make (i32.const 1))) (drop (call $own-value (local.get $h)))"
         " (call $value (local.get $h))", "trap"),
        ("(local.set $h (call $make (i32.const 1))) (call $drop (local.get $h)) (call $drop (local.get $h))"
         " (i32.const 0)", "trap"),
        ("(call $value (i32.const 0))", "trap"),
        ("(call $value (i32.const 1))", "trap"),
        ("(call $value (i32.const -1))", "trap"),
        ("(call $drop (i32.const 77)) (i32.const 0)", "trap"),
    ],
)  # fmt: skip
def test_resources_pass_between_components(engine: Engine, body: str, expected: Any) -> None:
    wat = f"(component {RESOURCES} {USER.replace('BODY', body)})"
    assert both(engine, wat, "run") == expected


@pytest.mark.parametrize(("name", "expected"), [("bad-rep", "trap"), ("drop-twice", "trap"), ("reused", 101)])
def test_a_component_handles_its_own_resources(engine: Engine, name: str, expected: Any) -> None:
    wat = f'(component {RESOURCES} (export "{name}" (func $counter "{name}")))'
    assert both(engine, wat, name) == expected


def test_a_component_instance_is_not_entered_twice(engine: Engine) -> None:
    wat = """(component
      (component $child
        (import "up" (func $up (result u32)))
        (core func $up (canon lower (func $up)))
        (core module $main (import "" "up" (func $up (result i32)))
          (func (export "down") (result i32) (call $up)) (func (export "leaf") (result i32) (i32.const 3)))
        (core instance $main (instantiate $main (with "" (instance (export "up" (func $up))))))
        (func (export "down") (result u32) (canon lift (core func $main "down")))
        (func (export "leaf") (result u32) (canon lift (core func $main "leaf"))))
      (core module $parent (func (export "up") (result i32) (i32.const 5)))
      (core instance $parent (instantiate $parent))
      (func $up (result u32) (canon lift (core func $parent "up")))
      (instance $child (instantiate $child (with "up" (func $up))))
      (core func $leaf (canon lower (func $child "leaf")))
      (core func $down (canon lower (func $child "down")))
      (core module $top (import "" "leaf" (func $leaf (result i32))) (import "" "down" (func $down (result i32)))
        (func (export "leaf") (result i32) (call $leaf)) (func (export "down") (result i32) (call $down)))
      (core instance $top (instantiate $top (with "" (instance
        (export "leaf" (func $leaf)) (export "down" (func $down))))))
      (func (export "leaf") (result u32) (canon lift (core func $top "leaf")))
      (func (export "down") (result u32) (canon lift (core func $top "down")))
      (export "child-leaf" (func $child "leaf"))
      (export "child-down" (func $child "down")))"""
    assert both(engine, wat, "child-leaf") == 3
    assert both(engine, wat, "leaf") == 3
    assert both(engine, wat, "child-down") == 5
    # The specification forbids it (CanonicalABI.md, "call_might_be_recursive"); wasmtime allows it here.
    with pytest.raises(Trap, match="cannot enter component instance"):
        load(engine, wat).call("", "down")
