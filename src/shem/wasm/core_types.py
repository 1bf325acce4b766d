"""Reading the types of core WebAssembly (core specification, section 5.3); passing over its constants."""

from __future__ import annotations

from dataclasses import dataclass, field

from .core import NUMERIC_TYPES, CoreExtern, CoreGlobal, CoreMemory, CoreSignature, CoreTable, CoreTag
from .reader import Reader

_VALUE_TYPES = {
    0x7F: "i32",
    0x7E: "i64",
    0x7D: "f32",
    0x7C: "f64",
    0x7B: "v128",
    0x74: "nullexnref",
    0x73: "nullfuncref",
    0x72: "nullexternref",
    0x71: "nullref",
    0x70: "funcref",
    0x6F: "externref",
    0x6E: "anyref",
    0x6D: "eqref",
    0x6C: "i31ref",
    0x6B: "structref",
    0x6A: "arrayref",
    0x69: "exnref",
}
_REFERENCE, _NULLABLE_REFERENCE = 0x64, 0x63
_PACKED_TYPES = {0x78: "i8", 0x77: "i16"}


def value_type(reader: Reader) -> str:
    code = reader.byte()
    if name := _VALUE_TYPES.get(code):
        return name
    if code in (_REFERENCE, _NULLABLE_REFERENCE):
        heap = heap_type(reader)
        return f"(ref {heap})" if code == _REFERENCE else f"(ref null {heap})"
    raise reader.error(f"unknown core value type {code:#04x}", reader.position - 1)


def heap_type(reader: Reader) -> str:
    at = reader.position
    code = reader.s33()
    if code >= 0:
        return str(code)
    if code >= -64 and (name := _VALUE_TYPES.get(code + 0x80)) and name not in NUMERIC_TYPES:
        return name
    raise reader.error("unknown core heap type", at)


def signature(reader: Reader) -> CoreSignature:
    """Parameters and results, behind the ``0x60`` of a function type."""
    params = reader.vector(lambda: value_type(reader))
    results = reader.vector(lambda: value_type(reader))
    return CoreSignature(params, results)


@dataclass(slots=True)
class TypeSpace:
    """The types of a module by index; None stands for a struct or an array."""

    items: list[CoreSignature | None] = field(default_factory=list)

    @property
    def has_gc(self) -> bool:
        return None in self.items

    def read(self, reader: Reader) -> None:
        """One entry of a type section: a type, or a group of types that refer to each other."""
        if reader.peek() == 0x4E:
            reader.byte()
            for _ in range(reader.count()):
                self.items.append(self._subtype(reader))
        else:
            self.items.append(self._subtype(reader))

    def _subtype(self, reader: Reader) -> CoreSignature | None:
        if reader.peek() in (0x4F, 0x50):
            reader.byte()
            reader.vector(reader.u32)
        code = reader.byte()
        match code:
            case 0x60:
                return signature(reader)
            case 0x5F:
                reader.vector(lambda: self._field(reader))
                return None
            case 0x5E:
                self._field(reader)
                return None
            case _:
                raise reader.error(f"unsupported core type {code:#04x}", reader.position - 1)

    def _field(self, reader: Reader) -> None:
        if reader.peek() in _PACKED_TYPES:
            reader.byte()
        else:
            value_type(reader)
        reader.byte()

    def signature(self, reader: Reader) -> CoreSignature:
        """The function type that a type index at the reader names."""
        at = reader.position
        index = reader.u32()
        found = self.items[index] if index < len(self.items) else None
        if found is None:
            raise reader.error(f"core type {index} is not a function type", at)
        return found


def extern_type(reader: Reader, types: TypeSpace) -> CoreExtern:
    """What an import, or an export of a module type, declares."""
    kind = reader.byte()
    match kind:
        case 0x00:
            return types.signature(reader)
        case 0x01:
            return table_type(reader)
        case 0x02:
            return memory_type(reader)
        case 0x03:
            return global_type(reader)
        case 0x04:
            return tag_type(reader, types)
        case _:
            raise reader.error(f"unknown kind of core import {kind:#04x}", reader.position - 1)


def _limits(reader: Reader, *, flags: int) -> tuple[int, int | None]:
    number = reader.u64 if flags & 0x04 else reader.u32
    minimum = number()
    return minimum, number() if flags & 0x01 else None


def memory_type(reader: Reader) -> CoreMemory:
    flags = reader.byte()
    if flags & 0x08:
        raise reader.error("memories with a page size of their own are not supported", reader.position - 1)
    if flags > 0x07:
        raise reader.error(f"unknown flags {flags:#04x} of a core memory", reader.position - 1)
    minimum, maximum = _limits(reader, flags=flags)
    return CoreMemory(minimum, maximum, shared=bool(flags & 0x02), wide=bool(flags & 0x04))


def table_type(reader: Reader) -> CoreTable:
    element = value_type(reader)
    flags = reader.byte()
    if flags & 0x02 or flags > 0x07:
        raise reader.error(f"unknown flags {flags:#04x} of a core table", reader.position - 1)
    minimum, maximum = _limits(reader, flags=flags)
    return CoreTable(element, minimum, maximum, wide=bool(flags & 0x04))


def global_type(reader: Reader) -> CoreGlobal:
    type_ = value_type(reader)
    mutability = reader.byte()
    if mutability > 1:
        raise reader.error(f"unknown mutability {mutability:#04x} of a core global", reader.position - 1)
    return CoreGlobal(type_, mutability == 1)


def tag_type(reader: Reader, types: TypeSpace) -> CoreTag:
    reader.expect(0x00, "an exception tag")
    return CoreTag(types.signature(reader))


def skip_constant(reader: Reader) -> None:
    """Pass over a constant expression (core specification, section 3.3.13, with the extended operators)."""
    while True:
        at = reader.position
        code = reader.byte()
        match code:
            case 0x0B:
                return
            case 0x41:
                reader.s32()
            case 0x42:
                reader.s64()
            case 0x43:
                reader.skip(4, "f32.const")
            case 0x44:
                reader.skip(8, "f64.const")
            case 0x23 | 0xD2:
                reader.u32()
            case 0xD0:
                heap_type(reader)
            case 0x6A | 0x6B | 0x6C | 0x7C | 0x7D | 0x7E:
                pass
            case 0xFB:
                operands = {0: 1, 1: 1, 6: 1, 7: 1, 8: 2, 26: 0, 27: 0, 28: 0}.get(reader.u32())
                if operands is None:
                    raise reader.error("unknown operator in a constant expression", at)
                for _ in range(operands):
                    reader.u32()
            case 0xFD:
                if reader.u32() != 12:
                    raise reader.error("unknown vector operator in a constant expression", at)
                reader.skip(16, "v128.const")
            case _:
                raise reader.error(f"unknown operator {code:#04x} in a constant expression", at)
