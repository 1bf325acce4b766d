"""Generating the code that writes WIT values: into linear memory, and into core values.

The mirror of ``abi_lift``: the slots of a value are computed by expressions, in order, and packed by one
``struct`` call; what is behind pointers and discriminants is written by functions that are made once per
type. The code trusts the values: ``abi_check`` has found before that they fit.
"""

from __future__ import annotations

from typing import assert_never

from .abi_code import Code, memory_struct, names
from .abi_layout import (
    PRIM_FORMATS,
    WORD_FORMATS,
    cases,
    discriminant_size,
    field_offsets,
    flags_size,
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


class _Frame:
    """The lines that compute the slots of a value, and the slots, (offset, format, name), in runs.

    One run is packed at once, with zeros between its slots; so a run ends where something between them is
    written by other code (the payload of a variant, the items of a fixed-size list).
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.slots: list[tuple[int, str, str]] = []
        self.runs = [self.slots]
        self.count = 0

    def end_run(self) -> None:
        self.slots = []
        self.runs.append(self.slots)

    def local(self) -> str:
        self.count += 1
        return f"s{self.count}"

    def set(self, targets: str, value: str) -> None:
        self.lines.append(f" {targets} = {value}")


class Lowerer:
    """Makes writing code for one string encoding."""

    def __init__(self, code: Code, encoding: StringEncoding) -> None:
        self._code = code
        self._encoding = encoding
        self._string = {
            "utf8": "lower_utf8",
            "utf16": "lower_utf16",
            "latin1+utf16": "lower_latin1_or_utf16",
        }[encoding]

    def storer(self, type_: ValType) -> str:
        """Name of ``(b, v, p)``, which writes ``v`` at ``p``, checked for the whole value."""

        def make() -> str:
            return self._code.define("b, v, p", self._store_lines(type_), "store")

        return self._code.once(f"store {self._encoding}", type_, make)

    def _store_lines(self, type_: ValType) -> list[str]:
        """Lines that write ``v`` at ``p``."""
        frame = _Frame()
        self._stored(type_, "v", 0, frame)
        lines = frame.lines
        for run in filter(None, frame.runs):
            begin = run[0][0]
            layout_ = memory_struct((offset - begin, code) for offset, code, _ in run)
            pack = self._code.struct_method(layout_, "pack_into")
            at = f"p + {begin}" if begin else "p"
            lines.append(f" {pack}(b.view, {at}, {names(name for _, _, name in run)})")
        return lines or [" pass"]

    def _stored(self, type_: ValType, value: str, offset: int, frame: _Frame) -> None:
        """Add the slots of the value of an expression, to stand at ``p + offset``."""
        address = f"p + {offset}" if offset else "p"
        match type_:
            case Prim("string") | ListType(length=None):
                pointer, length = frame.local(), frame.local()
                frame.set(f"{pointer}, {length}", self._block_of(type_, value))
                frame.slots += [(offset, "I", pointer), (offset + 4, "I", length)]
            case Prim(name):
                number = frame.local()
                frame.set(number, _number(name, value))
                frame.slots.append((offset, PRIM_FORMATS[name], number))
            case ListType(element, _):
                frame.lines.append(f" {self._fill(element)}(b, {value}, {address})")
                frame.end_run()
            case OwnType() | BorrowType():
                number = frame.local()
                frame.set(number, self._handle(type_, value))
                frame.slots.append((offset, "I", number))
            case FlagsType(flag_names):
                word = frame.local()
                frame.set(word, self._flags(type_, value))
                frame.slots.append((offset, WORD_FORMATS[flags_size(len(flag_names))], word))
            case RecordType() | TupleType():
                if isinstance(type_, RecordType):
                    parts = [(f"[{name!r}]", item) for name, item in type_.fields]
                else:
                    parts = [(f"[{index}]", item) for index, item in enumerate(type_.items)]
                if len(parts) > 1 and not value.isidentifier():
                    whole = frame.local()
                    frame.set(whole, value)
                    value = whole
                offsets = field_offsets(tuple(item for _, item in parts))
                for (key, item), at in zip(parts, offsets, strict=True):
                    self._stored(item, value + key, offset + at, frame)
            case VariantType() | EnumType() | OptionType() | ResultType():
                variants = cases(type_) or ()
                number = frame.local()
                if all(payload is None for _, payload in variants):
                    frame.set(number, self._number_of(type_, value))
                else:
                    at = offset + payload_offset(type_)
                    frame.set(number, f"{self._variant(type_)}(b, {value}, p + {at})")
                frame.slots.append((offset, WORD_FORMATS[discriminant_size(len(variants))], number))
                frame.end_run()
            case _:
                assert_never(type_)

    def flat(self, type_: ValType, value: str, lines: list[str], cells: list[str]) -> None:
        """Add the lines that compute the core values of the value of an expression, and their expressions."""

        def local() -> str:
            return f"s{len(lines)}"

        match type_:
            case Prim("string") | ListType(length=None):
                name = local()
                lines.append(f" {name}, {name}n = {self._block_of(type_, value)}")
                cells += [name, f"{name}n"]
            case Prim(kind):
                name = local()
                lines.append(f" {name} = {_cell(kind, value)}")
                cells.append(name)
            case ListType(element, count):
                for index in range(count or 0):
                    self.flat(element, f"{value}[{index}]", lines, cells)
            case OwnType() | BorrowType():
                name = local()
                lines.append(f" {name} = {self._handle(type_, value)}")
                cells.append(name)
            case FlagsType():
                name = local()
                lines.append(f" {name} = {self._flags(type_, value)}")
                cells.append(name)
            case RecordType(fields):
                for key, item in fields:
                    self.flat(item, f"{value}[{key!r}]", lines, cells)
            case TupleType(items):
                for index, item in enumerate(items):
                    self.flat(item, f"{value}[{index}]", lines, cells)
            case VariantType() | EnumType() | OptionType() | ResultType():
                name, joined = local(), (flatten(type_) or ())[1:]
                if not joined:
                    lines.append(f" {name} = {self._number_of(type_, value)}")
                    cells.append(name)
                else:
                    lines.append(f" {name} = {self._flat_variant(type_)}(b, {value})")
                    cells += [f"{name}[{index}]" for index in range(1 + len(joined))]
            case _:
                assert_never(type_)

    def _block_of(self, type_: ValType, value: str) -> str:
        """Expression for the (pointer, length) of a string or list that is written to memory."""
        if isinstance(type_, ListType):
            return f"{self._list(type_.element)}(b, {value})"
        return f"{self._string}(b, {value})"

    def _handle(self, type_: OwnType | BorrowType, value: str) -> str:
        resource = self._code.constant(type_.resource, "resource")
        way = "lower_own" if isinstance(type_, OwnType) else "lower_borrow"
        return f"{way}(b, {resource}, {value})"

    def _flags(self, type_: FlagsType, value: str) -> str:
        """Expression for the bits of a set of names."""

        def make() -> str:
            bits = self._code.constant({name: 1 << i for i, name in enumerate(type_.names)}, "bits")
            body = [" word = 0", f" for name in v: word |= {bits}[name]", " return word"]
            return self._code.define("v", body, "flags")

        return f"{self._code.once('lower flags', type_, make)}({value})"

    def _number_of(self, type_: ValType, value: str) -> str:
        """Expression for the discriminant of a variant without payloads."""
        numbers = {name: number for number, (name, _) in enumerate(cases(type_) or ())}
        known = self._code.once("numbers", type_, lambda: self._code.constant(numbers, "numbers"))
        return f"{known}[{value}]" if isinstance(type_, EnumType) else f"{known}[{value}[0]]"

    def _variant(self, type_: ValType) -> str:
        """Name of ``(b, v, pointer for the payload) -> discriminant``, which writes the payload."""

        def make() -> str:
            body: list[str] = []
            for number, (condition, payload, item) in enumerate(_branches(type_)):
                body.append(f" if {condition}:")
                if item is not None:
                    body.append(f"  v = {payload}")
                    body += [f" {line}" for line in self._store_lines(item)]
                body.append(f"  return {number}")
            return self._code.define("b, v, p", [*body, " raise ValueError(v)"], "variant")

        return self._code.once(f"store variant {self._encoding}", type_, make)

    def _flat_variant(self, type_: ValType) -> str:
        """Name of ``(b, v) -> (discriminant, joined core values...)``."""

        def make() -> str:
            joined = (flatten(type_) or ())[1:]
            body: list[str] = []
            for number, (condition, payload, item) in enumerate(_branches(type_)):
                body.append(f" if {condition}:")
                cells: list[str] = []
                if item is not None:
                    lines: list[str] = []
                    self.flat(item, "v", lines, cells)
                    body.append(f"  v = {payload}")
                    body += [f" {line}" for line in lines]
                    wanted = flatten(item) or ()
                    cells = [_widened(*cell) for cell in zip(cells, wanted, joined, strict=False)]
                cells += ["0" if core[0] == "i" else "0.0" for core in joined[len(cells) :]]
                body.append(f"  return {number}, {names(cells)}")
            return self._code.define("b, v", [*body, " raise ValueError(v)"], "flat_variant")

        return self._code.once(f"lower variant {self._encoding}", type_, make)

    def _list(self, element: ValType) -> str:
        """Name of ``(b, v) -> (pointer, length)``, which allocates and writes a list."""

        def make() -> str:
            return self._code.define("b, v", self._list_body(element), "list")

        return self._code.once(f"lower list {self._encoding}", element, make)

    def _list_body(self, element: ValType) -> list[str]:
        size, alignment = layout(element)
        data = _packed(element)
        if data is not None:
            return [
                f" data = {data}",
                f" p = b.alloc({alignment}, len(data))",
                " b.view[p:p + len(data)] = data",
                f" return p, len(data) // {size}",
            ]
        return [
            " n = len(v)",
            f" p = b.alloc({alignment}, n * {size})",
            f" {self._fill(element)}(b, v, p)",
            " return p, n",
        ]

    def _fill(self, element: ValType) -> str:
        """Name of ``(b, v, p)``, which writes the elements of ``v`` one after the other."""

        def make() -> str:
            data = _packed(element)
            if data is not None:
                body = [f" data = {data}", " b.view[p:p + len(data)] = data"]
            else:
                body = [
                    " for v in v:",
                    *[f" {line}" for line in self._store_lines(element)],
                    f"  p += {layout(element)[0]}",
                ]
            return self._code.define("b, v, p", body, "fill")

        return self._code.once(f"fill {self._encoding}", element, make)


def _packed(element: ValType) -> str | None:
    """Expression for a list ``v`` of primitives as bytes; None for other elements."""
    match element:
        case Prim("u8"):
            return "v if type(v) is bytes else bytes(v)"
        case Prim("bool"):
            return "bytes(v)"
        case Prim("char"):
            return "array('I', map(ord, v)).tobytes()"
        case Prim("f32" | "f64" as name):
            return f"array('{PRIM_FORMATS[name]}', [x if x == x else NAN for x in v]).tobytes()"
        case Prim(name) if name != "string":
            return f"array('{PRIM_FORMATS[name]}', v).tobytes()"
        case _:
            return None


def _branches(type_: ValType) -> list[tuple[str, str, ValType | None]]:
    """Per case: condition on ``v``, expression for its payload, type of its payload."""
    match type_:
        case OptionType(item):
            payload = "v.value" if isinstance(item, OptionType) else "v"
            return [("v is None", "None", None), ("v is not None", payload, item)]
        case EnumType(enum_names):
            return [(f"v == {name!r}", "None", None) for name in enum_names]
        case _:
            return [(f"v[0] == {name!r}", "v[1]", item) for name, item in cases(type_) or ()]


def _number(name: str, value: str) -> str:
    """Expression for a primitive as ``struct`` packs it."""
    match name:
        case "char":
            return f"ord({value})"
        case "f32" | "f64":
            return f"canonical({value})"
        case _:
            return value


def _cell(name: str, value: str) -> str:
    """Expression for a primitive as a core value, integers unsigned."""
    match name:
        case "char":
            return f"ord({value})"
        case "f32" | "f64":
            return f"canonical({value})"
        case "s8" | "s16" | "s32":
            return f"{value} & 4294967295"
        case "s64":
            return f"{value} & 18446744073709551615"
        case _:
            return value


def _widened(cell: str, have: str, want: str) -> str:
    """Expression for a core value in the wider type of a variant (CanonicalABI.md,
    ``lower_flat_variant``)."""
    match have, want:
        case "f32", ("i32" | "i64"):
            return f"bits_of_f32({cell})"
        case "f64", "i64":
            return f"bits_of_f64({cell})"
        case _:
            return cell
