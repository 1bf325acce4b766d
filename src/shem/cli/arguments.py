"""What a word on the command line means as an argument of a method."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from shem.errors import BadInput
from shem.views import ParameterView

_TEXT = frozenset({"str", "string", "char", "bytes", "datetime", "date", "time", "uuid", "decimal"})

_OPTIONAL = (
    re.compile(r"^option<(?P<inner>.+)>$", re.IGNORECASE),
    re.compile(r"^optional\[(?P<inner>.+)\]$", re.IGNORECASE),
    re.compile(r"^(?P<inner>[^|]+?)\s*\|\s*none$", re.IGNORECASE),
    re.compile(r"^none\s*\|\s*(?P<inner>[^|]+)$", re.IGNORECASE),
)


def read_arguments(words: Sequence[str], parameters: Sequence[ParameterView]) -> list[Any]:
    """Each word by its parameter's type; words beyond the last one by themselves. Raises ``BadInput``."""
    refuse_options(words)
    types: list[str | None] = [parameter.type for parameter in parameters]
    types += [None] * (len(words) - len(types))
    return [read_argument(word, type_text) for word, type_text in zip(words, types, strict=False)]


def refuse_options(words: Sequence[str]) -> None:
    """Raises ``BadInput`` for a mistyped option; a negative number may begin with a dash and is none."""
    for word in words:
        if word.startswith("-") and isinstance(_json(word), str):
            raise BadInput(
                f"there is no option {word}", hint="Text that begins with a dash is given as a JSON string."
            )


def read_argument(word: str, type_text: str | None) -> Any:
    """A word as a JSON value.

    Where text is wanted the word is the text, unless it is a JSON string in quotes. Anywhere else it is JSON,
    and text where it is not: the server knows the type exactly and says where the value does not fit.
    """
    inner = _inner(type_text)
    if inner is not None:
        return None if word == "null" else read_argument(word, inner)
    value = _json(word)
    if type_text is not None and type_text.strip().lower() in _TEXT:
        return value if isinstance(value, str) else word
    return value


def _json(word: str) -> Any:
    try:
        return msgspec.json.decode(word)
    except (msgspec.DecodeError, UnicodeError):
        return word


def _inner(type_text: str | None) -> str | None:
    if type_text is None:
        return None
    for pattern in _OPTIONAL:
        match = pattern.match(type_text.strip())
        if match:
            return match["inner"].strip()
    return None
