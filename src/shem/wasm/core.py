"""Core modules: as much of them as linking and capturing need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CoreSignature:
    """Type of a core function. Value types are named as in WebAssembly's text: ``"i32"``, ``"f64"``, ``"funcref"``."""

    params: tuple[str, ...]
    results: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CoreMemory:
    """Type of a linear memory; ``minimum`` and ``maximum`` count pages of ``1 << page_shift`` bytes (usually 64 KiB)."""

    minimum: int
    maximum: int | None
    shared: bool = False
    wide: bool = False
    page_shift: int = 16


@dataclass(frozen=True, slots=True)
class CoreTable:
    """Type of a table; ``minimum`` and ``maximum`` count elements."""

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
    signature: CoreSignature


CoreExtern = CoreSignature | CoreMemory | CoreTable | CoreGlobal | CoreTag


@dataclass(frozen=True, slots=True)
class CoreImport:
    module: str
    name: str
    type: CoreExtern


@dataclass(frozen=True, slots=True)
class CoreModule:
    """A core module inside a component.

    Args:
        start, end: its bytes in the component's binary, ``wasm[start:end]``.
        imports: in order.
        exports: as the module declares them.
        state: what core code of this module can change and capture must reach, by export name: its own memories,
            tables and mutable globals. Names that the module does not export itself are added by ``rewritten``.
        added: names in ``state`` that ``rewritten`` adds, with the kind byte and the index of the item.
        uncapturable: why its instances cannot be captured, one phrase for each reason.
    """

    start: int
    end: int
    imports: tuple[CoreImport, ...]
    exports: Mapping[str, CoreExtern]
    state: Mapping[str, CoreExtern]
    added: tuple[tuple[str, int, int], ...]
    uncapturable: tuple[str, ...]

    def rewritten(self, wasm: bytes) -> bytes:
        """The module with the exports in ``added``; the only copy of it that is made. For the compiler.

        Args:
            wasm: the component's binary that this module was read from.
        """
        return wasm[self.start : self.end]
