"""Reading WebAssembly's binary encoding from bytes that cannot be trusted.

A ``Reader`` is a window on the file: it shares the bytes, never copies them, and refuses to look past its
end. Every failure is a ``MalformedComponent`` that names the offset in the file and the section. Numbers are
read as strictly as the core specification encodes them (section 5.2.2): as many bytes as the width needs,
and no bits beyond it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .errors import MalformedComponent

T = TypeVar("T")

MAX_NAME_BYTES = 100_000
"""Longest name that is taken; the limit that wasmtime's own reader has."""


class Reader:
    """A bounded cursor over ``data[position:end]``.

    Args:
        data: the whole file, so that positions are offsets in it.
        section: named in errors.
    """

    __slots__ = ("data", "end", "position", "section")

    def __init__(self, data: bytes, position: int, end: int, section: str) -> None:
        self.data = data
        self.position = position
        self.end = end
        self.section = section

    def error(self, reason: str, offset: int | None = None) -> MalformedComponent:
        """The error to raise for what stands at ``offset``, by default here."""
        at = self.position if offset is None else offset
        return MalformedComponent(reason, offset=at, section=self.section)

    @property
    def done(self) -> bool:
        return self.position >= self.end

    def window(self, size: int, section: str) -> Reader:
        """A reader for the next ``size`` bytes; this one goes on behind them."""
        return Reader(self.data, *self.skip(size, section), section)

    def skip(self, size: int, what: str) -> tuple[int, int]:
        """Pass over ``size`` bytes; returns their (start, end)."""
        start = self.position
        if size > self.end - start:
            raise self.error(f"{what} of {size} bytes runs past the end, {self.end - start} are left")
        self.position = start + size
        return start, self.position

    def finish(self) -> None:
        """Refuse bytes that nothing has read."""
        if self.position != self.end:
            raise self.error(f"{self.end - self.position} bytes are left over")

    def byte(self) -> int:
        position = self.position
        if position >= self.end:
            raise self.error("unexpected end")
        self.position = position + 1
        return self.data[position]

    def peek(self) -> int:
        if self.position >= self.end:
            raise self.error("unexpected end")
        return self.data[self.position]

    def u32(self) -> int:
        position = self.position
        if position < self.end and (value := self.data[position]) < 0x80:
            self.position = position + 1
            return value
        return self._unsigned(32)

    def u64(self) -> int:
        return self._unsigned(64)

    def s32(self) -> int:
        return self._signed(32)

    def s33(self) -> int:
        """A type index, or below zero a type code."""
        return self._signed(33)

    def s64(self) -> int:
        return self._signed(64)

    def _unsigned(self, bits: int) -> int:
        start = self.position
        value, _ = self._leb128(bits)
        if value >> bits:
            raise self.error(f"number does not fit in {bits} bits", start)
        return value

    def _signed(self, bits: int) -> int:
        start = self.position
        value, width = self._leb128(bits)
        if value >> (width - 1):
            value -= 1 << width
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise self.error(f"number does not fit in {bits} bits", start)
        return value

    def _leb128(self, bits: int) -> tuple[int, int]:
        """The bits as they stand, and how many there are: seven for every byte."""
        start = self.position
        value = width = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << width
            width += 7
            if byte < 0x80:
                return value, width
            if width >= bits:
                raise self.error(f"number is longer than {bits} bits need", start)

    def name(self) -> str:
        """A length and so many bytes of UTF-8."""
        start = self.position
        size = self.u32()
        if size > MAX_NAME_BYTES:
            raise self.error(f"name of {size} bytes is longer than {MAX_NAME_BYTES}", start)
        begin, end = self.skip(size, "name")
        try:
            return self.data[begin:end].decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.error(f"name is not UTF-8: {error.reason}", begin + error.start) from None

    def count(self) -> int:
        """Length of a vector: at most the bytes that are left, as an item takes at least one.

        That bounds by the size of the file whatever is allocated for a vector.
        """
        start = self.position
        count = self.u32()
        if count > self.end - self.position:
            raise self.error(f"vector of {count} items in {self.end - self.position} bytes", start)
        return count

    def vector(self, item: Callable[[], T]) -> tuple[T, ...]:
        return tuple([item() for _ in range(self.count())])

    def optional(self, item: Callable[[], T]) -> T | None:
        match self.byte():
            case 0x00:
                return None
            case 0x01:
                return item()
            case other:
                raise self.error(
                    f"expected 0 or 1 before an optional item, got {other:#04x}", self.position - 1
                )

    def expect(self, byte: int, what: str) -> None:
        """Read one byte that can only be ``byte``."""
        got = self.byte()
        if got != byte:
            raise self.error(f"expected {byte:#04x} for {what}, got {got:#04x}", self.position - 1)

    def u32s(self, count: int) -> list[int]:
        """``count`` numbers, read faster than one by one where each takes a single byte."""
        ahead = self.data[self.position : min(self.position + count, self.end)]
        if len(ahead) == count and (not ahead or max(ahead) < 0x80):
            self.position += count
            return list(ahead)
        return [self.u32() for _ in range(count)]
