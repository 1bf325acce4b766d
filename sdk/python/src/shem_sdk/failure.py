"""Exceptions as data: what a caller learns of a method that failed.

The traceback is the user's: it begins with the first frame of their code, and frames of this package are
left out. Source lines come from the files that the agent sees.
"""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass
from types import TracebackType

from shem_sdk.definition import InvalidAgent

_SDK = os.path.dirname(os.path.abspath(__file__)) + os.sep
_STANDARD_LIBRARY = (os.path.dirname(os.__file__) + os.sep, "/python/")
"""Where this process has it from, and where the host serves what the runtime component does not hold."""

_BUILT_IN = "<frozen "

TRACEBACK_LIMIT_CHARACTERS = 16_384
"""A traceback is recorded with the result; deep chains of causes say the same things many times."""


@dataclass(frozen=True, slots=True)
class Failure:
    """``file`` and ``line`` say where the user's code stood; None where none of it was involved."""

    type: str
    message: str
    traceback: str
    file: str | None
    line: int | None


def failure_of(error: BaseException) -> Failure:
    """Describe an exception; never raises one itself."""
    file, line = _place(error)
    return Failure(_type_name(error), _message(error), _traceback(error), file, line)


def _type_name(error: BaseException) -> str:
    cls = type(error)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        return _printable(str(error))
    except BaseException:  # noqa: BLE001  # a user's __str__ may do anything
        return "(the exception has no text: its __str__ failed)"


def _printable(text: str) -> str:
    """Text that is Unicode: a lone surrogate would not survive the border."""
    return text.encode(errors="backslashreplace").decode()


def _place(error: BaseException) -> tuple[str | None, int | None]:
    if isinstance(error, SyntaxError) and error.filename is not None:
        return error.filename, error.lineno
    if isinstance(error, InvalidAgent):
        return error.file, error.line
    place: tuple[str | None, int | None] = (None, None)
    step: TracebackType | None = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if _is_users(file):
            place = file, step.tb_lineno
        step = step.tb_next
    return place


def _is_users(file: str) -> bool:
    return not file.startswith((_SDK, *_STANDARD_LIBRARY, _BUILT_IN))


def _traceback(error: BaseException) -> str:
    try:
        # Lines are looked up when the text is made, so only for frames that stay.
        described = traceback.TracebackException.from_exception(error, lookup_lines=False)
        _trim(described, set())
        text = _printable("".join(described.format()))
    except BaseException as second:  # noqa: BLE001  # describing a failure must not become another one
        return f"{_type_name(error)}: (its traceback could not be made: {_type_name(second)})\n"
    if len(text) <= TRACEBACK_LIMIT_CHARACTERS:
        return text
    half = TRACEBACK_LIMIT_CHARACTERS // 2
    return f"{text[:half]}\n  [{len(text) - 2 * half} characters left out]\n{text[-half:]}"


def _trim(described: traceback.TracebackException, seen: set[int]) -> None:
    """Cut frames from the exception and from everything that led to it."""
    if id(described) in seen:
        return
    seen.add(id(described))
    frames = [f for f in described.stack if not f.filename.startswith((_SDK, _BUILT_IN))]
    first = next((i for i, f in enumerate(frames) if _is_users(f.filename)), 0)
    described.stack = traceback.StackSummary.from_list(frames[first:])
    for inner in (described.__cause__, described.__context__, *(described.exceptions or ())):
        if inner is not None:
            _trim(inner, seen)
