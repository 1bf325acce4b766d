"""Reading the types of a component, and what imports, exports and aliases have in common with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from . import declarations as d
from .core import CoreSignature
from .core_types import TypeSpace, extern_type
from .reader import Reader
from .types import Prim

T = TypeVar("T")

MAX_FLAGS = 32
"""Names in one flags type (Binary.md: more are not valid)."""

MAX_NESTING: Final = 32
"""Components and types inside each other. Tools make up to 4; reading recurses, so there must be a bound."""

PRIMITIVES: Final = {
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


def unique(reader: Reader, items: tuple[T, ...], key: Callable[[T], str], what: str) -> tuple[T, ...]:
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


def reference(reader: Reader) -> d.Reference:
    return d.Reference(_sort(reader), reader.u32())


def core_reference(reader: Reader) -> d.Reference:
    return d.Reference(_core_sort(reader), reader.u32())


def extern_name(reader: Reader) -> str:
    """The name of an import or export. The two plain forms are the same but for their first byte."""
    code = reader.byte()
    if code not in (0x00, 0x01):
        raise reader.error(f"unknown or unsupported form of name {code:#04x}", reader.position - 1)
    return reader.name()


def extern_desc(reader: Reader) -> d.ExternDesc:
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


def alias(reader: Reader) -> d.ExportAlias | d.OuterAlias:
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
    if primitive := PRIMITIVES.get(code):
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
    return unique(reader, reader.vector(lambda: _field(reader)), lambda f: f[0], what)


def _labels(reader: Reader, what: str) -> tuple[str, ...]:
    return unique(reader, reader.vector(reader.name), lambda n: n, what)


def _case(reader: Reader) -> tuple[str, d.TypeRef | None]:
    name = reader.name()
    payload = reader.optional(lambda: _type_ref(reader))
    reader.expect(0x00, "the end of a case")
    return name, payload


def type_body(reader: Reader, depth: int) -> d.TypeBody:
    at = reader.position
    code = reader.byte()
    if primitive := PRIMITIVES.get(code):
        return primitive
    if code in _UNSUPPORTED_TYPES:
        raise reader.error(f"{_UNSUPPORTED_TYPES[code]} are not supported", at)
    body = _composite(reader, code, depth)
    if body is None:
        raise reader.error(f"unknown type {code:#04x}", at)
    empty = (d.RecordDef(()), d.VariantDef(()), d.TupleDef(()), d.FlagsDef(()), d.EnumDef(()))
    if body in empty or (isinstance(body, d.ListDef) and body.length == 0):
        raise reader.error("a type without any values, or with nothing in it, is not allowed", at)
    if isinstance(body, d.FlagsDef) and len(body.names) > MAX_FLAGS:
        raise reader.error(f"more than {MAX_FLAGS} flags are not allowed", at)
    return body


def _composite(reader: Reader, code: int, depth: int) -> d.TypeBody | None:
    def ref() -> d.TypeRef:
        return _type_ref(reader)

    match code:
        case 0x72:
            return d.RecordDef(_fields(reader, "field"))
        case 0x71:
            return d.VariantDef(unique(reader, reader.vector(lambda: _case(reader)), lambda c: c[0], "case"))
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
            return d.CoreTypeDef(core_type(reader, TypeSpace()))
        case 0x01:
            body = type_body(reader, depth)
            if isinstance(body, d.ResourceDef):
                raise reader.error("a resource cannot be defined inside a type", at)
            return d.TypeDef(body)
        case 0x02:
            return alias(reader)
        case 0x03 if imports:
            return d.ImportDef(extern_name(reader), extern_desc(reader))
        case 0x04:
            return d.ExportDeclarator(extern_name(reader), extern_desc(reader))
    raise reader.error(f"unknown declarator {code:#04x}", at)


def core_type(reader: Reader, types: TypeSpace) -> CoreSignature | d.CoreModuleType | None:
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
