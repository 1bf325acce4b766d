"""A guest with little memory cannot fill the host's: its lists may overlap, what is made of them is bounded."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
import wasmtime

from shem.wasm.abi_border import MAX_LIFTED_BYTES
from shem.wasm.component import Component
from shem.wasm.engine import Engine
from shem.wasm.errors import Trap
from shem.wasm.host import HostInterface
from shem.wasm.instance import Instance

TABLE, COUNT, LENGTH = 1 << 20, 4_000, 1_000_000


def instance(tmp_path: Path, item: str, length: int, count: int) -> Instance:
    """``get`` gives, and ``put`` hands to the host, ``count`` items that all stand at the same place."""
    wat = f"""(component
      (import "host" (func $host (param "items" (list {item}))))
      (core module $memory (memory (export "memory") 40)
        (func $fill (local $at i32)
          (local.set $at (i32.const {TABLE}))
          (loop $next
            (i32.store (local.get $at) (i32.const 64))
            (i32.store offset=4 (local.get $at) (i32.const {length}))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if $next (i32.lt_u (local.get $at) (i32.const {TABLE + 8 * count}))))
          (i32.store (i32.const 0) (i32.const {TABLE}))
          (i32.store (i32.const 4) (i32.const {count})))
        (start $fill)
        (func (export "get") (result i32) (i32.const 0)))
      (core instance $memory (instantiate $memory))
      (core func $host (canon lower (func $host) (memory (core memory $memory "memory"))))
      (core module $main (import "" "host" (func $host (param i32 i32)))
        (func (export "put") (call $host (i32.const {TABLE}) (i32.const {count}))))
      (core instance $main (instantiate $main (with "" (instance (export "host" (func $host))))))
      (func (export "get") (result (list {item}))
        (canon lift (core func $memory "get") (memory (core memory $memory "memory"))))
      (func (export "put") (canon lift (core func $main "put"))))"""
    host = HostInterface("")
    host.functions["host"] = lambda context, items: None
    return Component.load(Engine(tmp_path), bytes(wasmtime.wat2wasm(wat))).link([host]).instantiate(None)


@pytest.mark.parametrize("name", ["get", "put"])
@pytest.mark.parametrize(
    ("item", "length"), [("string", LENGTH), ("(list u8)", LENGTH), ("(list u64)", LENGTH // 8)]
)
def test_items_that_overlap_are_given_up_in_time(tmp_path: Path, name: str, item: str, length: int) -> None:
    guest = instance(tmp_path, item, length, COUNT)
    tracemalloc.start()
    try:
        with pytest.raises(Trap, match="take more than") as caught:
            guest.call("", name)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.kind == "abi"
    assert peak < 1.5 * MAX_LIFTED_BYTES


def test_each_call_has_the_whole_bound(tmp_path: Path) -> None:
    guest = instance(tmp_path, "string", LENGTH, 100)
    for _ in range(4):
        assert sum(map(len, guest.call("", "get"))) == 100 * LENGTH
        guest.call("", "put")
