"""Any bytes become a plan or one MalformedComponent: no other error, no hang, little memory."""

from __future__ import annotations

import time
import tracemalloc

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from shem.wasm.binary import COMPONENT_VERSION
from shem.wasm.core import MAGIC, leb128
from shem.wasm.errors import MalformedComponent
from shem.wasm.planner import plan_component
from shem.wasm.wit import wit

HEADER = MAGIC + COMPONENT_VERSION

COMPONENT = bytes(
    wasmtime.wat2wasm("""(component $root
  (import "wasi:io/poll@0.2.9" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))))
  (alias export $poll "pollable" (type $pollable))
  (import "a:b/host" (instance $host
    (alias outer $root $pollable (type $q))
    (export "pollable" (type $r (eq $q)))
    (type $e (variant (case "a") (case "b" string)))
    (export "error" (type $f (eq $e)))
    (export "get" (func (param "p" (borrow $r)) (param "n" (list u8)) (result (result string (error $f)))))))
  (core module $libc (memory (export "m") 1) (global (mut i32) (i32.const 5)) (table 2 funcref)
    (type (sub (func))) (elem (i32.const 0) func 0)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
  (core instance $l (instantiate $libc))
  (alias core export $l "m" (core memory $m))
  (alias core export $l "realloc" (core func $realloc))
  (core func $get (canon lower (func $host "get") (memory $m) (realloc (core func $realloc))))
  (core func $drop (canon resource.drop $pollable))
  (core module $main (import "h" "get" (func (param i32 i32 i32 i32))) (import "h" "drop" (func (param i32)))
    (func (export "dtor") (param i32)) (func (export "f") (param i32) (result i32) unreachable))
  (core instance $i (instantiate $main
    (with "h" (instance (export "get" (func $get)) (export "drop" (func $drop))))))
  (type $res (resource (rep i32) (dtor (core func $i "dtor"))))
  (core func (canon resource.new $res))
  (type $point (record (field "x" u32) (field "flags" (flags "a" "b"))))
  (func $f (param "self" (borrow $res)) (result u32) (canon lift (core func $i "f")))
  (component $shim
    (import "import-type-thing" (type $t (sub resource)))
    (import "f" (func $f (param "self" (borrow $t)) (result u32)))
    (alias outer $root $point (type $pt))
    (export $o "thing" (type $t))
    (export "point" (type $pt))
    (export "[method]thing.f" (func $f) (func (param "self" (borrow $o)) (result u32))))
  (instance $out (instantiate $shim (with "import-type-thing" (type $res)) (with "f" (func $f))))
  (export "c:d/things@1.0.0" (instance $out)))""")
)

FEW = settings(max_examples=300, deadline=None)


def survive(data: bytes) -> None:
    """Plan it, and print what came of that."""
    failure: MalformedComponent | None = None
    try:
        plan = plan_component(data)
    except MalformedComponent as error:
        failure = error
    if failure is None:
        wit(plan)
    else:
        assert 0 <= failure.offset <= len(data)
        assert failure.section
        assert failure.reason


def test_the_component_to_be_damaged_is_whole() -> None:
    assert "c:d/things@1.0.0" in plan_component(COMPONENT).exports


@FEW
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    survive(data)
    survive(HEADER + data)


@st.composite
def sections(draw: st.DrawFn) -> bytes:
    """Sections with right lengths and few distinct bytes, so that reading gets far into them."""
    out = HEADER
    for _ in range(draw(st.integers(1, 6))):
        common = st.sampled_from(bytes.fromhex("0001020304057f7372716e6b6a6968403f4142 7a"))
        payload = bytes(draw(st.lists(common | st.integers(0, 255), max_size=24)))
        out += bytes([draw(st.integers(0, 12))]) + leb128(len(payload)) + payload
    return out


@FEW
@given(sections())
def test_random_sections(data: bytes) -> None:
    survive(data)


def test_every_truncation() -> None:
    for size in range(len(COMPONENT)):
        survive(COMPONENT[:size])


@FEW
@given(st.lists(st.tuples(st.integers(0, len(COMPONENT) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_bytes_replaced(changes: list[tuple[int, int]]) -> None:
    data = bytearray(COMPONENT)
    for position, value in changes:
        data[position] = value
    survive(bytes(data))


def test_every_byte_changed_by_one_and_flipped() -> None:
    for position in range(8, len(COMPONENT)):
        for value in ((COMPONENT[position] + 1) & 0xFF, COMPONENT[position] ^ 0x80):
            survive(COMPONENT[:position] + bytes([value]) + COMPONENT[position + 1 :])


@FEW
@given(st.integers(8, len(COMPONENT)), st.integers(0, 30), st.binary(max_size=20))
def test_bytes_cut_out_and_put_in(position: int, cut: int, put: bytes) -> None:
    survive(COMPONENT[:position] + put + COMPONENT[position + cut :])


@pytest.mark.parametrize(
    "payload",
    [
        b"\x07\x06\xff\xff\xff\xff\x0f\x7f",
        b"\x07\x08\x01\x72\xff\xff\xff\xff\x0f\x7f",
        b"\x01\x12\0asm\x01\0\0\0\x03\x06\xff\xff\xff\xff\x0f\x00",
        b"\x0a\x08\x01\x00\xff\xff\xff\xff\x0f\x7f",
    ],
    ids=["types", "fields", "functions", "name"],
)
def test_a_length_that_lies_allocates_nothing(payload: bytes) -> None:
    tracemalloc.start()
    try:
        survive(HEADER + payload)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_a_component_made_to_cost_the_most_is_given_up_soon() -> None:
    doubling = b"".join(
        b"\x04" + leb128(len(body)) + body
        for number in range(30)
        for body in [
            HEADER + b"\x06\x05\x01\x04\x02\x01" + bytes([number]) + b"\x05\x07\x02" + b"\x00\x00\x00" * 2
        ]
    )
    started = time.perf_counter()
    survive(HEADER + b"\x04\x08" + HEADER + doubling + b"\x05\x04\x01\x00\x1e\x00")
    assert time.perf_counter() - started < 5
