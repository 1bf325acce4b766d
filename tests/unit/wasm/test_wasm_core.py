"""Core modules: what is read of them, and that rewriting adds exports and changes nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import wasmtime

from shem.wasm.core import (
    AddedExport,
    CoreGlobal,
    CoreMemory,
    CoreModule,
    CoreSignature,
    CoreTable,
    CoreTag,
    describe,
    fits,
)
from shem.wasm.core_reader import read_core_module
from shem.wasm.errors import MalformedComponent


def module(wat: str) -> tuple[bytes, CoreModule]:
    wasm = bytes(wasmtime.wat2wasm(wat))
    return wasm, read_core_module(wasm, 0, len(wasm))


def test_imports_and_exports_carry_their_types() -> None:
    _, read = module("""(module
        (type (func (param i32 i64) (result f32)))
        (import "a" "f" (func (type 0)))
        (import "a" "m" (memory 1 4))
        (import "a" "t" (table 2 funcref))
        (import "a" "g" (global (mut v128)))
        (func (param f64))
        (table 3 9 externref)
        (global i64 (i64.const -5))
        (export "f" (func 0)) (export "own" (func 1)) (export "m" (memory 0))
        (export "t" (table 1)) (export "g" (global 0)) (export "h" (global 1)))""")
    assert [item.type for item in read.imports] == [
        CoreSignature(("i32", "i64"), ("f32",)),
        CoreMemory(1, 4),
        CoreTable("funcref", 2, None),
        CoreGlobal("v128", True),
    ]
    assert read.exports == {
        "f": CoreSignature(("i32", "i64"), ("f32",)),
        "own": CoreSignature(("f64",), ()),
        "m": CoreMemory(1, 4),
        "t": CoreTable("externref", 3, 9),
        "g": CoreGlobal("v128", True),
        "h": CoreGlobal("i64", False),
    }


def test_state_is_what_the_module_itself_defines_and_code_can_change() -> None:
    _, read = module("""(module
        (import "a" "g" (global (mut i32)))
        (import "a" "m" (memory 1))
        (global $named (mut i64) (i64.const 1))
        (global $constant i32 (i32.const 2))
        (global $hidden (mut f32) (f32.const 3))
        (memory 2)
        (table 4 funcref)
        (export "named" (global $named)))""")
    assert read.state == {
        "named": CoreGlobal("i64", True),
        "shem:global/3": CoreGlobal("f32", True),
        "shem:memory/1": CoreMemory(2, None),
        "shem:table/0": CoreTable("funcref", 4, None),
    }
    assert {item.name for item in read.code.added} == set(read.state) - {"named"}
    assert read.uncapturable == ()


def exports_of(wasm: bytes) -> list[str]:
    return [item.name for item in wasmtime.Module(wasmtime.Engine(), wasm).exports]


@pytest.mark.parametrize(
    "body",
    [
        "",
        '(export "f" (func 0))',
        '(start 0) (elem (i32.const 0) func 0) (data (i32.const 0) "abc") (data "passive")',
        '(export "f" (func 0)) (start 0) (data (i32.const 0) "abc") (@custom "last" "bytes")',
        '(@custom "first" (before first) "bytes") (@custom "mid" (after export) "bytes")',
    ],
    ids=["no exports", "exports", "sections behind, no exports", "both", "custom sections around"],
)
def test_the_rewritten_module_exports_its_state_and_is_otherwise_the_same(body: str) -> None:
    wasm, read = module(f"""(module
        (func) (table 1 funcref) (memory 1) (global (mut i32) (i32.const 7)) {body})""")
    before = exports_of(wasm)
    rewritten = read.code.rewritten(wasm)
    assert exports_of(rewritten) == [*before, "shem:memory/0", "shem:global/0", "shem:table/0"]
    again = read_core_module(rewritten, 0, len(rewritten))
    assert (again.code.added, again.imports, again.state) == ((), read.imports, read.state)
    assert again.code.rewritten(rewritten) == rewritten


def test_state_can_be_read_and_written_through_the_added_exports() -> None:
    wasm, read = module("""(module
        (global $count (mut i32) (i32.const 7))
        (func (export "next") (result i32)
          (global.set $count (i32.add (global.get $count) (i32.const 1)))
          (global.get $count)))""")
    store = wasmtime.Store()
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, read.code.rewritten(wasm)), [])
    exports: Any = instance.exports(store)
    assert exports["next"](store) == 8
    assert exports["shem:global/0"].value(store) == 8
    exports["shem:global/0"].set_value(store, 41)
    assert exports["next"](store) == 42


def test_many_globals_without_a_name_are_all_exported() -> None:
    wasm, read = module("(module" + "(global (mut i32) (i32.const 0))" * 300 + ")")
    assert len(exports_of(read.code.rewritten(wasm))) == 300


def test_added_names_never_clash_with_names_of_the_module() -> None:
    wasm, read = module("""(module
        (global (mut i32) (i32.const 0)) (func) (export "shem:global/0" (func 0)))""")
    assert read.code.added == (AddedExport("shem-:global/0", 3, 0),)
    assert set(exports_of(read.code.rewritten(wasm))) == {"shem:global/0", "shem-:global/0"}


def test_a_module_inside_a_larger_file_is_cut_out() -> None:
    wasm = bytes(wasmtime.wat2wasm("(module (memory 1))"))
    read = read_core_module(b"before" + wasm + b"after", 6, 6 + len(wasm))
    assert exports_of(read.code.rewritten(b"before" + wasm + b"after")) == ["shem:memory/0"]


@pytest.mark.parametrize(
    ("wat", "reason"),
    [
        ("(module (memory 1 1 shared))", "shared memory"),
        ("(module (type (struct (field (mut i8)))))", "garbage-collected types"),
        ("(module (type (array (mut i64))))", "garbage-collected types"),
        ("(module (global (mut externref) (ref.null extern)))", "mutable global of type externref"),
    ],
)
def test_what_cannot_be_captured_is_named(wat: str, reason: str) -> None:
    assert module(wat)[1].uncapturable == (reason,)


def test_every_form_of_constant_is_passed_over() -> None:
    _, read = module("""(module
        (type $s (struct (field i32))) (type $a (array i32))
        (rec (type $r (sub (func))) (type (sub final $r (func))))
        (import "a" "g" (global i32))
        (func $f) (elem declare func $f)
        (table 1 funcref (ref.func $f))
        (global f32 (f32.const 1)) (global f64 (f64.const 1)) (global i64 (i64.const 0x8000000000000000))
        (global v128 (v128.const i64x2 1 2))
        (global i32 (i32.mul (i32.add (global.get 0) (i32.const -1)) (i32.const 3)))
        (global (ref $s) (struct.new $s (i32.const 1)))
        (global (ref $a) (array.new_fixed $a 2 (i32.const 1) (i32.const 2)))
        (global (ref i31) (ref.i31 (i32.const 1)))
        (global anyref (ref.null none))
        (tag (param i32))
        (memory i64 1)
        (export "last" (global 9)) (export "tag" (tag 0)) (export "wide" (memory 0)))""")
    assert read.exports == {
        "last": CoreGlobal("anyref", False),
        "tag": CoreTag(CoreSignature(("i32",), ())),
        "wide": CoreMemory(1, None, wide=True),
    }


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        ("\x07\x05\x01\x01a\x00\x00", "refers to item 0 of 0"),
        ("\x03\x02\x01\x00\x07\x05\x01\x01a\x00\x00", "not a function type"),
        ("\x05\x03\x01\x00\x01\x07\x09\x02\x01a\x02\x00\x01a\x02\x00", "occurs twice"),
        ("\x05\x03\x01\x08\x01", "page size"),
        ("\x05\x03\x01\x40\x01", "unknown flags"),
        ("\x1f\x00", "unknown core section 31"),
        ("\x01\x04\x01\x61\x00\x00", "unsupported core type"),
        ("\x02\x05\x01\x00\x00\x00\x00", "core type 0 is not a function type"),
        ("\x02\x04\x01\x00\x00\x09", "unknown kind"),
        ("\x06\x04\x01\x7f\x00\x12", "constant expression"),
        ("\x06\x05\x01\x7f\x02\x41\x00", "mutability"),
        ("\x04\x04\x01\x30\x00\x01", "unknown core value type"),
        ("\x05\x04\x01\x00\x01\x01", "left over"),
    ],
)
def test_a_broken_module_is_refused_with_a_reason(tail: str, reason: str) -> None:
    wasm = b"\0asm\x01\0\0\0" + tail.encode("latin1")
    with pytest.raises(MalformedComponent, match=reason) as caught:
        read_core_module(wasm, 0, len(wasm))
    assert caught.value.section.startswith("core ")
    assert 8 <= caught.value.offset <= len(wasm)


def test_a_type_fits_where_no_less_is_given_and_no_more_is_promised() -> None:
    assert fits(CoreMemory(1, None), CoreMemory(2, 3))
    assert not fits(CoreMemory(3, None), CoreMemory(2, 3))
    assert not fits(CoreMemory(1, 2), CoreMemory(1, 3))
    assert not fits(CoreMemory(1, 2), CoreMemory(1, None))
    assert not fits(CoreMemory(1, None), CoreMemory(1, None, wide=True))
    assert fits(CoreTable("funcref", 1, None), CoreTable("funcref", 1, 1))
    assert fits(CoreGlobal("i32", False), CoreGlobal("i32", False))
    assert not fits(CoreGlobal("i32", False), CoreGlobal("i32", True))
    assert not fits(CoreGlobal("i32", True), CoreGlobal("i64", True))
    one, other = CoreSignature(("i32",), ()), CoreSignature(("i64",), ())
    assert fits(one, one)
    assert not fits(one, other)
    assert not fits(CoreTag(one), CoreTag(other))
    assert not fits(one, CoreMemory(1, None))
    assert fits(CoreSignature(("(ref 1)",), ()), CoreSignature(("(ref 2)",), ()))


def test_types_are_described_in_words() -> None:
    assert describe(CoreSignature(("i32",), ())) == "function (i32) -> ()"
    assert describe(CoreMemory(1, None)) == "memory of 1 to any number of pages"
    assert describe(CoreTable("funcref", 1, 2)) == "table of 1 to 2 funcref"
    assert describe(CoreGlobal("i32", True)) == "mutable global i32"
    assert describe(CoreTag(CoreSignature((), ()))) == "tag () -> ()"
