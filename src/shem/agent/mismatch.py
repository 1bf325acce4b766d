"""A value that does not fit its type: where, what was expected, what came."""

from __future__ import annotations

import json
import re
from typing import Any, Final

SHOWN_CHARACTERS: Final = 60
"""How much of a string a message shows: enough to recognise it."""

SHOWN_INTEGER_BITS: Final = 256
"""Longer integers are described, not shown."""

_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Mismatch(Exception):
    """A value does not fit its type.

    The path to it is put together while the exception passes the containers, so values that fit pay nothing.

    Attributes:
        path: from the outermost value inwards: ``.items[3].price``.
        expected: the type, or a rule.
        got: what came instead, in words.
    """

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.path, self.expected, self.got = "", expected, got

    def inside(self, step: int | str) -> Mismatch:
        """The same, seen from the container that holds the value at this position, or under this name."""
        self.path = step_text(step) + self.path
        return self

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {self.got}"


def step_text(step: int | str) -> str:
    """``[3]`` for a position, ``.price`` for a name, ``["a b"]`` for a name that is no word."""
    if isinstance(step, str) and _PLAIN_NAME.fullmatch(step):
        return f".{step}"
    return f"[{step if isinstance(step, int) else shown(step)}]"


def shown(value: Any) -> str:
    """A JSON value in a message; large ones in words."""
    if isinstance(value, str):
        text = json.dumps(value[:SHOWN_CHARACTERS], ensure_ascii=not _is_encodable(value[:SHOWN_CHARACTERS]))
        return text if len(value) <= SHOWN_CHARACTERS else f'{text[:-1]}…"'
    if isinstance(value, dict):
        return f"an object of {len(value)}" if value else "an empty object"
    if isinstance(value, list | tuple):
        return f"an array of {len(value)}" if value else "an empty array"
    if isinstance(value, int) and value.bit_length() > SHOWN_INTEGER_BITS:
        return f"an integer of {value.bit_length()} bits"
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    return f"a {type(value).__name__}"


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
