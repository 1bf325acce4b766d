"""Errors for people and scripts: ``error[CODE] sentence``, what the guest said, a hint, and an exit code."""

from __future__ import annotations

import sys
from typing import TextIO

import typer

from shem.errors import BadInput, Conflict, DataDirectoryInUse, NotAllowed, NotFound, ShemError

FAILED = 1
USAGE = 2
NOT_FOUND = 3
CONFLICT = 4
NOT_ALLOWED = 5
UNREACHABLE = 69
"""``EX_UNAVAILABLE`` of sysexits.h."""
TIMED_OUT = 124
"""As the ``timeout`` command says it."""
INTERRUPTED = 130
"""128 + SIGINT, as shells say it."""
BROKEN_PIPE = 141
"""128 + SIGPIPE, as shells say it."""

_BY_CODE = {
    BadInput.code: USAGE,
    NotFound.code: NOT_FOUND,
    Conflict.code: CONFLICT,
    DataDirectoryInUse.code: CONFLICT,
    NotAllowed.code: NOT_ALLOWED,
    # Written out: the classes stand in the client, whose import costs more than most commands.
    "unreachable": UNREACHABLE,
    "timeout": TIMED_OUT,
}


def exit_code(error: ShemError) -> int:
    """The exit code that an error ends the command with."""
    return _BY_CODE.get(error.code, FAILED)


def report(error: ShemError, stream: TextIO | None = None) -> int:
    """Tell an error on stderr (or ``stream``); returns its exit code."""
    out = stream or sys.stderr
    print(f"error[{error.code}] {error.message}{_place(error)}", file=out)
    for name in ("traceback", "stderr", "output"):
        text = error.details.get(name)
        if isinstance(text, str) and text.strip():
            print("\n".join(f"  {line}" for line in text.rstrip().splitlines()), file=out)
    if error.hint:
        print(f"hint: {error.hint}", file=out)
    return exit_code(error)


def report_usage(error: typer.TyperException) -> int:
    """Tell what is wrong with the command line itself."""
    context = getattr(error, "ctx", None)
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if context is not None and message == context.get_help():
        # A group of commands without a command: its help is the answer.
        print(message, file=sys.stderr)
        return USAGE
    print(f"error[usage] {message}", file=sys.stderr)
    command = context.command_path if context is not None else "shem"
    print(f"hint: `{command} --help` shows what is possible.", file=sys.stderr)
    return USAGE


def _place(error: ShemError) -> str:
    file, line = error.details.get("file"), error.details.get("line")
    if not isinstance(file, str) or file in error.message:
        return ""
    return f" ({file}:{line})" if line is not None else f" ({file})"
