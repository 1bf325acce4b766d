"""Generating the code that reads WIT values: out of linear memory, and out of core values.

A value is read by a Python *expression*. Its leaves are *slots*: the numbers that stand in it at fixed
places (for a string its pointer and length, for a variant its discriminant). All slots of a value are
unpacked by one ``struct`` call, then the expression builds the value; what is behind pointers and
discriminants is read by functions that are made once per type. So a list of records of numbers is one
``iter_unpack`` and one comprehension.

Generated functions take the ``Border`` as ``b``; pointers that they are given are checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from .abi_border import TEXT_BYTES
from .abi_code import Code, memory_struct, names, take
from .abi_layout import (
    PRIM_FORMATS,
    WORD_FORMATS,
    cases,
    discriminant_size,
    field_offsets,
    flags_size,
    footprint,
    layout,
    payload_offset,
)
from .flatten import flatten
from .plan import StringEncoding
from .types import (
    BorrowType,
    EnumType,
    FlagsType,
    ListType,
    OptionType,
    OwnType,
    Prim,
    RecordType,
    ResultType,
    TupleType,
    ValType,
    VariantType,
)

MAX_INLINE_SLOTS = 24
"""A record with more of them, nested in another value, gets a function of its own; keeps expressions
readable and within what Python's parser nests."""

_BLOCK_FORMATS = {
    name: code for name, code in PRIM_FORMATS.items() if name not in ("bool", "u8", "char", "f32", "f64")
}
"""Primitives whose lists are converted as one block, with the ``memoryview`` format."""


