"""Whether core code changes what a capture does not hold: the entries of tables, and which segments are left.

Both are found by their instructions (core specification, section 5.4). Python would read the millions of
instructions of a language runtime for many seconds, so a regular expression passes over them: it is the
grammar of those that change neither. Where it stops, there is one that does, or one whose length the grammar
cannot say and that is read here. What neither knows is taken to change tables. ``table.grow`` is harmless
here, because a capture sees the size of every table.
"""

from __future__ import annotations

import re

from .reader import Reader

_NUMBER = rb"[\x80-\xff]*+[\x00-\x7f]"
_MEMORY = rb"(?:[\x00-\x3f]|[\x40-\x7f]" + _NUMBER + rb")" + _NUMBER
"""Alignment, with bit 6 a memory index behind it, and offset; an alignment in more bytes is not known here."""

_HARMLESS = re.compile(
    rb"(?:"
    + rb"|".join(
        (
            rb"[\x20-\x25\x41\x42\x02-\x04\x0c\x0d\x10\x12\x3f\x40\x07-\x09\x18\xd0\xd2\xd5\xd6\x14\x15]"
            + _NUMBER,
            rb"[\x00\x01\x05\x0a\x0b\x0f\x19-\x1b\x45-\xc4\xd1\xd3\xd4]",
            rb"[\x28-\x3e]" + _MEMORY,
            rb"[\x11\x13]" + _NUMBER + _NUMBER,  # indirect calls
            rb"\x43.{4}",
            rb"\x44.{8}",
            rb"\x1c\x01" + _NUMBER,  # select with its type
            rb"\xfc(?:[\x00-\x07]|[\x08\x0a]" + _NUMBER + _NUMBER + rb"|[\x0b\x0f\x10]" + _NUMBER + rb")",
            rb"\xfd(?:[\x00-\x0b\x5c\x5d]" + _MEMORY + rb"|[\x54-\x5b]" + _MEMORY + rb".|[\x0c\x0d].{16}"
            rb"|[\x15-\x22].|[\x0e-\x14\x23-\x53\x5e-\x7f]|[\x80-\xff]++[\x00-\x7f])",
        )
    )
    + rb")*+",
    re.DOTALL,
)
_TYPED_REFERENCES = (0x63, 0x64)

MAX_FUNCTIONS = 1_000_000
"""As in wasmtime, which refuses a module with more."""


def changes_tables(code: Reader) -> bool:
    """Whether a function of a code section may change tables, or drop a segment.

    Args:
        code: the section.

    Raises:
        MalformedComponent: it does not hold functions.
    """
    count = code.count()
    if count > MAX_FUNCTIONS:
        raise code.error(f"there are more than {MAX_FUNCTIONS} functions")
    found = False
    for _ in range(count):
        found = _body_changes(code.window(code.u32(), "core function")) or found
    return found


def _body_changes(body: Reader) -> bool:
    for _ in range(body.count()):
        body.u32()
        if body.byte() in _TYPED_REFERENCES:
            body.s33()
    while True:
        passed = _HARMLESS.match(body.data, body.position, body.end)
        body.position = passed.end() if passed is not None else body.position
        if body.done:
            return False
        match body.byte():
            case 0x0E:  # br_table
                for _ in range(body.count() + 1):
                    body.u32()
            case 0x1F:  # try_table
                body.s33()
                for _ in range(body.count()):
                    if body.byte() in (0, 1):  # with a tag
                        body.u32()
                    body.u32()
            case _:
                return True
