"""What a component imports and exports, as WIT text for people to read.

Names are not part of a resolved type: a type has the names that interfaces export it under. The interface
that names it first defines it, later ones ``use`` it from there. Which one defined it where the component
was made is not in the binary, so the text may attribute a type to another interface than its author did; it
means the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from .plan import LinkPlan, TypeNames
from .types import (
    BorrowType,
    EnumType,
    FlagsType,
    FuncType,
    ListType,
    OptionType,
    OwnType,
    Prim,
    RecordType,
    ResourceType,
    ResultType,
    TupleType,
    ValType,
    VariantType,
)

_WORDS = """
as async bool borrow char constructor enum error-context export f32 f64 flags from func future import include
interface list map option own package record resource result s16 s32 s64 s8 static stream string tuple type
u16 u32 u64 u8 use variant with world
"""
_KEYWORDS = frozenset(_WORDS.split())


def wit(plan: LinkPlan) -> str:
    """The world of a component and every interface in it, as WIT."""
    book = _Book()
    world: list[str] = []
    for verb, interfaces in (("import", plan.imports), ("export", plan.exports)):
        for name, interface in interfaces.items():
            functions = {
                key: value if isinstance(value, FuncType) else value.type
                for key, value in interface.functions.items()
            }
            lines = book.interface(name, interface.types, functions, verb if name == "" else None)
            if name == "":
                world += lines
            elif ":" in name:
                world.append(f"{verb} {name};")
                book.define(name, lines)
            else:
                world += [f"{verb} {_id(name)}: interface {{", *_indented(lines), "}"]
    text = ["package root:component;", "", "world root {", *_indented(world), "}"]
    for package, members in book.packages.items():
        text += ["", f"package {package} {{"]
        for number, (name, lines) in enumerate(members.items()):
            text += [""] * (number > 0)
            text += _indented([f"interface {_id(name)} {{", *_indented(lines), "}"])
        text.append("}")
    return "\n".join(text) + "\n"


def _id(name: str) -> str:
    return f"%{name}" if name in _KEYWORDS else name


def _split(name: str) -> tuple[str, str]:
    """(package with version, interface) of an interface's full name."""
    path, _, version = name.partition("@")
    package, _, interface = path.rpartition("/")
    return (f"{package}@{version}" if version else package), interface


def _path(interface: str, seen_from: str) -> str:
    """How an interface is referred to from another one: by its short name within the package."""
    package, short = _split(interface)
    return _id(short) if package and package == _split(seen_from)[0] else interface


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" if line else "" for line in lines]


@dataclass(slots=True)
class _Book:
    """All interfaces: what they define, and which of them named a type first."""

    packages: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    owners: dict[int, tuple[str, str]] = field(default_factory=dict)  # by id() of types

    def define(self, name: str, lines: list[str]) -> None:
        package, interface = _split(name)
        self.packages.setdefault(package, {}).setdefault(interface, lines)

    def interface(
        self, name: str, types: TypeNames, functions: Mapping[str, FuncType], verb: str | None
    ) -> list[str]:
        """Lines of the interface's body; of the world's, where ``verb`` tells what the world does with it."""
        page = _Page(types)
        lines: list[str] = []
        uses: dict[str, list[str]] = {}
        rest = dict(functions)
        for type_name, type_ in types.items():
            owner = (name, type_name)
            if not isinstance(type_, Prim):
                owner = self.owners.get(id(type_), owner)
                if ":" in name:
                    self.owners[id(type_)] = owner
            if owner[0] != name:
                alias = "" if owner[1] == type_name else f" as {_id(type_name)}"
                uses.setdefault(owner[0], []).append(_id(owner[1]) + alias)
            elif owner[1] != type_name:
                lines.append(f"type {_id(type_name)} = {_id(owner[1])};")
            elif isinstance(type_, ResourceType):
                lines += page.resource(type_name, rest)
            else:
                lines += page.definition(type_name, type_)
        prefix = f"{verb} " if verb else ""
        lines += [f"{prefix}{_id(function)}: {page.function(type_)};" for function, type_ in rest.items()]
        return [f"use {_path(owner, name)}.{{{', '.join(names)}}};" for owner, names in uses.items()] + lines


_NOMINAL = (RecordType, VariantType, EnumType, FlagsType)
"""Types that WIT can only refer to by name."""


