"""Reading a core module's imports, definitions and exports (core specification, section 5.5)."""

from __future__ import annotations

from .core import (
    MAGIC,
    MODULE_VERSION,
    NUMERIC_TYPES,
    AddedExport,
    CoreCode,
    CoreExtern,
    CoreGlobal,
    CoreImport,
    CoreMemory,
    CoreModule,
    CoreSignature,
    CoreTable,
    CoreTag,
)
from .core_code import changes_tables
from .core_types import TypeSpace, extern_type, global_type, memory_type, skip_constant, table_type, tag_type
from .reader import Reader

_SECTIONS = {
    0: "core custom",
    1: "core type",
    2: "core import",
    3: "core function",
    4: "core table",
    5: "core memory",
    6: "core global",
    7: "core export",
    8: "core start",
    9: "core element",
    10: "core code",
    11: "core data",
    12: "core data count",
    13: "core tag",
}
_READ = frozenset({1, 2, 3, 4, 5, 6, 7, 10, 13})


class _Module:
    """The index spaces of a module while it is read: imports first, then its own definitions."""

    def __init__(self) -> None:
        self.types = TypeSpace()
        self.imports: list[CoreImport] = []
        self.functions: list[CoreSignature | int] = []  # a number is an index into the types
        self.tables: list[CoreTable] = []
        self.memories: list[CoreMemory] = []
        self.globals: list[CoreGlobal] = []
        self.tags: list[CoreTag] = []
        self.exports: dict[str, CoreExtern] = {}
        self.exported: dict[tuple[int, int], str] = {}
        self.changes_tables = False
        self.imported_tables = self.imported_memories = self.imported_globals = 0

    def section(self, code: int, reader: Reader) -> None:
        match code:
            case 1:
                for _ in range(reader.count()):
                    self.types.read(reader)
            case 2:
                for _ in range(reader.count()):
                    self._import(reader)
            case 3:
                self.functions += reader.u32s(reader.count())
            case 4:
                self.tables += reader.vector(lambda: self._table(reader))
            case 5:
                self.memories += reader.vector(lambda: memory_type(reader))
            case 6:
                self.globals += reader.vector(lambda: self._global(reader))
            case 7:
                for _ in range(reader.count()):
                    self._export(reader)
            case 10:
                self.changes_tables = changes_tables(reader)
            case 13:
                self.tags += reader.vector(lambda: tag_type(reader, self.types))
        reader.finish()

    def _import(self, reader: Reader) -> None:
        item = CoreImport(reader.name(), reader.name(), extern_type(reader, self.types))
        self.imports.append(item)
        match item.type:
            case CoreSignature():
                self.functions.append(item.type)
            case CoreTable():
                self.tables.append(item.type)
                self.imported_tables += 1
            case CoreMemory():
                self.memories.append(item.type)
                self.imported_memories += 1
            case CoreGlobal():
                self.globals.append(item.type)
                self.imported_globals += 1
            case CoreTag():
                self.tags.append(item.type)

    def _table(self, reader: Reader) -> CoreTable:
        if reader.peek() != 0x40:
            return table_type(reader)
        reader.byte()
        reader.expect(0x00, "a table with an initial value")
        table = table_type(reader)
        skip_constant(reader)
        return table

    def _global(self, reader: Reader) -> CoreGlobal:
        type_ = global_type(reader)
        skip_constant(reader)
        return type_

    def _export(self, reader: Reader) -> None:
        at = reader.position
        name = reader.name()
        kind = reader.byte()
        index = reader.u32()
        if name in self.exports:
            raise reader.error(f"core export {name!r} occurs twice", at)
        spaces = (self.functions, self.tables, self.memories, self.globals, self.tags)
        if kind >= len(spaces):
            raise reader.error(f"unknown kind of core export {kind:#04x}", at)
        if index >= len(spaces[kind]):
            raise reader.error(f"core export {name!r} refers to item {index} of {len(spaces[kind])}", at)
        found = spaces[kind][index]
        if isinstance(found, int):
            function = self.types.items[found] if found < len(self.types.items) else None
            if function is None:
                raise reader.error(f"core export {name!r} has type {found}, which is not a function type", at)
            found = function
        self.exports[name] = found
        self.exported.setdefault((kind, index), name)

    def finish(self, start: int, end: int) -> CoreModule:
        prefix = "shem"
        while any(name.startswith(prefix + ":") for name in self.exports):
            prefix += "-"
        state: dict[str, CoreMemory | CoreTable | CoreGlobal] = {}
        added: list[AddedExport] = []
        uncapturable: dict[str, None] = {}
        if self.types.has_gc:
            uncapturable["garbage-collected types"] = None
        if self.changes_tables:
            uncapturable["instructions that change tables or drop segments"] = None

        def keep(kind: int, word: str, index: int, item: CoreMemory | CoreTable | CoreGlobal) -> None:
            name = self.exported.get((kind, index))
            if name is None:
                name = f"{prefix}:{word}/{index}"
                added.append(AddedExport(name, kind, index))
            state[name] = item

        for index, memory in enumerate(self.memories):
            if memory.shared:
                uncapturable["shared memory"] = None
            elif index >= self.imported_memories:
                keep(2, "memory", index, memory)
        for index, global_ in enumerate(self.globals):
            if not global_.mutable or index < self.imported_globals:
                continue
            if global_.type in NUMERIC_TYPES:
                keep(3, "global", index, global_)
            else:
                uncapturable[f"mutable global of type {global_.type}"] = None
        for index, table in enumerate(self.tables):
            if index >= self.imported_tables:
                keep(1, "table", index, table)
        code = CoreCode(start, end, tuple(added))
        return CoreModule(code, tuple(self.imports), self.exports, state, tuple(uncapturable))


def read_core_module(data: bytes, start: int, end: int) -> CoreModule:
    """Read the module ``data[start:end]``.

    Raises:
        MalformedComponent: a section that is read here is broken; data are not looked at.
    """
    reader = Reader(data, start, end, "core module")
    begin, behind = reader.skip(8, "core module header")
    if data[begin:behind] != MAGIC + MODULE_VERSION:
        raise reader.error("not a core module of version 1", begin)
    module = _Module()
    while not reader.done:
        at = reader.position
        code = reader.byte()
        if code not in _SECTIONS:
            raise reader.error(f"unknown core section {code}", at)
        section = reader.window(reader.u32(), _SECTIONS[code])
        if code in _READ:
            module.section(code, section)
    return module.finish(start, end)
