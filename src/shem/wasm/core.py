"""Core modules: as much of them as linking and capturing need.

Only the sections that say what a module imports, defines and exports are read; code is only searched
(``core_code``), data are passed over by their length. Whether a module is valid is for the compiler to say. It compiles
the very bytes that were read here, so what is trusted of them (the type of an export) has been checked
before any of it runs.

A module is *rewritten* before it is compiled: whatever of its state has no name, a mutable global or a
memory, gets an export, so that capture and restore reach it. An export changes nothing that the module can
observe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from .reader import Reader

MAGIC = b"\0asm"
MODULE_VERSION = b"\x01\0\0\0"

NUMERIC_TYPES = frozenset({"i32", "i64", "f32", "f64", "v128"})


@dataclass(frozen=True, slots=True)
class CoreSignature:
    """Type of a core function. Value types are written as in WebAssembly's text: ``"i32"``, ``"funcref"``."""

    params: tuple[str, ...]
    results: tuple[str, ...]

    def __str__(self) -> str:
        return f"({' '.join(self.params)}) -> ({' '.join(self.results)})"


@dataclass(frozen=True, slots=True)
class CoreMemory:
    """Type of a linear memory; sizes are in pages of 64 KiB. ``wide`` memories have 64-bit addresses."""

    minimum: int
    maximum: int | None
    shared: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True)
class CoreTable:
    """Type of a table; sizes are in elements. ``wide`` tables have 64-bit indices."""

    element: str
    minimum: int
    maximum: int | None
    wide: bool = False


@dataclass(frozen=True, slots=True)
class CoreGlobal:
    type: str
    mutable: bool


@dataclass(frozen=True, slots=True)
class CoreTag:
    """Type of an exception tag."""

    signature: CoreSignature


CoreExtern: TypeAlias = CoreSignature | CoreMemory | CoreTable | CoreGlobal | CoreTag


@dataclass(frozen=True, slots=True)
class CoreImport:
    module: str
    name: str
    type: CoreExtern


@dataclass(frozen=True, slots=True)
class AddedExport:
    """An export that rewriting adds. ``kind`` is the byte that the export section has for its sort."""

    name: str
    kind: int
    index: int


@dataclass(frozen=True, slots=True)
class CoreCode:
    """A core module inside a component, as far as compiling it goes.

    Args:
        start, end: its bytes in the component's binary, ``wasm[start:end]``.
        added: exports that it is to be given.
    """

    start: int
    end: int
    added: tuple[AddedExport, ...]

    def rewritten(self, wasm: bytes) -> bytes:
        """The module as it is to be compiled, with the exports in ``added``. Makes the one copy of its bytes.

        Args:
            wasm: the component's binary that this module was read from.
        """
        if not self.added:
            return wasm[self.start : self.end]
        return _with_exports(wasm, self.start, self.end, self.added)


@dataclass(frozen=True, slots=True)
class CoreModule:
    """What a core module says of itself.

    Args:
        code: where it is.
        imports: in order.
        exports: as the module declares them.
        state: what core code can change and capture must reach, by export name: the memories, tables and
            mutable globals that this module defines. ``code.added`` holds the names among them that only
            the rewritten module exports.
        uncapturable: why its instances cannot be captured, one phrase for each reason.
    """

    code: CoreCode
    imports: tuple[CoreImport, ...]
    exports: Mapping[str, CoreExtern]
    state: Mapping[str, CoreMemory | CoreTable | CoreGlobal]
    uncapturable: tuple[str, ...]


def describe(extern: CoreExtern) -> str:
    """A phrase for error messages."""
    match extern:
        case CoreSignature():
            return f"function {extern}"
        case CoreMemory():
            return f"memory of {extern.minimum} to {_bound(extern.maximum)} pages"
        case CoreTable():
            return f"table of {extern.minimum} to {_bound(extern.maximum)} {extern.element}"
        case CoreGlobal():
            return f"{'mutable' if extern.mutable else 'constant'} global {extern.type}"
        case CoreTag():
            return f"tag {extern.signature}"


def _bound(maximum: int | None) -> str:
    return "any number of" if maximum is None else str(maximum)


def fits(wanted: CoreExtern, given: CoreExtern) -> bool:
    """Whether ``given`` can be handed to an import of type ``wanted``.

    Reference types whose meaning hangs on a module's own type section are left to the compiler, which
    compares them when the module is instantiated.
    """
    match wanted, given:
        case CoreSignature(), CoreSignature():
            return wanted == given or not (_is_numeric(wanted) and _is_numeric(given))
        case CoreTag(), CoreTag():
            return fits(wanted.signature, given.signature)
        case CoreGlobal(), CoreGlobal():
            same = wanted.type == given.type or not NUMERIC_TYPES.issuperset((wanted.type, given.type))
            return same and wanted.mutable == given.mutable
        case CoreMemory(), CoreMemory():
            alike = (wanted.shared, wanted.wide) == (given.shared, given.wide)
            return alike and _limits_fit(wanted, given)
        case CoreTable(), CoreTable():
            return wanted.wide == given.wide and _limits_fit(wanted, given)
        case _:
            return False


def _is_numeric(signature: CoreSignature) -> bool:
    return NUMERIC_TYPES.issuperset(signature.params + signature.results)


def _limits_fit(wanted: CoreMemory | CoreTable, given: CoreMemory | CoreTable) -> bool:
    if given.minimum < wanted.minimum:
        return False
    return wanted.maximum is None or (given.maximum is not None and given.maximum <= wanted.maximum)


_EXPORT_SECTION = 7
_AFTER_EXPORTS = frozenset({8, 9, 10, 11, 12})
"""Sections that must come behind the exports: start, elements, code, data, data count."""


def _with_exports(wasm: bytes, start: int, end: int, added: tuple[AddedExport, ...]) -> bytes:
    reader = Reader(wasm, start + len(MAGIC) + len(MODULE_VERSION), end, "core module")
    count = 0
    cut_from = cut_to = body_from = end
    while not reader.done:
        header = reader.position
        kind = reader.byte()
        section = reader.window(reader.u32(), "core export")
        if kind == _EXPORT_SECTION:
            count = section.count()
            cut_from, body_from, cut_to = header, section.position, section.end
            break
        if kind in _AFTER_EXPORTS:
            cut_from = cut_to = body_from = header
            break
    extra = b"".join(
        leb128(len(name := item.name.encode())) + name + bytes([item.kind]) + leb128(item.index)
        for item in added
    )
    new_count = leb128(count + len(added))
    size = len(new_count) + (cut_to - body_from) + len(extra)
    view = memoryview(wasm)
    return b"".join(
        (
            view[start:cut_from],
            bytes([_EXPORT_SECTION]) + leb128(size) + new_count,
            view[body_from:cut_to],
            extra,
            view[cut_to:end],
        )
    )


def leb128(value: int) -> bytes:
    """An unsigned number in the encoding that ``Reader.u32`` reads."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