class _Page:
    """One interface while it is written.

    A function that a nested component exports may have been made with other copies of the types than the
    ones that the interface names: types that need a name are found by structure where not by identity.
    """

    def __init__(self, types: TypeNames) -> None:
        self._names: dict[int, str] = {}
        self._alike: dict[ValType, str] = {}
        for name, type_ in types.items():
            if not isinstance(type_, Prim):
                self._names.setdefault(id(type_), name)
            if isinstance(type_, _NOMINAL):
                self._alike.setdefault(type_, name)

    def resource(self, name: str, functions: dict[str, FuncType]) -> list[str]:
        """A resource with its functions, which are taken out of ``functions``."""
        members: list[str] = []
        for key in list(functions):
            kind, _, member = key.partition("]")
            owner, _, short = member.partition(".")
            if owner != name or kind not in ("[constructor", "[method", "[static"):
                continue
            type_ = functions.pop(key)
            match kind:
                case "[constructor":
                    plain = isinstance(type_.result, OwnType)
                    result = "" if plain or type_.result is None else f" -> {self.type(type_.result)}"
                    members.append(f"constructor({self.params(type_.params)}){result};")
                case "[method":
                    visible = FuncType(type_.params[1:], type_.result)
                    members.append(f"{_id(short)}: {self.function(visible)};")
                case _:
                    members.append(f"{_id(short)}: static {self.function(type_)};")
        if not members:
            return [f"resource {_id(name)};"]
        return [f"resource {_id(name)} {{", *_indented(members), "}"]

    def definition(self, name: str, type_: ValType) -> list[str]:
        match type_:
            case RecordType() | VariantType() | EnumType() | FlagsType():
                word, members = self.members(type_)
                return [f"{word} {_id(name)} {{", *_indented(f"{member}," for member in members), "}"]
            case _:
                return [f"type {_id(name)} = {self.spelled(type_)};"]

    def members(self, type_: RecordType | VariantType | EnumType | FlagsType) -> tuple[str, list[str]]:
        match type_:
            case RecordType(fields):
                return "record", [f"{_id(name)}: {self.type(member)}" for name, member in fields]
            case VariantType(cases):
                return "variant", [
                    _id(name) + (f"({self.type(payload)})" if payload else "") for name, payload in cases
                ]
            case EnumType(names):
                return "enum", [_id(name) for name in names]
            case FlagsType(names):
                return "flags", [_id(name) for name in names]

    def function(self, type_: FuncType) -> str:
        result = "" if type_.result is None else f" -> {self.type(type_.result)}"
        return f"func({self.params(type_.params)}){result}"

    def params(self, params: tuple[tuple[str, ValType], ...]) -> str:
        return ", ".join(f"{_id(name)}: {self.type(type_)}" for name, type_ in params)

    def type(self, type_: ValType) -> str:
        """The name that the type has here, or else the type spelled out."""
        name = self._names.get(id(type_))
        if name is None and isinstance(type_, _NOMINAL):
            name = self._alike.get(type_)
        return self.spelled(type_) if name is None else _id(name)

    def spelled(self, type_: ValType) -> str:
        match type_:
            case Prim(name):
                return name
            case ListType(element, None):
                return f"list<{self.type(element)}>"
            case ListType(element, length):
                return f"list<{self.type(element)}, {length}>"
            case TupleType(items):
                return f"tuple<{', '.join(self.type(item) for item in items)}>"
            case OptionType(item):
                return f"option<{self.type(item)}>"
            case ResultType(None, None):
                return "result"
            case ResultType(ok, None):
                return f"result<{self.payload(ok)}>"
            case ResultType(ok, err):
                return f"result<{self.payload(ok)}, {self.payload(err)}>"
            case OwnType(resource):
                return self.resource_name(resource)
            case BorrowType(resource):
                return f"borrow<{self.resource_name(resource)}>"
            case RecordType() | VariantType() | EnumType() | FlagsType():
                word, members = self.members(type_)
                return f"{word} {{ {', '.join(members)} }}"
        assert_never(type_)

    def payload(self, type_: ValType | None) -> str:
        return "_" if type_ is None else self.type(type_)

    def resource_name(self, resource: ResourceType) -> str:
        return _id(self._names.get(id(resource), resource.name))
