"""What encoding and decoding share: values that do not fit, and how they are shown."""

from __future__ import annotations

LEFT_OUT = object()
"""What decoding an optional parameter or field gives when it was left out."""

SHOWN_CHARACTERS = 60
"""Of a value in a message: enough to recognise it, no more than fits a line."""


class Mismatch(Exception):
    """A value that does not fit its type.

    Attributes:
        path: from the value outwards, for instance ``.items[3].price``.
        expected: the type, in Python's words.
        got: what came instead.
    """

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.path, self.expected, self.got = "", expected, got

    def inside(self, step: str) -> Mismatch:
        """The same, seen from the container that holds the value at ``step``."""
        self.path = step + self.path
        return self

    def __str__(self) -> str:
        return f"{self.path.lstrip('.')}: expected {self.expected}, got {self.got}"


def shown(value: object) -> str:
    """A value in a message: its type and the beginning of its text."""
    if value is None:
        return "None"
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # a user's __repr__ may do anything; the type is enough then
        return type(value).__name__
    if len(text) > SHOWN_CHARACTERS:
        text = text[: SHOWN_CHARACTERS - 1] + "…"
    return f"{type(value).__name__} {text}"
