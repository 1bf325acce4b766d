"""Reads a ``wit-type`` of Golem's contract: nodes that refer to one another by index, the first is the root.

A node's ``owner`` is a hint by which ``shem_sdk`` says what WIT cannot (``shem/dict``, ``shem/default:0``
...); the owners that Golem's own SDKs write are names of interfaces and mean nothing here.

What is read here is broken or not for good: every fault of a description is a ``BadComponent`` at deploy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from shem.agent import json_text
from shem.agent.types import (
    Bool,
    Bytes,
    Char,
    Defaulted,
    Dict,
    Enum,
    Flags,
    Float,
    Int,
    List,
    Literal,
    Nothing,
    Option,
    Record,
    Result,
    Schema,
    Set,
    String,
    Tuple,
    Union,
    Variant,
    takes_null,
)
from shem.errors import BadComponent

DEPTH_MAX: Final = 64
"""How deep types may nest. Values are written and read by nested calls; this keeps them far from Python's
limit of 1,000 frames, and no program that people wrote comes near it."""

PARTS_MAX: Final = 10_000
"""How many types a type may consist of, with a shared one counted wherever it is used. A short description
could else stand for a type so large that matching a value with it never ends."""

TEXT_MAX_CHARACTERS: Final = 200
"""How long the text of a type may get before it is cut: what fits a line or two of a terminal."""

_INTEGERS: Final = {
    f"prim-{sign}{bits}-type": Int(
        "int" if (sign, bits) == ("s", 64) else f"{sign}{bits}",
        f"{sign}{bits}",
        -(1 << bits - 1) if sign == "s" else 0,
        (1 << bits - (sign == "s")) - 1,
    )
    for sign in "su"
    for bits in (8, 16, 32, 64)
}
_PRIMITIVES: Final[dict[str, Schema]] = {
    **_INTEGERS,
    "prim-f32-type": Float("f32", 32),
    "prim-f64-type": Float("float", 64),
    "prim-char-type": Char("char"),
    "prim-bool-type": Bool("bool"),
    "prim-string-type": String("str", ""),
}
_FORMATS: Final = {
    "shem/datetime": String("datetime", "datetime"),
    "shem/uuid": String("UUID", "uuid"),
    "shem/decimal": String("Decimal", "decimal"),
}


def read_wit_type(value: dict[str, Any], where: str) -> Schema:
    """A ``wit-type``: a list of nodes, of which the first is the root.

    Raises:
        BadComponent: a node refers to one that does not exist or to itself, nests too deep, repeats a name,
            has a hint that does not fit, or is a resource.
    """
    return _Reader(value["nodes"], where).read(0)


class _Reader:
    """Reads the nodes of one ``wit-type``; a node that several refer to becomes one shared type."""

    def __init__(self, nodes: Sequence[dict[str, Any]], where: str) -> None:
        self._nodes, self._where = nodes, where
        self._done: dict[int, Schema] = {}
        self._depth_of: dict[int, int] = {}
        self._parts_of: dict[int, int] = {}
        self._open: list[int] = []

    def read(self, index: int) -> Schema:
        if not 0 <= index < len(self._nodes):
            raise self._broken(f"refers to node {index}, there are {len(self._nodes)}")
        if index in self._open:
            raise self._broken(f"refers to node {index}, which contains it: types cannot be recursive")
        if index not in self._done:
            if len(self._open) == DEPTH_MAX:
                raise self._too_deep()
            self._open.append(index)
            self._depth_of[index] = self._parts_of[index] = 1
            self._done[index] = self._read(self._nodes[index])
            self._open.pop()
        if self._open:
            # A type that is shared was read at another depth: what counts is how deep it is itself.
            parent, depth = self._open[-1], self._depth_of[index] + 1
            self._depth_of[parent] = max(self._depth_of[parent], depth)
            self._parts_of[parent] += self._parts_of[index]
            if depth > DEPTH_MAX:
                raise self._too_deep()
            if self._parts_of[parent] > PARTS_MAX:
                raise self._broken(f"consists of more than {PARTS_MAX} types")
        return self._done[index]

    def _read(self, node: dict[str, Any]) -> Schema:
        kind, payload = node["type"]
        owner = node["owner"] or ""
        if kind in _PRIMITIVES:
            if kind == "prim-string-type":
                return _FORMATS.get(owner, _PRIMITIVES[kind])
            return _PRIMITIVES[kind]
        read = self._READERS.get(kind)
        if read is None:
            raise self._broken("is a resource: only values can be given to an agent")
        return read(self, payload, node["name"] or "", owner)

    def _record(self, fields: Sequence[Any], name: str, owner: str) -> Schema:
        self._check_names("field", [field for field, _ in fields])
        read = tuple((field, self.read(index)) for field, index in fields)
        shown = ", ".join(f"{field}: {schema.text}" for field, schema in read)
        return Record(name or _cut(f"{{{shown}}}"), read)

    def _variant(self, cases: Sequence[Any], name: str, owner: str) -> Schema:
        self._check_names("case", [case for case, _ in cases], at_least=1)
        read = tuple((case, None if index is None else self.read(index)) for case, index in cases)
        if owner == "shem/union":
            members = tuple(schema or Nothing("None") for _, schema in read)
            return Union(name or _cut(" | ".join(schema.text for schema in members)), members)
        shown = " | ".join(case if schema is None else f"{case}({schema.text})" for case, schema in read)
        return Variant(name or _cut(shown), read)

    def _enum(self, names: Sequence[str], name: str, owner: str) -> Schema:
        self._check_names("case", names, at_least=1)
        if owner == "shem/literal":
            try:
                values = tuple(map(json_text.read, names))
            except json_text.NotJson as error:
                raise self._broken(f"is a literal with a case that is no JSON ({error})") from None
            if any(isinstance(value, list | dict) for value in values):
                raise self._broken("is a literal with a case that is no single value")
            return Literal(name or _cut(f"Literal[{', '.join(names)}]"), values)
        return Enum(
            name or _cut(" | ".join(json.dumps(case, ensure_ascii=False) for case in names)), tuple(names)
        )

    def _flags(self, names: Sequence[str], name: str, owner: str) -> Schema:
        self._check_names("flag", names)
        return Flags(name or _cut(f"flags[{', '.join(names)}]"), tuple(names))

    def _tuple(self, items: Sequence[int], name: str, owner: str) -> Schema:
        if owner == "shem/none" and not items:
            return Nothing("None")
        read = tuple(map(self.read, items))
        return Tuple(name or _cut(f"tuple[{', '.join(item.text for item in read)}]"), read)

    def _list(self, index: int, name: str, owner: str) -> Schema:
        item = self.read(index)
        if owner == "shem/dict":
            if not isinstance(item, Tuple) or len(item.items) != 2:
                raise self._broken("is a dict, but not a list of pairs")
            key, value = item.items
            return Dict(name or _cut(f"dict[{key.text}, {value.text}]"), key, value)
        if owner == "shem/set":
            return Set(name or _cut(f"set[{item.text}]"), item)
        if isinstance(item, Int) and item.wit == "u8":
            return Bytes(name or "bytes")
        return List(name or _cut(f"list[{item.text}]"), item)

    def _option(self, index: int, name: str, owner: str) -> Schema:
        item = self.read(index)
        optional = item.text if takes_null(item) else _cut(f"{item.text} | None")
        if owner == "shem/default":
            return Defaulted(item.text, item, known=False, default=None)
        if owner.startswith("shem/default:"):
            try:
                default = json_text.read(owner.removeprefix("shem/default:"))
            except json_text.NotJson as error:
                raise self._broken(f"has a default that is no JSON ({error})") from None
            return Defaulted(optional if default is None else item.text, item, known=True, default=default)
        return Option(name or optional, item)

    def _result(self, sides: Sequence[int | None], name: str, owner: str) -> Schema:
        ok, err = (None if index is None else self.read(index) for index in sides)
        shown = ", ".join("None" if side is None else side.text for side in (ok, err))
        return Result(name or _cut(f"result[{shown}]"), ok, err)

    _READERS: Final[dict[str, Callable[[_Reader, Any, str, str], Schema]]] = {
        "record-type": _record,
        "variant-type": _variant,
        "enum-type": _enum,
        "flags-type": _flags,
        "tuple-type": _tuple,
        "list-type": _list,
        "option-type": _option,
        "result-type": _result,
    }

    def _check_names(self, what: str, names: Sequence[str], *, at_least: int = 0) -> None:
        if len(names) < at_least:
            raise self._broken(f"has no {what}")
        for position, name in enumerate(names):
            if name in names[:position]:
                raise self._broken(f"has two {what}s {json.dumps(name)}")

    def _too_deep(self) -> BadComponent:
        return self._broken(f"nests deeper than {DEPTH_MAX} levels")

    def _broken(self, reason: str) -> BadComponent:
        node = f"type node {self._open[-1]}" if self._open else "the type"
        return BadComponent(f"{self._where}: {node} {reason}", where=self._where)


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_MAX_CHARACTERS else text[: TEXT_MAX_CHARACTERS - 1] + "…"
