"""From the bytes of a component to its declarations.

The grammar is the component model's Binary.md. What it has and this runtime does not run (asynchronous
functions, streams, futures, error contexts, values, threads) is refused by name. Indices are read, not
resolved; ``planner`` does that. Nothing here takes time or memory beyond a small multiple of the component's
sections; core code is passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from . import declarations as d
from .binary_types import (
    MAX_NESTING,
    alias,
    core_reference,
    core_type,
    extern_desc,
    extern_name,
    reference,
    type_body,
    unique,
)
from .core import MAGIC, MODULE_VERSION
from .core_reader import read_core_module
from .core_types import TypeSpace
from .plan import StringEncoding
from .reader import Reader

COMPONENT_VERSION: Final = b"\x0d\0\x01\0"

_SECTIONS: Final = {
    0: "custom",
    1: "core module",
    2: "core instance",
    3: "core type",
    4: "component",
    5: "instance",
    6: "alias",
    7: "type",
    8: "canon",
    9: "start",
    10: "import",
    11: "export",
    12: "value",
}

_ENCODINGS: Final[dict[int, StringEncoding]] = {0x00: "utf8", 0x01: "utf16", 0x02: "latin1+utf16"}
_INDEXED_OPTIONS: Final = {0x03: "memory", 0x04: "realloc", 0x05: "post_return"}
_UNSUPPORTED_OPTIONS: Final = {
    0x06: "asynchronous lifting and lowering",
    0x07: "asynchronous callbacks",
    0x08: "lowering to a core type of garbage-collected values",
    0x09: "values in garbage-collected memory",
}

_CANON_OPERATIONS: Final[dict[int, Any]] = {0x02: "new", 0x03: "drop", 0x04: "rep"}


def read_component(wasm: bytes) -> d.Component:
    """Read a component.

    Raises:
        MalformedComponent: it is broken, is a core module, or uses what is not supported.
    """
    return _component(Reader(wasm, 0, len(wasm), "header"), 0)


def _component(reader: Reader, depth: int) -> d.Component:
    _header(reader)
    if depth > MAX_NESTING:
        raise reader.error(f"components are nested more than {MAX_NESTING} deep")
    definitions: list[d.Definition] = []
    while not reader.done:
        at = reader.position
        reader.section = "component"
        code = reader.byte()
        name = _SECTIONS.get(code)
        if name is None:
            raise reader.error(f"unknown section {code}", at)
        reader.section = name
        section = reader.window(reader.u32(), name)
        _section(section, code, depth, definitions)
    return d.Component(tuple(definitions))


def _header(reader: Reader) -> None:
    start = reader.position
    header = reader.data[start : min(start + 8, reader.end)]
    if header[:4] != MAGIC:
        raise reader.error("not WebAssembly: it does not start with the bytes 00 61 73 6d")
    if header[4:] == MODULE_VERSION:
        raise reader.error("this is a core module; a component is needed", start + 4)
    if header[4:] != COMPONENT_VERSION:
        raise reader.error(f"unknown version of the component format: {header[4:].hex(' ')}", start + 4)
    reader.skip(8, "header")


def _section(section: Reader, code: int, depth: int, out: list[d.Definition]) -> None:
    def each(item: Callable[[], d.Body]) -> None:
        for _ in range(section.count()):
            at = section.position
            out.append(d.Definition(item(), at, section.section))

    def whole(body: d.Body) -> None:
        out.append(d.Definition(body, at, section.section))

    at = section.position
    match code:
        case 0:
            section.name()
            return
        case 1:
            whole(d.ModuleDef(read_core_module(section.data, at, section.end)))
            return
        case 2:
            each(lambda: _core_instance(section))
        case 3:
            each(lambda: d.CoreTypeDef(core_type(section, TypeSpace())))
        case 4:
            whole(d.ComponentDef(_component(section, depth + 1)))
        case 5:
            each(lambda: _instance(section))
        case 6:
            each(lambda: alias(section))
        case 7:
            each(lambda: d.TypeDef(type_body(section, depth)))
        case 8:
            each(lambda: _canon(section))
        case 9:
            whole(d.StartDef(section.u32(), section.vector(section.u32), section.u32()))
        case 10:
            each(lambda: d.ImportDef(extern_name(section), extern_desc(section)))
        case 11:
            each(lambda: _export(section))
        case 12:
            raise section.error("values are not supported")
    section.finish()


def _core_instance(reader: Reader) -> d.CoreInstantiateDef | d.CoreBundleDef:
    def argument() -> tuple[str, int]:
        name = reader.name()
        reader.expect(0x12, "a core instance")
        return name, reader.u32()

    match reader.byte():
        case 0x00:
            module = reader.u32()
            args = reader.vector(argument)
            return d.CoreInstantiateDef(module, unique(reader, args, lambda a: a[0], "argument"))
        case 0x01:
            exports = reader.vector(lambda: (reader.name(), core_reference(reader)))
            return d.CoreBundleDef(unique(reader, exports, lambda e: e[0], "export"))
        case form:
            raise reader.error(f"unknown form {form:#04x} of core instance", reader.position - 1)


def _instance(reader: Reader) -> d.InstantiateDef | d.BundleDef:
    match reader.byte():
        case 0x00:
            component = reader.u32()
            args = reader.vector(lambda: (reader.name(), reference(reader)))
            return d.InstantiateDef(component, unique(reader, args, lambda a: a[0], "argument"))
        case 0x01:
            exports = reader.vector(lambda: (extern_name(reader), reference(reader)))
            return d.BundleDef(unique(reader, exports, lambda e: e[0], "export"))
        case form:
            raise reader.error(f"unknown form {form:#04x} of instance", reader.position - 1)


def _canon(reader: Reader) -> d.LiftDef | d.LowerDef | d.ResourceFunctionDef:
    at = reader.position
    code = reader.byte()
    match code:
        case 0x00:
            reader.expect(0x00, "lifting a core function")
            return d.LiftDef(reader.u32(), _options(reader), reader.u32())
        case 0x01:
            reader.expect(0x00, "lowering a function")
            return d.LowerDef(reader.u32(), _options(reader))
        case 0x02 | 0x03 | 0x04:
            return d.ResourceFunctionDef(_CANON_OPERATIONS[code], reader.u32())
    raise reader.error(
        f"canonical function {code:#04x}, of asynchronous calls or threads, is not supported", at
    )


def _options(reader: Reader) -> d.OptionsDef:
    given: dict[str, Any] = {}
    for _ in range(reader.count()):
        at = reader.position
        code = reader.byte()
        key: str
        value: Any
        if code in _ENCODINGS:
            key, value = "encoding", _ENCODINGS[code]
        elif code in _INDEXED_OPTIONS:
            key, value = _INDEXED_OPTIONS[code], reader.u32()
        elif code in _UNSUPPORTED_OPTIONS:
            raise reader.error(f"{_UNSUPPORTED_OPTIONS[code]}: not supported", at)
        else:
            raise reader.error(f"unknown canonical option {code:#04x}", at)
        if key in given:
            raise reader.error(f"canonical option {key} is given twice", at)
        given[key] = value
    return d.OptionsDef(**given)


def _export(reader: Reader) -> d.ExportDef:
    name = extern_name(reader)
    item = reference(reader)
    return d.ExportDef(name, item, reader.optional(lambda: extern_desc(reader)))
