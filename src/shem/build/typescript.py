"""JavaScript for the guest of Golem's TypeScript SDK.

The guest (``wasm/agent_guest.wasm`` of ``@golemcloud/golem-ts-sdk``) is a component with a JavaScript engine in
it and an empty slot for the program: somewhere in the data of its first core module stands the marker
``WASM_RQJS_SLOT 01 00``, an index and an address (u32, little-endian), ``WASM_RQJS_SLTND 00``. A program goes
in as one more data segment of that module, ``[length u32 LE][source]``, behind all of the initial memory, and
the slot gets its address. Nothing of the guest moves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from shem.errors import BadInput
from shem.wasm.core import leb128
from shem.wasm.core_types import memory_type
from shem.wasm.errors import MalformedComponent
from shem.wasm.reader import Reader

MAX_PROGRAM_BYTES = 64 << 20
"""More than any bundle is, and far from where addresses end."""

_HEADER_BYTES = 8
_CORE_MODULE = 1  # section of a component
_MEMORY, _DATA, _DATA_COUNT = 5, 11, 12  # sections of a core module
_PAGE_BYTES = 64 * 1024
_MAX_PAGES = (1 << 31) // _PAGE_BYTES - MAX_PROGRAM_BYTES // _PAGE_BYTES  # so that addresses are not negative
_SLOT = re.compile(rb"WASM_RQJS_SLOT\x01\x00[\s\S]{4}([\s\S]{4})WASM_RQJS_SLTND\x00")


def inject(wasm: bytes, javascript: bytes) -> bytes:
    """The guest with a program in it.

    Args:
        wasm: the guest, a component.
        javascript: source of one module, in UTF-8.

    Raises:
        BadInput: this is no such guest, it holds a program already, or the program is too large.
    """
    if len(javascript) > MAX_PROGRAM_BYTES:
        raise BadInput(f"a program of {len(javascript)} bytes is larger than {MAX_PROGRAM_BYTES}")
    try:
        for section in _sections(wasm):
            if section.kind == _CORE_MODULE:
                module = _fill(wasm[section.body : section.end], javascript)
                return b"".join((wasm[: section.start], _encoded(_CORE_MODULE, module), wasm[section.end :]))
    except MalformedComponent as error:
        raise BadInput(f"the TypeScript guest cannot be read: {error}") from error
    raise BadInput("the TypeScript guest has no core module")


@dataclass(frozen=True, slots=True)
class _Section:
    """Offsets of a section's kind, of what is in it, and of what follows it."""

    kind: int
    start: int
    body: int
    end: int


def _sections(wasm: bytes) -> Iterator[_Section]:
    reader = Reader(wasm, _HEADER_BYTES, len(wasm), "TypeScript guest")
    while not reader.done:
        start, kind = reader.position, reader.byte()
        yield _Section(kind, start, *reader.skip(reader.u32(), "section"))


def _encoded(kind: int, body: bytes) -> bytes:
    return b"".join((bytes([kind]), leb128(len(body)), body))


def _fill(module: bytes, javascript: bytes) -> bytes:
    program = len(javascript).to_bytes(4, "little") + javascript
    address: int | None = None
    out = [module[:_HEADER_BYTES]]
    for section in _sections(module):
        reader = Reader(module, section.body, section.end, "TypeScript guest")
        match section.kind:
            case 5:  # memory
                address, memory = _raised(reader, len(program))
                out.append(_encoded(_MEMORY, memory))
            case 12:
                out.append(_encoded(_DATA_COUNT, leb128(reader.u32() + 1)))
            case 11:
                if address is None:
                    raise BadInput("the TypeScript guest defines no memory")
                count = leb128(reader.count() + 1)
                data = _addressed(module[reader.position : reader.end], address)
                out.append(_encoded(_DATA, b"".join((count, data, _segment(address, program)))))
            case _:
                out.append(module[section.start : section.end])
    return b"".join(out)


def _raised(reader: Reader, size: int) -> tuple[int, bytes]:
    """Where the initial memory ends, and the memory section with room for ``size`` bytes behind that."""
    count = reader.count()
    memory = memory_type(reader)
    if count != 1 or memory.wide or memory.shared or memory.minimum >= _MAX_PAGES:
        raise BadInput("the TypeScript guest has another memory than the one that is known")
    minimum = memory.minimum + -(-size // _PAGE_BYTES)
    if memory.maximum is None:
        return memory.minimum * _PAGE_BYTES, b"\x01\x00" + leb128(minimum)
    if minimum > memory.maximum:
        raise BadInput(f"the program does not fit into the guest's memory of {memory.maximum} pages at most")
    return memory.minimum * _PAGE_BYTES, b"\x01\x01" + leb128(minimum) + leb128(memory.maximum)


def _addressed(data: bytes, address: int) -> bytes:
    """The data segments with the address in the slot."""
    slots = list(_SLOT.finditer(data))
    if len(slots) != 1:
        raise BadInput(f"the TypeScript guest has {len(slots)} slots for a program, not one")
    if slots[0][1] != bytes(4):
        raise BadInput("the TypeScript guest holds a program already")
    start, end = slots[0].span(1)
    return b"".join((data[:start], address.to_bytes(4, "little"), data[end:]))


def _segment(address: int, content: bytes) -> bytes:
    """An active data segment of memory 0 (core specification, section 5.5.14)."""
    return b"".join((b"\x00\x41", _signed_leb128(address), b"\x0b", leb128(len(content)), content))


def _signed_leb128(value: int) -> bytes:
    """A number of 0 to 2^31 - 1 as ``i32.const`` wants it: the top bit of the last byte is its sign."""
    encoded = leb128(value)
    return encoded if encoded[-1] < 0x40 else encoded[:-1] + bytes([encoded[-1] | 0x80, 0])
