"""Strings that stand for something else: their form, and the one way in which each is written."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

_DATETIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DECIMAL: Final = re.compile(r"[+-]?((\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,18})?|NaN|Infinity)", re.ASCII)


def normal_datetime(value: Any) -> str:
    """RFC 3339, as Python's ``isoformat`` writes it; without an offset where it has none (RFC 3339 wants
    one, a naive ``datetime`` of a guest has none). Raises ``ValueError``."""
    return datetime.fromisoformat(_matched(_DATETIME, value).upper()).isoformat()


def normal_uuid(value: Any) -> str:
    """A UUID in lower case, with hyphens. Raises ``ValueError``."""
    return str(UUID(_matched(_UUID, value)))


def normal_decimal(value: Any) -> str:
    """A decimal number as Python's ``Decimal`` writes it; a JSON integer is taken, a JSON float is not,
    since it has lost digits already. Raises ``ValueError``."""
    if type(value) is int:
        return str(value)
    try:
        return str(Decimal(_matched(_DECIMAL, value)))
    except InvalidOperation as error:
        raise ValueError(str(error)) from None


def _matched(pattern: re.Pattern[str], value: Any) -> str:
    if type(value) is not str or not pattern.fullmatch(value):
        raise ValueError("not of this form")
    return value


FORMATS: Final[dict[str, tuple[Callable[[Any], str], str]]] = {
    "datetime": (normal_datetime, "datetime (RFC 3339)"),
    "uuid": (normal_uuid, "UUID"),
    "decimal": (normal_decimal, "Decimal (a number in a string)"),
}
"""By name: what normalises a value, and how it is called in messages."""
