"""From the bytes of a component to its declarations.

The grammar is the component model's Binary.md. What it has and this runtime does not run (asynchronous functions,
streams, futures, error contexts, values, threads) is refused by name. Indices are read, not resolved; ``planner`` does
that. Nothing here takes time or memory beyond a small multiple of the component's sections; core code is passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from . import declarations as d
from .core import MAGIC, MODULE_VERSION, CoreSignature
from .core_reader import TypeSpace, extern_type, read_core_module
from .plan import StringEncoding
from .reader import Reader
from .types import Prim

T = TypeVar("T")

COMPONENT_VERSION: Final = b"\x0d\0\x01\0"

MAX_NESTING: Final = 32
"""Components and types inside each other. Tools produce up to 4; the reader recurses, so there must be a bound."""

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

_PRIMITIVES: Final = {
    0x7F: Prim("bool"),
    0x7E: Prim("s8"),
    0x7D: Prim("u8"),
    0x7C: Prim("s16"),
    0x7B: Prim("u16"),
    0x7A: Prim("s32"),
    0x79: Prim("u32"),
    0x78: Prim("s64"),
    0x77: Prim("u64"),
    0x76: Prim("f32"),
    0x75: Prim("f64"),
    0x74: Prim("char"),
    0x73: Prim("string"),
}

_UNSUPPORTED_TYPES: Final = {
    0x66: "streams",
    0x65: "futures",
    0x64: "error contexts",
    0x43: "asynchronous functions",
    0x3E: "resources with an asynchronous destructor",
}

_SORTS: Final[dict[int, d.Sort]] = {0x01: "func", 0x03: "type", 0x04: "component", 0x05: "instance"}
_CORE_SORTS: Final[dict[int, d.CoreSort]] = {
    0x00: "core func",
    0x01: "core table",
    0x02: "core memory",
    0x03: "core global",
    0x04: "core tag",
    0x10: "core type",
    0x11: "core module",
    0x12: "core instance",
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
            each(lambda: d.CoreTypeDef(_core_type(section, TypeSpace())))
        case 4:
            whole(d.ComponentDef(_component(section, depth + 1)))
        case 5:
            each(lambda: _instance(section))
        case 6:
            each(lambda: _alias(section))
        case 7:
            each(lambda: d.TypeDef(_type(section, depth)))
        case 8:
            each(lambda: _canon(section))
        case 9:
            whole(d.StartDef(section.u32(), section.vector(section.u32), section.u32()))
        case 10:
            each(lambda: d.ImportDef(_extern_name(section), _extern_desc(section)))
        case 11:
            each(lambda: _export(section))
        case 12:
            raise section.error("values are not supported")
    section.finish()


def _unique(reader: Reader, items: tuple[T, ...], key: Callable[[T], str], what: str) -> tuple[T, ...]:
    seen: set[str] = set()
    for item in items:
        name = key(item)
        if name in seen:
            raise reader.error(f"{what} {name!r} occurs twice")
        seen.add(name)
    return items


def _sort(reader: Reader) -> d.Sort:
    at = reader.position
    code = reader.byte()
    if code == 0x00:
        return _core_sort(reader)
    if code == 0x02:
        raise reader.error("values are not supported", at)
    if sort := _SORTS.get(code):
        return sort
    raise reader.error(f"unknown sort {code:#04x}", at)


def _core_sort(reader: Reader) -> d.CoreSort:
    code = reader.byte()
    if sort := _CORE_SORTS.get(code):
        return sort
    raise reader.error(f"unknown core sort {code:#04x}", reader.position - 1)


def _reference(reader: Reader) -> d.Reference:
    return d.Reference(_sort(reader), reader.u32())


def _core_reference(reader: Reader) -> d.Reference:
    return d.Reference(_core_sort(reader), reader.u32())


def _extern_name(reader: Reader) -> str:
    """The name of an import or export. The two plain forms are the same but for their first byte."""
    code = reader.byte()
    if code not in (0x00, 0x01):
        raise reader.error(f"unknown or unsupported form of name {code:#04x}", reader.position - 1)
    return reader.name()


def _extern_desc(reader: Reader) -> d.ExternDesc:
    at = reader.position
    match reader.byte():
        case 0x00:
            reader.expect(0x11, "a core module")
            return d.ExternDesc("core module", reader.u32())
        case 0x01:
            return d.ExternDesc("func", reader.u32())
        case 0x02:
            raise reader.error("values are not supported", at)
        case 0x03:
            match reader.byte():
                case 0x00:
                    return d.ExternDesc("type", reader.u32())
                case 0x01:
                    return d.ExternDesc("type", None)
                case bound:
                    raise reader.error(f"unknown bound {bound:#04x} of a type", reader.position - 1)
        case 0x04:
            return d.ExternDesc("component", reader.u32())
        case 0x05:
            return d.ExternDesc("instance", reader.u32())
        case code:
            raise reader.error(f"unknown kind {code:#04x} of import or export", at)


def _core_instance(reader: Reader) -> d.CoreInstantiateDef | d.CoreBundleDef:
    def argument() -> tuple[str, int]:
        name = reader.name()
        reader.expect(0x12, "a core instance")
        return name, reader.u32()

    match reader.byte():
        case 0x00:
            module = reader.u32()
            args = reader.vector(argument)
            return d.CoreInstantiateDef(module, _unique(reader, args, lambda a: a[0], "argument"))
        case 0x01:
            exports = reader.vector(lambda: (reader.name(), _core_reference(reader)))
            return d.CoreBundleDef(_unique(reader, exports, lambda e: e[0], "export"))
        case form:
            raise reader.error(f"unknown form {form:#04x} of core instance", reader.position - 1)


def _instance(reader: Reader) -> d.InstantiateDef | d.BundleDef:
    match reader.byte():
        case 0x00:
            component = reader.u32()
            args = reader.vector(lambda: (reader.name(), _reference(reader)))
            return d.InstantiateDef(component, _unique(reader, args, lambda a: a[0], "argument"))
        case 0x01:
            exports = reader.vector(lambda: (_extern_name(reader), _reference(reader)))
            return d.BundleDef(_unique(reader, exports, lambda e: e[0], "export"))
        case form:
            raise reader.error(f"unknown form {form:#04x} of instance", reader.position - 1)


def _alias(reader: Reader) -> d.ExportAlias | d.OuterAlias:
    sort = _sort(reader)
    match reader.byte():
        case 0x00:
            return d.ExportAlias(sort, reader.u32(), reader.name(), core=False)
        case 0x01:
            return d.ExportAlias(sort, reader.u32(), reader.name(), core=True)
        case 0x02:
            return d.OuterAlias(sort, reader.u32(), reader.u32())
        case target:
            raise reader.error(f"unknown target {target:#04x} of alias", reader.position - 1)


def _type_ref(reader: Reader) -> d.TypeRef:
    at = reader.position
    code = reader.peek()
    if primitive := _PRIMITIVES.get(code):
        reader.byte()
        return primitive
    index = reader.s33()
    if index < 0:
        if code in _UNSUPPORTED_TYPES:
            raise reader.error(f"{_UNSUPPORTED_TYPES[code]} are not supported", at)
        raise reader.error(f"unknown value type {code:#04x}", at)
    return index


def _field(reader: Reader) -> tuple[str, d.TypeRef]:
    return reader.name(), _type_ref(reader)


def _fields(reader: Reader, what: str) -> tuple[tuple[str, d.TypeRef], ...]:
    return _unique(reader, reader.vector(lambda: _field(reader)), lambda f: f[0], what)


def _labels(reader: Reader, what: str) -> tuple[str, ...]:
    return _unique(reader, reader.vector(reader.name), lambda n: n, what)


def _case(reader: Reader) -> tuple[str, d.TypeRef | None]:
    name = reader.name()
    payload = reader.optional(lambda: _type_ref(reader))
    reader.expect(0x00, "the end of a case")
    return name, payload


def _type(reader: Reader, depth: int) -> d.TypeBody:
    at = reader.position
    code = reader.byte()
    if primitive := _PRIMITIVES.get(code):
        return primitive
    if code in _UNSUPPORTED_TYPES:
        raise reader.error(f"{_UNSUPPORTED_TYPES[code]} are not supported", at)
    body = _type_body(reader, code, depth)
    if body is None:
        raise reader.error(f"unknown type {code:#04x}", at)
    empty = (d.RecordDef(()), d.VariantDef(()), d.TupleDef(()), d.FlagsDef(()), d.EnumDef(()))
    if body in empty or (isinstance(body, d.ListDef) and body.length == 0):
        raise reader.error("a type without any values, or with nothing in it, is not allowed", at)
    return body


def _type_body(reader: Reader, code: int, depth: int) -> d.TypeBody | None:
    def ref() -> d.TypeRef:
        return _type_ref(reader)

    match code:
        case 0x72:
            return d.RecordDef(_fields(reader, "field"))
        case 0x71:
            return d.VariantDef(_unique(reader, reader.vector(lambda: _case(reader)), lambda c: c[0], "case"))
        case 0x70:
            return d.ListDef(ref())
        case 0x67:
            return d.ListDef(ref(), reader.u32())
        case 0x63:
            return d.MapDef(ref(), ref())
        case 0x6F:
            return d.TupleDef(reader.vector(ref))
        case 0x6E:
            return d.FlagsDef(_labels(reader, "flag"))
        case 0x6D:
            return d.EnumDef(_labels(reader, "case"))
        case 0x6B:
            return d.OptionDef(ref())
        case 0x6A:
            return d.ResultDef(reader.optional(ref), reader.optional(ref))
        case 0x69:
            return d.OwnDef(reader.u32())
        case 0x68:
            return d.BorrowDef(reader.u32())
        case 0x40:
            return d.FuncDef(_fields(reader, "parameter"), _result(reader))
        case 0x41:
            return d.ComponentTypeDef(reader.vector(lambda: _declarator(reader, depth + 1, imports=True)))
        case 0x42:
            return d.InstanceTypeDef(reader.vector(lambda: _declarator(reader, depth + 1, imports=False)))
        case 0x3F:
            reader.expect(0x7F, "a resource represented by an i32")
            return d.ResourceDef(reader.optional(reader.u32))
    return None


def _result(reader: Reader) -> d.TypeRef | None:
    match reader.byte():
        case 0x00:
            return _type_ref(reader)
        case 0x01:
            if reader.count():
                raise reader.error("named results are not supported")
            return None
        case form:
            raise reader.error(f"unknown form {form:#04x} of results", reader.position - 1)


def _declarator(reader: Reader, depth: int, *, imports: bool) -> d.Declarator:
    if depth > MAX_NESTING:
        raise reader.error(f"types are nested more than {MAX_NESTING} deep")
    at = reader.position
    code = reader.byte()
    match code:
        case 0x00:
            return d.CoreTypeDef(_core_type(reader, TypeSpace()))
        case 0x01:
            body = _type(reader, depth)
            if isinstance(body, d.ResourceDef):
                raise reader.error("a resource cannot be defined inside a type", at)
            return d.TypeDef(body)
        case 0x02:
            return _alias(reader)
        case 0x03 if imports:
            return d.ImportDef(_extern_name(reader), _extern_desc(reader))
        case 0x04:
            return d.ExportDeclarator(_extern_name(reader), _extern_desc(reader))
    raise reader.error(f"unknown declarator {code:#04x}", at)


def _core_type(reader: Reader, types: TypeSpace) -> CoreSignature | d.CoreModuleType | None:
    if reader.peek() == 0x50:
        reader.byte()
        types = TypeSpace()
        for _ in range(reader.count()):
            _module_declarator(reader, types)
        return d.CoreModuleType()
    if reader.peek() == 0x00:
        reader.byte()
    types.read(reader)
    if len(types.items) != 1:
        raise reader.error("groups of core types are not supported here")
    return types.items[0]


def _module_declarator(reader: Reader, types: TypeSpace) -> None:
    at = reader.position
    match reader.byte():
        case 0x00:
            reader.name()
            reader.name()
            extern_type(reader, types)
        case 0x01:
            types.read(reader)
        case 0x02:
            raise reader.error("aliases inside a type of core modules are not supported", at)
        case 0x03:
            reader.name()
            extern_type(reader, types)
        case code:
            raise reader.error(f"unknown declarator {code:#04x} in a type of core modules", at)


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
    name = _extern_name(reader)
    item = _reference(reader)
    return d.ExportDef(name, item, reader.optional(lambda: _extern_desc(reader)))
