"""JSON values to ``wit-value`` nodes, by functions that are put together once per type.

A writer appends nodes to a list and returns the index of its own. A container takes its index before its
items, so the root is node 0. A value that does not fit raises ``Mismatch`` and leaves the list in any state.

With ``identity`` the values are part of an agent id: what is equal is written in one way only. Missing
values are filled with their defaults, objects and sets are put in order, -0.0 becomes 0.0. What a writer
made, read back as JSON and written again, gives the same nodes.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, assert_never

from shem.agent.formats import FORMATS
from shem.agent.mismatch import Mismatch, shown
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

Node: TypeAlias = tuple[str, Any]
Write: TypeAlias = Callable[[Any, list[Node]], int]
WriteAbsent: TypeAlias = Callable[[list[Node]], int]

IDENTITY_NODES_MAX: Final = 1_000
"""How many nodes the defaults of an agent id may fill in. Its text has 512 bytes, so there cannot be as
many; defaults inside defaults could else double with every level."""

_RESERVED: Final[Node] = ("reserved", None)
_NONE: Final[Node] = ("option-value", None)
_SPECIAL_FLOATS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_FLOAT32: Final = struct.Struct("<f")


class Writers:
    """Makes the writers of types; a type that is used in several places is compiled once."""

    def __init__(self, *, identity: bool) -> None:
        self._identity = identity
        self._done: dict[Schema, Write] = {}

    def of(self, schema: Schema) -> Write:
        """The writer of a type.

        Raises:
            Mismatch: a default inside the type does not fit.
        """
        if schema not in self._done:
            self._done[schema] = self._make(schema)
        return self._done[schema]

    def absent(self, schema: Schema) -> WriteAbsent | None:
        """Writes what stands for a value that was left out; None where it has to be given.

        Raises:
            Mismatch: as for ``of``.
        """
        if not isinstance(schema, Defaulted) or (self._identity and not schema.known):
            return None
        if not self._identity:
            return _write_none
        write, default = self.of(schema), schema.default

        def write_default(nodes: list[Node]) -> int:
            if len(nodes) > IDENTITY_NODES_MAX:
                raise Mismatch(f"a default of at most {IDENTITY_NODES_MAX} parts", "more")
            return write(default, nodes)

        return write_default

    def _make(self, schema: Schema) -> Write:
        match schema:
            case Bool():
                return _exact("prim-bool", bool, schema.text)
            case Int():
                return _int(schema)
            case Float():
                return _float(schema, self._identity)
            case Char():
                return _char
            case String():
                return _string(schema)
            case Nothing():
                return _nothing
            case Bytes():
                return _bytes
            case List():
                return _list(self.of(schema.item), schema.text)
            case Set():
                return _set(self.of(schema.item), schema.text, self._identity)
            case Dict():
                return self._dict(schema)
            case Tuple():
                return _tuple([self.of(item) for item in schema.items], schema.text)
            case Record():
                return self._record(schema)
            case Variant():
                cases = [(name, None if case is None else self.of(case)) for name, case in schema.cases]
                return _variant(cases, schema.text)
            case Union():
                return _union([self.of(case) for case in schema.cases], schema.text)
            case Enum():
                return _enum(schema)
            case Literal():
                return _literal(schema)
            case Flags():
                return _flags(schema)
            case Option():
                return _option(self.of(schema.item))
            case Defaulted():
                return self._defaulted(schema)
            case Result():
                sides = [("ok", schema.ok), ("err", schema.err)]
                return _result([(n, None if s is None else self.of(s)) for n, s in sides], schema.text)
            case _:
                assert_never(schema)

    def _defaulted(self, schema: Defaulted) -> Write:
        item = self.of(schema.item)
        # `x: int | None = None` comes as one option, in which null and nothing are the same.
        is_plain = schema.known and schema.default is None and not takes_null(schema.item)
        write = _option(item) if is_plain else _some(item)
        if schema.known:
            write(schema.default, [])
        return write

    def _record(self, schema: Record) -> Write:
        fields = [(name, self.of(field), self.absent(field), field.text) for name, field in schema.fields]
        expected = f"{schema.text} with no other fields than {', '.join(name for name, _ in schema.fields)}"

        def write(value: Any, nodes: list[Node]) -> int:
            if type(value) is not dict:
                raise Mismatch(schema.text, shown(value))
            index = len(nodes)
            nodes.append(_RESERVED)
            indices = []
            present = 0
            for name, write_field, write_absent, text in fields:
                if name in value:
                    present += 1
                    try:
                        indices.append(write_field(value[name], nodes))
                    except Mismatch as mismatch:
                        raise mismatch.inside(name) from None
                elif write_absent is not None:
                    indices.append(write_absent(nodes))
                else:
                    raise Mismatch(text, "nothing").inside(name)
            if present < len(value):
                known = {name for name, _ in schema.fields}
                raise Mismatch(expected, shown(next(name for name in value if name not in known)))
            nodes[index] = ("record-value", indices)
            return index

        return write

    def _dict(self, schema: Dict) -> Write:
        key, value = self.of(schema.key), self.of(schema.value)
        if isinstance(schema.key, String) and not schema.key.format:
            return _object(key, value, schema.text, self._identity)
        return _pairs(key, value, schema.text, self._identity)


def _write_none(nodes: list[Node]) -> int:
    nodes.append(_NONE)
    return len(nodes) - 1


def _exact(case: str, python: type, expected: str) -> Write:
    def write(value: Any, nodes: list[Node]) -> int:
        if type(value) is not python:
            raise Mismatch(expected, shown(value))
        nodes.append((case, value))
        return len(nodes) - 1

    return write


def _int(schema: Int) -> Write:
    case, low, high, text = f"prim-{schema.wit}", schema.low, schema.high, schema.text

    def write(value: Any, nodes: list[Node]) -> int:
        if type(value) is not int:
            raise Mismatch(text, shown(value))
        if not low <= value <= high:
            raise Mismatch(f"{text} ({low} to {high})", shown(value))
        nodes.append((case, value))
        return len(nodes) - 1

    return write


def _float(schema: Float, identity: bool) -> Write:
    case, text, is_short = f"prim-float{schema.bits}", schema.text, schema.bits == 32

    def write(value: Any, nodes: list[Node]) -> int:
        if type(value) is str and value in _SPECIAL_FLOATS:
            number = _SPECIAL_FLOATS[value]
        elif type(value) is float or type(value) is int:
            try:
                number = _FLOAT32.unpack(_FLOAT32.pack(value))[0] if is_short else float(value)
            except OverflowError:
                number = math.inf
            if math.isinf(number):
                raise Mismatch(f"{text} within its range", shown(value))
        else:
            raise Mismatch(text, shown(value))
        nodes.append((case, number + 0.0 if identity else number))
        return len(nodes) - 1

    return write


def _check_text(value: str) -> None:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Mismatch("text without halves of surrogate pairs", shown(value)) from None


def _char(value: Any, nodes: list[Node]) -> int:
    if type(value) is not str or len(value) != 1:
        raise Mismatch("one character", shown(value))
    _check_text(value)
    nodes.append(("prim-char", value))
    return len(nodes) - 1


def _string(schema: String) -> Write:
    if not schema.format:

        def write_plain(value: Any, nodes: list[Node]) -> int:
            if type(value) is not str:
                raise Mismatch("str", shown(value))
            _check_text(value)
            nodes.append(("prim-string", value))
            return len(nodes) - 1

        return write_plain

    normal, expected = FORMATS[schema.format]

    def write(value: Any, nodes: list[Node]) -> int:
        try:
            nodes.append(("prim-string", normal(value)))
        except ValueError:
            raise Mismatch(expected, shown(value)) from None
        return len(nodes) - 1

    return write


def _nothing(value: Any, nodes: list[Node]) -> int:
    if value is not None:
        raise Mismatch("null", shown(value))
    nodes.append(("tuple-value", []))
    return len(nodes) - 1


def to_bytes(value: Any) -> bytes:
    """The bytes that a JSON value stands for: base64, or an array of integers."""
    if type(value) is str:
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise Mismatch("bytes as base64", shown(value)) from None
    if type(value) is not list:
        raise Mismatch("bytes as base64 or as an array of integers", shown(value))
    for position, byte in enumerate(value):
        if type(byte) is not int or not 0 <= byte <= 255:
            raise Mismatch("a byte (0 to 255)", shown(byte)).inside(position)
    return bytes(value)


def _bytes(value: Any, nodes: list[Node]) -> int:
    # One node for each of at most 256 different bytes: a node for every byte would cost 80 bytes each.
    data = to_bytes(value)
    index = len(nodes)
    nodes.append(_RESERVED)
    where = {byte: position for position, byte in enumerate(sorted(set(data)), index + 1)}
    nodes.extend(("prim-u8", byte) for byte in where)
    nodes[index] = ("list-value", list(map(where.__getitem__, data)))
    return index


def _write_items(write: Write, values: Sequence[Any], nodes: list[Node]) -> int:
    index = len(nodes)
    nodes.append(_RESERVED)
    indices: list[int] = []
    try:
        for value in values:
            indices.append(write(value, nodes))  # noqa: PERF401  # the position of a mismatch is read from it
    except Mismatch as mismatch:
        raise mismatch.inside(len(indices)) from None
    nodes[index] = ("list-value", indices)
    return index


def _list(item: Write, expected: str) -> Write:
    def write(value: Any, nodes: list[Node]) -> int:
        if type(value) is not list:
            raise Mismatch(expected, shown(value))
        return _write_items(item, value, nodes)

    return write


def _form(write: Write, value: Any) -> str:
    """A text that two values share exactly when their nodes are equal; its order is the same in every
    process.
    """
    nodes: list[Node] = []
    write(value, nodes)
    return repr(nodes)


def _set(item: Write, expected: str, identity: bool) -> Write:
    def write(value: Any, nodes: list[Node]) -> int:
        if type(value) is not list:
            raise Mismatch(expected, shown(value))
        members: dict[str, Any] = {}
        for position, element in enumerate(value):
            try:
                members.setdefault(_form(item, element), element)
            except Mismatch as mismatch:
                raise mismatch.inside(position) from None
        forms = sorted(members) if identity else members
        return _write_items(item, [members[form] for form in forms], nodes)

    return write


def _object(key: Write, value: Write, expected: str, identity: bool) -> Write:
    def write(mapping: Any, nodes: list[Node]) -> int:
        if type(mapping) is not dict:
            raise Mismatch(expected, shown(mapping))
        index = len(nodes)
        nodes.append(_RESERVED)
        pairs = []
        for name in sorted(mapping) if identity else mapping:
            pair = len(nodes)
            nodes.append(_RESERVED)
            try:
                nodes[pair] = ("tuple-value", [key(name, nodes), value(mapping[name], nodes)])
            except Mismatch as mismatch:
                raise mismatch.inside(name) from None
            pairs.append(pair)
        nodes[index] = ("list-value", pairs)
        return index

    return write


def _pairs(key: Write, value: Write, expected: str, identity: bool) -> Write:
    pair_of = _tuple([key, value], "a pair of key and value")

    def write(pairs: Any, nodes: list[Node]) -> int:
        if type(pairs) is not list:
            raise Mismatch(f"{expected} as an array of pairs", shown(pairs))
        members: dict[str, Any] = {}
        for position, pair in enumerate(pairs):
            try:
                pair_of(pair, [])
                form = _form(key, pair[0])
                if form in members:
                    raise Mismatch("a key that is not there yet", shown(pair[0])).inside(0)
            except Mismatch as mismatch:
                raise mismatch.inside(position) from None
            members[form] = pair
        forms = sorted(members) if identity else members
        return _write_items(pair_of, [members[form] for form in forms], nodes)

    return write


def _tuple(items: list[Write], expected: str) -> Write:
    def write(value: Any, nodes: list[Node]) -> int:
        if type(value) is not list or len(value) != len(items):
            raise Mismatch(expected, shown(value))
        index = len(nodes)
        nodes.append(_RESERVED)
        indices: list[int] = []
        try:
            for write_item, element in zip(items, value, strict=True):
                indices.append(write_item(element, nodes))
        except Mismatch as mismatch:
            raise mismatch.inside(len(indices)) from None
        nodes[index] = ("tuple-value", indices)
        return index

    return write


def _payload(name: str, write: Write | None, value: Any, nodes: list[Node]) -> int | None:
    """What a case carries; None where it carries nothing."""
    try:
        if write is not None:
            return write(value, nodes)
        if value is not None:
            raise Mismatch("null", shown(value))
    except Mismatch as mismatch:
        raise mismatch.inside(name) from None
    return None


def _variant(cases: list[tuple[str, Write | None]], expected: str) -> Write:
    numbers = {name: (number, write) for number, (name, write) in enumerate(cases)}

    def write(value: Any, nodes: list[Node]) -> int:
        index = len(nodes)
        nodes.append(_RESERVED)
        payload: int | None = None
        if type(value) is str and value in numbers and numbers[value][1] is None:
            number = numbers[value][0]
        elif type(value) is dict and len(value) == 1 and (name := next(iter(value))) in numbers:
            number, write_case = numbers[name]
            payload = _payload(name, write_case, value[name], nodes)
        else:
            raise Mismatch(expected, shown(value))
        nodes[index] = ("variant-value", (number, payload))
        return index

    return write


def _union(cases: list[Write], expected: str) -> Write:
    def write(value: Any, nodes: list[Node]) -> int:
        index = len(nodes)
        for number, write_case in enumerate(cases):
            nodes.append(_RESERVED)
            try:
                nodes[index] = ("variant-value", (number, write_case(value, nodes)))
            except Mismatch:
                del nodes[index:]
            else:
                return index
        raise Mismatch(expected, shown(value))

    return write


def _enum(schema: Enum) -> Write:
    numbers = {name: number for number, name in enumerate(schema.names)}

    def write(value: Any, nodes: list[Node]) -> int:
        if type(value) is not str or value not in numbers:
            raise Mismatch(f"one of {', '.join(map(shown, schema.names))}", shown(value))
        nodes.append(("enum-value", numbers[value]))
        return len(nodes) - 1

    return write


def _literal(schema: Literal) -> Write:
    # With the type: True equals 1 as a key, but Literal[1] is not Literal[True].
    numbers = {(type(value), value): number for number, value in enumerate(schema.values)}
    types = frozenset(map(type, schema.values))

    def write(value: Any, nodes: list[Node]) -> int:
        number = numbers.get((type(value), value)) if type(value) in types else None
        if number is None:
            raise Mismatch(f"one of {', '.join(map(shown, schema.values))}", shown(value))
        nodes.append(("enum-value", number))
        return len(nodes) - 1

    return write


def _flags(schema: Flags) -> Write:
    names = frozenset(schema.names)

    def write(value: Any, nodes: list[Node]) -> int:
        if type(value) is not list:
            raise Mismatch(f"an array of {', '.join(map(shown, schema.names))}", shown(value))
        for position, name in enumerate(value):
            if type(name) is not str or name not in names:
                raise Mismatch(f"one of {', '.join(map(shown, schema.names))}", shown(name)).inside(position)
        nodes.append(("flags-value", [name in value for name in schema.names]))
        return len(nodes) - 1

    return write


def _some(item: Write) -> Write:
    def write(value: Any, nodes: list[Node]) -> int:
        index = len(nodes)
        nodes.append(_RESERVED)
        nodes[index] = ("option-value", item(value, nodes))
        return index

    return write


def _option(item: Write) -> Write:
    some = _some(item)

    def write(value: Any, nodes: list[Node]) -> int:
        return _write_none(nodes) if value is None else some(value, nodes)

    return write


def _result(sides: list[tuple[str, Write | None]], expected: str) -> Write:
    writers = dict(sides)

    def write(value: Any, nodes: list[Node]) -> int:
        if type(value) is not dict or len(value) != 1 or (side := next(iter(value))) not in writers:
            raise Mismatch(f'{expected} as {{"ok": ...}} or {{"err": ...}}', shown(value))
        index = len(nodes)
        nodes.append(_RESERVED)
        nodes[index] = ("result-value", (side, _payload(side, writers[side], value[side], nodes)))
        return index

    return write
