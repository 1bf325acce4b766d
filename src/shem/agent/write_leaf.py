"""Writers of values that have no others inside: numbers, text, bytes, names (see ``json_to_wit``)."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from typing import Any, Final

from shem.agent.formats import FORMATS
from shem.agent.mismatch import Mismatch, shown
from shem.agent.node import RESERVED, Node, Write
from shem.agent.types import Enum, Flags, Float, Int, Literal, String

_SPECIAL_FLOATS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_FLOAT32: Final = struct.Struct("<f")


def exact_writer(case: str, python: type, expected: str) -> Write:
    def write(value: Any, nodes: list[Node]) -> int:
        if type(value) is not python:
            raise Mismatch(expected, shown(value))
        nodes.append((case, value))
        return len(nodes) - 1

    return write


def int_writer(schema: Int) -> Write:
    case, low, high, text = f"prim-{schema.wit}", schema.low, schema.high, schema.text

    def write(value: Any, nodes: list[Node]) -> int:
        if type(value) is not int:
            raise Mismatch(text, shown(value))
        if not low <= value <= high:
            raise Mismatch(f"{text} ({low} to {high})", shown(value))
        nodes.append((case, value))
        return len(nodes) - 1

    return write


def float_writer(schema: Float, identity: bool) -> Write:
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


def write_char(value: Any, nodes: list[Node]) -> int:
    if type(value) is not str or len(value) != 1:
        raise Mismatch("one character", shown(value))
    _check_text(value)
    nodes.append(("prim-char", value))
    return len(nodes) - 1


def string_writer(schema: String) -> Write:
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


def write_nothing(value: Any, nodes: list[Node]) -> int:
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


def write_bytes(value: Any, nodes: list[Node]) -> int:
    # One node for each of at most 256 different bytes: a node for every byte would cost 80 bytes each.
    data = to_bytes(value)
    index = len(nodes)
    nodes.append(RESERVED)
    where = {byte: position for position, byte in enumerate(sorted(set(data)), index + 1)}
    nodes.extend(("prim-u8", byte) for byte in where)
    nodes[index] = ("list-value", list(map(where.__getitem__, data)))
    return index


def enum_writer(schema: Enum) -> Write:
    numbers = {name: number for number, name in enumerate(schema.names)}

    def write(value: Any, nodes: list[Node]) -> int:
        if type(value) is not str or value not in numbers:
            raise Mismatch(f"one of {', '.join(map(shown, schema.names))}", shown(value))
        nodes.append(("enum-value", numbers[value]))
        return len(nodes) - 1

    return write


def literal_writer(schema: Literal) -> Write:
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


def flags_writer(schema: Flags) -> Write:
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
