"""Code that changes tables or drops segments is told from code that does not, whatever stands around it."""

from __future__ import annotations

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from shem.wasm.core_reader import read_core_module

REASON = "instructions that change tables or drop segments"

CHANGES = [
    "(table.set $t (i32.const 0) (ref.null func))",
    "(table.fill $t (i32.const 0) (ref.null func) (i32.const 1))",
    "(table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 1))",
    "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))",
    "(elem.drop $e)",
    "(data.drop $d)",
]

KEEPS = [
    "(drop (table.grow $t (ref.null func) (i32.const 38)))",  # seen by a capture, which looks at sizes
    "(drop (i32.const 38))",  # 0x26, the byte of table.set
    "(drop (i64.const -4611686018427387866))",
    "(drop (f32.const 0x1.4c4c4cp-51))",
    "(drop (f64.const 0x1.6262626262626p-413))",
    "(drop (v128.const i32x4 0x26262626 0x0dfc26 0x26 0x0efc))",
    "(drop (i8x16.shuffle 0 38 1 12 13 14 15 0 0 0 0 0 0 0 0 0"
    " (v128.const i64x2 1 2) (v128.const i64x2 3 4)))",
    "(drop (i8x16.extract_lane_s 12 (v128.const i64x2 1 2)))",
    "(drop (v128.load8_lane offset=38 3 (i32.const 0) (v128.const i64x2 1 2)))",
    "(drop (v128.load32_zero offset=38 (i32.const 0)))",
    "(drop (i32x4.relaxed_trunc_f32x4_s (v128.const i64x2 1 2)))",
    "(drop (i32.load offset=38 align=1 (i32.const 0)))",
    "(i64.store32 $second offset=4902 (i32.const 0) (i64.const 38))",
    "(memory.copy $m $second (i32.const 0) (i32.const 0) (i32.const 38))",
    "(memory.fill (i32.const 0) (i32.const 0) (i32.const 38))",
    "(memory.init $m $d (i32.const 0) (i32.const 0) (i32.const 1))",
    "(drop (memory.grow (i32.const 0)))",
    "(drop (table.get $t (i32.const 0)))",
    "(drop (table.size $t))",
    "(drop (i32.trunc_sat_f64_u (f64.const 1)))",
    "(drop (select (result funcref) (ref.null func) (ref.func $f) (i32.const 1)))",
    "(drop (select (i32.const 1) (i32.const 2) (i32.const 3)))",
    "(call_indirect $t (i32.const 0))",
    "(call $f)",
    "(block $a (block $b (br_table $a $b $a $b $a (i32.const 38))))",
    "(block $a (br_table $a (i32.const 0)))",
    "(loop $l (br_if $l (i32.const 0)))",
    "(if (i32.const 38) (then nop) (else unreachable))",
    "(block $h (try_table (catch $g $h) (catch_all $h) (nop)))",
    "(block (result i64) (i64.const 38)) (drop)",
    "(drop (ref.is_null (ref.null extern)))",
]


def changes(body: list[str], *, pieces: int = 1) -> bool:
    functions = "".join(f"(func (local i32 i64 f32 funcref v128) {' '.join(body)})" for _ in range(pieces))
    wat = f"""(module (memory $m 1) (memory $second 1) (table $t 10 funcref) (tag $g)
      (func $f) (elem $e func $f) (elem declare func $f) (data $d "\\26") {functions})"""
    wasm = bytes(wasmtime.wat2wasm(wat))
    return REASON in read_core_module(wasm, 0, len(wasm)).uncapturable


@pytest.mark.parametrize("instruction", CHANGES)
def test_each_instruction_that_changes_them_is_found(instruction: str) -> None:
    assert changes([instruction])


@pytest.mark.parametrize("instruction", KEEPS)
def test_no_other_instruction_is_taken_for_one(instruction: str) -> None:
    assert not changes([instruction] * 3, pieces=2)


@settings(max_examples=150)
@given(st.lists(st.sampled_from(KEEPS), max_size=12), st.sampled_from([None, *CHANGES]))
def test_they_are_found_among_any_others(body: list[str], change: str | None) -> None:
    place = len(body) // 2
    assert changes([*body[:place], *([change] if change else []), *body[place:]]) == (change is not None)


def test_a_module_without_code_changes_nothing() -> None:
    wasm = bytes(wasmtime.wat2wasm("(module (table 10 funcref))"))
    assert read_core_module(wasm, 0, len(wasm)).uncapturable == ()
