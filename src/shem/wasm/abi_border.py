"""The border of a component instance at run time: its memory, its allocator, its handles.

The code that ``abi`` generates works on a ``Border`` and on the functions here. A border reads and writes
through a memoryview of the linear memory, and memory never moves and never shrinks. So a view stays good
for as long as the store lives, and only an access beyond its end asks wasmtime whether the memory has grown
since.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from .engine import CELL_BYTES, EXTERN_PAYLOAD, Store, invoke
from .errors import Trap
from .handles import HandleTable
from .types import ResourceType

MAX_STRING_BYTES = (1 << 31) - 1
"""Longest string that crosses a border (CanonicalABI.md, ``MAX_STRING_BYTE_LENGTH``)."""

MAX_LIFTED_BYTES = 256 << 20
"""What the arguments or the result of one call may take as Python values, by the estimate of ``footprint``.

The size of the guest's memory is no bound: all of its lists may point to the same bytes, and lists of lists
multiply that. wasmtime's own bound is 128 MiB.
"""

TEXT_BYTES = 56
"""What an empty ``str``, ``bytes`` or ``list`` takes."""

UTF16_TAG = 1 << 31
"""Bit of a length in latin1+utf16 that says which of the two it is."""

_REALLOC_CELLS = struct.Struct("<" + f"I{CELL_BYTES - 4}x" * 4)
_POINTER_CELL = struct.Struct("<I")


@dataclass(slots=True, eq=False)
class ComponentInstance:
    """What the canonical ABI keeps for one component instance.

    Args:
        destroy: runs the destructor of a resource that the component defines.
        defines: the resource types that this component instance itself defines.

    Attributes:
        entered: a call is under way in it.
        may_leave: False while the ABI itself runs its code (realloc, post-return), which must not call out.
    """

    destroy: Callable[[ResourceType, int], None]
    defines: frozenset[ResourceType]
    handles: HandleTable = field(default_factory=HandleTable)
    entered: bool = False
    may_leave: bool = True


def abi_trap(message: str) -> NoReturn:
    """The guest broke a rule of the canonical ABI."""
    raise Trap(message, kind="abi")


class Border:
    """One set of canonical options, in one instance.

    Args:
        memory, realloc: addresses of externs, or None.

    Attributes:
        left: bytes that the values being lifted may still take; whoever begins to lift sets it.
    """

    __slots__ = ("_memory", "_realloc", "instance", "left", "size", "store", "view")

    def __init__(
        self, store: Store, instance: ComponentInstance, memory: int | None, realloc: int | None
    ) -> None:
        self.store, self.instance = store, instance
        self._memory, self._realloc = memory, realloc
        self.left = self.size = 0
        self.view = memoryview(b"")

    def spend(self, size: int) -> None:
        """Count what the next value will take in Python.

        Raises:
            Trap: it is too much, together with what was lifted before.
        """
        self.left -= size
        if self.left < 0:
            abi_trap(f"the values of one call take more than {MAX_LIFTED_BYTES} bytes")

    def reach(self, end: int) -> None:
        """See to it that ``view`` goes up to ``end``.

        Raises:
            Trap: the memory does not.
        """
        if self._memory is not None:
            self.view = self.store.memory_view(self._memory + EXTERN_PAYLOAD)
            self.size = len(self.view)
        if end > self.size:
            abi_trap(f"pointer out of bounds: byte {end} of a memory of {self.size}")

    def alloc(self, alignment: int, size: int) -> int:
        """Have the guest allocate; called for empty strings and lists too, because a guest frees what it got.

        Raises:
            Trap: the guest trapped, or returned a pointer that cannot be.
        """
        store = self.store
        if self._realloc is None:
            abi_trap("no realloc for a value that needs one")
        if size >> 32:
            abi_trap(f"value of {size} bytes does not fit in a 32-bit memory")
        _REALLOC_CELLS.pack_into(store.cells, 0, 0, 0, alignment, size)
        self.call_guest(self._realloc, 4)
        pointer: int = _POINTER_CELL.unpack_from(store.cells)[0]
        if pointer & (alignment - 1):
            abi_trap("realloc return: result not aligned")
        if pointer + size > self.size:
            self.reach(pointer + size)
        return pointer

    def call_guest(self, function: int, cells: int) -> None:
        """Run a core function for the ABI's own ends: it must not call out. ``function`` is an extern's
        address."""
        store, instance = self.store, self.instance
        instance.may_leave = False
        error = invoke(
            store.context, function + EXTERN_PAYLOAD, store.cells_address, cells, store.trap_address
        )
        if error or store.trap.value:
            store.raise_failure(error)
        instance.may_leave = True

    def close(self) -> None:
        """Let go of the memory; the store is about to be freed."""
        self.view, self.size = memoryview(b""), 0


def check_pointer(border: Border, pointer: int, alignment: int, size: int) -> None:
    """Trap for a pointer that is not aligned or leaves the memory."""
    if pointer & (alignment - 1):
        abi_trap(f"pointer not aligned: {pointer:#x} to {alignment} bytes")
    if pointer + size > border.size:
        border.reach(pointer + size)


def lift_utf8(border: Border, pointer: int, length: int) -> str:
    end = pointer + length
    if end > border.size:
        border.reach(end)
    if length > MAX_STRING_BYTES:
        abi_trap(f"string of {length} bytes is too long")
    border.spend(TEXT_BYTES + length)
    try:
        return str(border.view[pointer:end], "utf-8")
    except UnicodeDecodeError as error:
        raise Trap(f"string is not valid UTF-8: {error.reason}", kind="abi") from None


def lift_utf16(border: Border, pointer: int, length: int) -> str:
    if 2 * length > MAX_STRING_BYTES:
        abi_trap(f"string of {2 * length} bytes is too long")
    check_pointer(border, pointer, 2, 2 * length)
    border.spend(TEXT_BYTES + 2 * length)
    try:
        return str(border.view[pointer : pointer + 2 * length], "utf-16-le")
    except UnicodeDecodeError as error:
        raise Trap(f"string is not valid UTF-16: {error.reason}", kind="abi") from None


def lift_latin1_or_utf16(border: Border, pointer: int, length: int) -> str:
    if length & UTF16_TAG:
        return lift_utf16(border, pointer, length ^ UTF16_TAG)
    check_pointer(border, pointer, 2, length)
    border.spend(TEXT_BYTES + length)
    return str(border.view[pointer : pointer + length], "latin-1")


def _put(border: Border, data: bytes, alignment: int) -> int:
    if len(data) > MAX_STRING_BYTES:
        abi_trap(f"string of {len(data)} bytes is too long")
    pointer = border.alloc(alignment, len(data))
    border.view[pointer : pointer + len(data)] = data
    return pointer


def lower_utf8(border: Border, text: str) -> tuple[int, int]:
    data = text.encode()
    return _put(border, data, 1), len(data)


def lower_utf16(border: Border, text: str) -> tuple[int, int]:
    data = text.encode("utf-16-le")
    return _put(border, data, 2), len(data) // 2


def lower_latin1_or_utf16(border: Border, text: str) -> tuple[int, int]:
    try:
        data = text.encode("latin-1")
    except UnicodeEncodeError:
        data = text.encode("utf-16-le")
        return _put(border, data, 2), len(data) // 2 | UTF16_TAG
    return _put(border, data, 2), len(data)


def lift_char(code: int) -> str:
    if code >= 0x110000 or 0xD800 <= code <= 0xDFFF:
        abi_trap(f"not a Unicode scalar value: {code:#x}")
    return chr(code)


def bad_discriminant(number: int) -> NoReturn:
    abi_trap(f"discriminant {number} out of range")
