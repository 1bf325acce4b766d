"""What a file operation can be refused with: the codes of ``wasi:filesystem/types`` that are in use here."""

from __future__ import annotations

from typing import Literal, TypeAlias

ErrorCode: TypeAlias = Literal[
    "bad-descriptor",
    "busy",
    "cross-device",
    "exist",
    "insufficient-space",
    "invalid",
    "is-directory",
    "loop",
    "name-too-long",
    "no-entry",
    "not-directory",
    "not-empty",
    "not-permitted",
    "overflow",
    "read-only",
]


class FsError(Exception):
    """An operation was refused and nothing has changed. Guests see ``code``."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code)
        self.code: ErrorCode = code
