"""A program gets into the TypeScript guest, and nothing else about the guest changes."""

from __future__ import annotations

import pytest
import wasmtime
import wasmtime.component
from hypothesis import given
from hypothesis import strategies as st

from shem.build.typescript import MAX_PROGRAM_BYTES, inject
from shem.errors import BadInput
from shem.wasm.planner import plan_component

SLOT = r"WASM_RQJS_SLOT\01\00\07\00\00\00\00\00\00\00WASM_RQJS_SLTND\00"


def guest(memory: str = "1", slot: str = SLOT, more: str = "") -> bytes:
    """A guest that gives the bytes at an address, and drops a passive segment so that data is counted."""
    return bytes(
        wasmtime.wat2wasm(f"""(component
  (core module
    (memory (export "memory") {memory})
    (data (i32.const 100) "before{slot}after")
    (data $passive "passive")
    (func (export "at") (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "drop") (data.drop $passive))
    {more})
  (core module (func nop))
  (core instance $main (instantiate 0))
  (core instance (instantiate 1))
  (func (export "at") (param "address" u32) (result u32) (canon lift (core func $main "at"))))""")
    )


def program_of(wasm: bytes) -> tuple[int, bytes]:
    """The index in the slot, and the program that the guest finds through it."""
    config = wasmtime.Config()
    config.wasm_component_model = True
    engine = wasmtime.Engine(config)
    store = wasmtime.Store(engine)
    instance = wasmtime.component.Linker(engine).instantiate(
        store, wasmtime.component.Component(engine, wasm)
    )
    function = instance.get_func(store, "at")
    assert function is not None

    def word(address: int) -> int:
        value = function(store, address)
        function.post_return(store)
        assert isinstance(value, int)
        return value

    slot = 100 + len("before") + 16
    address = word(slot + 4)
    size = word(address)
    words = b"".join(word(address + 4 + at).to_bytes(4, "little") for at in range(0, size, 4))
    assert word(100) == int.from_bytes(b"befo", "little")
    return word(slot), words[:size]


@given(st.binary(max_size=200))
def test_the_guest_finds_what_was_put_in(program: bytes) -> None:
    assert program_of(inject(guest(), program)) == (7, program)


def test_the_memory_grows_by_what_the_program_needs() -> None:
    program = bytes(range(256)) * 600
    wasm = inject(guest("40"), program)  # an address whose encoding needs care: its highest bit is a sign
    assert program_of(wasm) == (7, program)
    assert program_of(inject(guest("1 4"), program)) == (7, program)
    with pytest.raises(BadInput, match="does not fit into the guest's memory of 3 pages"):
        inject(guest("1 3"), program)


def test_the_other_modules_stay_as_they_were() -> None:
    def others(wasm: bytes) -> list[bytes]:
        modules = [wasm[module.start : module.end] for module in plan_component(wasm).modules]
        return [module for module in modules if b"WASM_RQJS" not in module]

    empty = guest()
    assert others(inject(empty, b"program")) == others(empty) != []


@pytest.mark.parametrize(
    ("wasm", "reason"),
    [
        (guest(slot=""), "has 0 slots"),
        (guest(slot=SLOT + SLOT), "has 2 slots"),
        (guest(memory="1", more="(memory 1)"), "another memory"),
        (guest(memory="32768"), "another memory"),
        (bytes(wasmtime.wat2wasm("(component)")), "no core module"),
        (bytes(wasmtime.wat2wasm('(component (core module (data "x")))')), "no memory"),
        (guest()[:90], "cannot be read"),
        (b"", "no core module"),
        (inject(guest(), b"one"), "holds a program already"),
    ],
    ids=[
        "no slot",
        "two slots",
        "two memories",
        "memory too large",
        "no module",
        "no memory",
        "cut off",
        "empty",
        "full",
    ],
)
def test_what_is_no_empty_guest_is_refused(wasm: bytes, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        inject(wasm, b"two")


def test_a_program_without_bounds_is_refused() -> None:
    with pytest.raises(BadInput, match="larger than"):
        inject(guest(), bytes(MAX_PROGRAM_BYTES + 1))
