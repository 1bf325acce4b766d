"""Any bytes become a plan or one MalformedComponent: no other error, no hang, little memory."""

from __future__ import annotations

import time
import tracemalloc

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.parser import SEEDS

from shem.wasm.binary import COMPONENT_VERSION
from shem.wasm.core import MAGIC, leb128
from shem.wasm.errors import MalformedComponent
from shem.wasm.planner import plan_component
from shem.wasm.wit import wit

HEADER = MAGIC + COMPONENT_VERSION

COMPONENT = bytes(wasmtime.wat2wasm(SEEDS[0]))
"""Sections and aliases of every kind."""

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