class _Frame:
    """The slots of one value in memory."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self.slots: list[tuple[int, str]] = []
        self.names: list[str] = []
        self.uses_pointer = False

    def slot(self, offset: int, format_: str) -> str:
        self.slots.append((offset, format_))
        self.names.append(f"s{len(self.names)}")
        return self.names[-1]

    def pointer(self, offset: int) -> str:
        self.uses_pointer = True
        return f"p + {offset}" if offset else "p"


class Lifter:
    """Makes reading code for one string encoding."""

    def __init__(self, code: Code, encoding: StringEncoding) -> None:
        self._code = code
        self._encoding = encoding
        self._string = {
            "utf8": "lift_utf8",
            "utf16": "lift_utf16",
            "latin1+utf16": "lift_latin1_or_utf16",
        }[encoding]

    def loader(self, type_: ValType) -> str:
        """Name of ``(b, p) -> value``; ``p`` is checked for the whole value."""
        return self._code.once(f"load {self._encoding}", type_, lambda: self._make_loader(type_))

    def _make_loader(self, type_: ValType) -> str:
        frame = _Frame(self._code)
        value = self._stored(type_, 0, frame, outermost=True)
        return self._code.define("b, p", [*self._unpack(frame), f" return {value}"], "load")

    def _unpack(self, frame: _Frame) -> list[str]:
        if not frame.slots:
            return []
        unpack = self._code.struct_method(memory_struct(frame.slots), "unpack_from")
        return [f" {names(frame.names)} = {unpack}(b.view, p)"]

    def _stored(self, type_: ValType, offset: int, frame: _Frame, *, outermost: bool = False) -> str:
        """Expression for the value at ``p + offset``."""
        match type_:
            case Prim("string"):
                pointer, length = frame.slot(offset, "I"), frame.slot(offset + 4, "I")
                return f"{self._string}(b, {pointer}, {length})"
            case Prim(name):
                return _from_memory(name, frame.slot(offset, PRIM_FORMATS[name]))
            case ListType(element, count):
                if count is not None:
                    return f"{self._block(element)}(b, {frame.pointer(offset)}, {count})"
                pointer, length = frame.slot(offset, "I"), frame.slot(offset + 4, "I")
                return f"{self._list(element)}(b, {pointer}, {length})"
            case OwnType() | BorrowType():
                return self._handle(type_, frame.slot(offset, "I"))
            case FlagsType(flag_names):
                word = frame.slot(offset, WORD_FORMATS[flags_size(len(flag_names))])
                return f"{self._flags(type_)}({word})"
            case RecordType() | TupleType():
                if not outermost and _slots(type_) > MAX_INLINE_SLOTS:
                    return f"{self.loader(type_)}(b, {frame.pointer(offset)})"
                items = tuple(t for _, t in type_.fields) if isinstance(type_, RecordType) else type_.items
                values = [
                    self._stored(item, offset + at, frame)
                    for item, at in zip(items, field_offsets(items), strict=True)
                ]
                return _composed(type_, values)
            case VariantType() | EnumType() | OptionType() | ResultType():
                variants = cases(type_) or ()
                number = frame.slot(offset, WORD_FORMATS[discriminant_size(len(variants))])
                if all(payload is None for _, payload in variants):
                    return f"{self._names_of(type_)}({number})"
                return f"{self._variant(type_)}(b, {number}, {frame.pointer(offset + payload_offset(type_))})"
            case _:
                assert_never(type_)

    def flat(self, type_: ValType, cells: Iterator[str]) -> str:
        """Expression for a value that stands in the next core values, given as expressions."""
        match type_:
            case Prim("string"):
                return f"{self._string}(b, {next(cells)}, {next(cells)})"
            case Prim(name):
                return _from_cell(name, next(cells))
            case ListType(element, count):
                if count is None:
                    return f"{self._list(element)}(b, {next(cells)}, {next(cells)})"
                values = [self.flat(element, cells) for _ in range(count)]
                return f"bytes(({names(values)}))" if element == Prim("u8") else f"[{names(values)}]"
            case OwnType() | BorrowType():
                return self._handle(type_, next(cells))
            case FlagsType():
                return f"{self._flags(type_)}({next(cells)})"
            case RecordType(fields):
                return _composed(type_, [self.flat(item, cells) for _, item in fields])
            case TupleType(items):
                return _composed(type_, [self.flat(item, cells) for item in items])
            case VariantType() | EnumType() | OptionType() | ResultType():
                joined = (flatten(type_) or ())[1:]
                number, payload = next(cells), take(cells, len(joined))
                if not payload and all(item is None for _, item in cases(type_) or ()):
                    return f"{self._names_of(type_)}({number})"
                return f"{self._flat_variant(type_)}(b, {names([number, *payload])})"
            case _:
                assert_never(type_)

    def _handle(self, type_: OwnType | BorrowType, number: str) -> str:
        resource = self._code.constant(type_.resource, "resource")
        way = "lift_own" if isinstance(type_, OwnType) else "lift_borrow"
        return f"{way}(b, {resource}, {number})"

    def _flags(self, type_: FlagsType) -> str:
        """Name of ``(bits) -> set of names``; bits without a name are ignored."""

        def make() -> str:
            bits = self._code.constant([(1 << i, name) for i, name in enumerate(type_.names)], "bits")
            known = self._code.constant({}, "known")
            mask = (1 << len(type_.names)) - 1
            body = [
                f" word &= {mask}",
                f" value = {known}.get(word)",
                " if value is None:",
                f"  value = frozenset([name for bit, name in {bits} if word & bit])",
                f"  if len({known}) < 256: {known}[word] = value",
                " return value",
            ]
            return self._code.define("word", body, "flags")

        return self._code.once("lift flags", type_, make)

    def _names_of(self, type_: ValType) -> str:
        """Name of ``(discriminant) -> value`` for a variant without payloads."""

        def make() -> str:
            values = tuple(_case(type_, name, None, None) for name, _ in cases(type_) or ())
            body = [
                f" if number >= {len(values)}: bad_discriminant(number)",
                f" return ({names(values)})[number]",
            ]
            return self._code.define("number", body, "case")

        return self._code.once("lift names", type_, make)

    def _variant(self, type_: ValType) -> str:
        """Name of ``(b, discriminant, pointer of the payload) -> value``."""

        def make() -> str:
            body: list[str] = []
            for number, (name, payload) in enumerate(cases(type_) or ()):
                body.append(f" if d == {number}:")
                value = None
                if payload is not None:
                    frame = _Frame(self._code)
                    value = self._stored(payload, 0, frame)
                    body += [f" {line}" for line in self._unpack(frame)]
                body.append(f"  return {_case(type_, name, payload, value)}")
            return self._code.define("b, d, p", [*body, " bad_discriminant(d)"], "variant")

        return self._code.once(f"load variant {self._encoding}", type_, make)

    def _flat_variant(self, type_: ValType) -> str:
        """Name of ``(b, discriminant, joined core values...) -> value``."""

        def make() -> str:
            joined = (flatten(type_) or ())[1:]
            cells = [f"c{i}" for i in range(len(joined))]
            body: list[str] = []
            for number, (name, payload) in enumerate(cases(type_) or ()):
                value = None
                if payload is not None:
                    wanted = flatten(payload) or ()
                    split = [_narrowed(*cell) for cell in zip(cells, joined, wanted, strict=False)]
                    value = self.flat(payload, iter(split))
                body.append(f" if d == {number}: return {_case(type_, name, payload, value)}")
            return self._code.define(f"b, d, {names(cells)}", [*body, " bad_discriminant(d)"], "flat_variant")

        return self._code.once(f"flat variant {self._encoding}", type_, make)

    def _list(self, element: ValType) -> str:
        """Name of ``(b, pointer, length) -> value``, which checks the pointer."""

        def make() -> str:
            size, alignment = layout(element)
            weight = 1 if element == Prim("u8") else footprint(element)
            body = [
                f" end = p + n * {size}",
                f" if p & {alignment - 1} or end > b.size: check_pointer(b, p, {alignment}, n * {size})",
                f" b.spend({TEXT_BYTES} + n * {weight})",
                f" return {self._block(element)}(b, p, n)",
            ]
            return self._code.define("b, p, n", body, "list")

        return self._code.once(f"list {self._encoding}", element, make)

    def _block(self, element: ValType) -> str:
        """Name of ``(b, pointer, length) -> value`` for elements at a checked pointer."""

        def make() -> str:
            return self._code.define("b, p, n", self._block_body(element), "block")

        return self._code.once(f"block {self._encoding}", element, make)

    def _block_body(self, element: ValType) -> list[str]:
        size = layout(element)[0]
        view = f"b.view[p:p + n * {size}]"
        match element:
            case Prim("u8"):
                return [f" return bytes({view})"]
            case Prim("bool"):
                return [f" return [x != 0 for x in {view}]"]
            case Prim("f32" | "f64" as name):
                return [f" return [x if x == x else NAN for x in {view}.cast('{PRIM_FORMATS[name]}')]"]
            case Prim("char"):
                return [f" return [lift_char(x) for x in {view}.cast('I')]"]
            case Prim(name) if name in _BLOCK_FORMATS:
                return [f" return {view}.cast('{_BLOCK_FORMATS[name]}').tolist()"]
            case _:
                pass
        frame = _Frame(self._code)
        value = self._stored(element, 0, frame)
        addresses = f"range(p, p + n * {size}, {size})"
        if not frame.slots:
            return [f" return [{value} for p in {addresses}]"]
        # A copy, because Python before 3.11.8 crashes when it collects an iterator over a memoryview that is
        # part of a cycle, as a traceback makes one (python/cpython#77894).
        unpack = self._code.struct_method(memory_struct(frame.slots, size), "iter_unpack")
        items, slots = f"{unpack}(bytes({view}))", f"({names(frame.names)})"
        if frame.uses_pointer:
            return [f" return [{value} for p, {slots} in zip({addresses}, {items})]"]
        return [f" return [{value} for {slots} in {items}]"]


def _slots(type_: ValType) -> int:
    """How many slots a value has, counted no further than it matters."""
    match type_:
        case RecordType() | TupleType():
            items = tuple(t for _, t in type_.fields) if isinstance(type_, RecordType) else type_.items
            count = 1  # so that deep nesting counts too
            for item in items:
                count += _slots(item)
                if count > MAX_INLINE_SLOTS:
                    break
            return count
        case _:
            return 1


def _composed(type_: RecordType | TupleType, values: list[str]) -> str:
    if isinstance(type_, TupleType):
        return f"({names(values)})" if values else "()"
    return (
        "{"
        + names([f"{name!r}: {value}" for (name, _), value in zip(type_.fields, values, strict=True)])
        + "}"
    )


def _case(type_: ValType, name: str, payload: ValType | None, value: str | None) -> str:
    """Expression for a case of a variant, whose payload is read by ``value``."""
    match type_:
        case EnumType():
            return repr(name)
        case OptionType(item):
            if value is None:
                return "None"
            return f"Some({value})" if isinstance(item, OptionType) else value
        case _:
            return f"({name!r}, {value})" if payload is not None else f"({name!r}, None)"


def _from_memory(name: str, slot: str) -> str:
    match name:
        case "bool":
            return f"{slot} != 0"
        case "char":
            return f"lift_char({slot})"
        case "f32" | "f64":
            return f"({slot} if {slot} == {slot} else NAN)"
        case _:
            return slot


def _from_cell(name: str, cell: str) -> str:
    match name:
        case "bool":
            return f"{cell} != 0"
        case "char":
            return f"lift_char({cell})"
        case "f32" | "f64":
            return f"canonical({cell})"
        case "u32" | "u64":
            return cell
        case "s64":
            return f"(({cell} ^ {1 << 63}) - {1 << 63})"
        case _:
            bits = int(name[1:])
            if name[0] == "u":
                return f"({cell} & {(1 << bits) - 1})"
            return f"((({cell} & {(1 << bits) - 1}) ^ {1 << (bits - 1)}) - {1 << (bits - 1)})"


def _narrowed(cell: str, have: str, want: str) -> str:
    """Expression for a core value of one type that stands in a wider one (CanonicalABI.md,
    ``lift_flat_variant``)."""
    match have, want:
        case "i64", "i32":
            return f"({cell} & 4294967295)"
        case (("i32" | "i64"), "f32"):
            return f"f32_of_bits({cell})"
        case "i64", "f64":
            return f"f64_of_bits({cell})"
        case _:
            return cell
