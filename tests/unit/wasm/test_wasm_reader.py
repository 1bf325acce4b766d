"""The reader takes what the encoding allows, refuses the rest, and says where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shem.wasm.core import leb128
from shem.wasm.errors import MalformedComponent
from shem.wasm.reader import MAX_NAME_BYTES, Reader


def reader(data: bytes) -> Reader:
    return Reader(data, 0, len(data), "test")


def signed_leb128(value: int) -> bytes:
    out = bytearray()
    while not -64 <= value < 64:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)
    return bytes(out)


@given(st.integers(0, 2**32 - 1))
def test_u32_is_read_as_it_was_written(value: int) -> None:
    source = reader(leb128(value))
    assert source.u32() == value
    source.finish()


@given(st.integers(0, 2**64 - 1))
def test_u64_is_read_as_it_was_written(value: int) -> None:
    assert reader(leb128(value)).u64() == value


@given(st.integers(-(2**32), 2**32 - 1))
def test_s33_is_read_as_it_was_written(value: int) -> None:
    assert reader(signed_leb128(value)).s33() == value


@given(st.integers(-(2**63), 2**63 - 1))
def test_s64_is_read_as_it_was_written(value: int) -> None:
    assert reader(signed_leb128(value)).s64() == value


def test_padding_within_the_width_is_allowed() -> None:
    assert reader(b"\x80\x80\x80\x80\x00").u32() == 0
    assert reader(b"\xff\xff\xff\xff\x7f").s33() == -1


@pytest.mark.parametrize(
    "data",
    [b"\x80\x80\x80\x80\x80\x00", b"\xff\xff\xff\xff\x1f", b"\x80\x80\x80\x80\x10"],
    ids=["six bytes", "bit 32 set", "bit 32 alone"],
)
def test_a_u32_wider_than_32_bits_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedComponent, match="32 bits") as caught:
        reader(data).u32()
    assert caught.value.offset == 0


def test_a_signed_number_beyond_its_width_is_refused() -> None:
    with pytest.raises(MalformedComponent, match="33 bits"):
        reader(signed_leb128(2**32)).s33()
    with pytest.raises(MalformedComponent, match="32 bits"):
        reader(signed_leb128(-(2**31) - 1)).s32()


def test_the_end_is_the_window_and_not_the_file() -> None:
    outer = reader(b"\x01\x02\x03")
    inner = outer.window(1, "inner")
    assert inner.byte() == 1
    with pytest.raises(MalformedComponent) as caught:
        inner.byte()
    assert (caught.value.offset, caught.value.section) == (1, "inner")
    assert outer.byte() == 2


def test_leftover_bytes_are_refused() -> None:
    with pytest.raises(MalformedComponent, match="2 bytes are left over"):
        reader(b"\x00\x00").finish()


def test_a_window_beyond_the_end_is_refused() -> None:
    with pytest.raises(MalformedComponent, match="runs past the end, 2 are left"):
        reader(b"\x00\x00").window(3, "x")


def test_a_name_must_be_utf_8() -> None:
    assert reader(b"\x03a\xc3\xa4").name() == "aä"
    with pytest.raises(MalformedComponent, match="not UTF-8") as caught:
        reader(b"\x03ab\xff").name()
    assert caught.value.offset == 3


def test_a_name_has_a_longest_length() -> None:
    data = leb128(MAX_NAME_BYTES + 1) + b"a" * (MAX_NAME_BYTES + 1)
    with pytest.raises(MalformedComponent, match="longer than"):
        reader(data).name()


def test_a_vector_longer_than_the_bytes_left_allocates_nothing() -> None:
    source = reader(leb128(2**32 - 1) + b"\x00")
    with pytest.raises(MalformedComponent, match="vector of 4294967295 items in 1 bytes"):
        source.vector(source.byte)


@given(st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 127), max_size=50))
def test_many_numbers_are_read_as_one_by_one(values: list[int]) -> None:
    source = reader(b"".join(map(leb128, values)) + b"\x05")
    assert source.u32s(len(values)) == values
    assert source.byte() == 5


def test_an_optional_item_starts_with_zero_or_one() -> None:
    assert reader(b"\x00").optional(lambda: 1) is None
    source = reader(b"\x01\x07")
    assert source.optional(source.byte) == 7
    with pytest.raises(MalformedComponent, match="expected 0 or 1"):
        reader(b"\x02").optional(lambda: 1)
