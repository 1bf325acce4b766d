"""Results on stdout: JSON for programs, text for people. Notes on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import typer

from shem.cli.failure import BROKEN_PIPE


def print_json(value: Any) -> None:
    """One line of JSON."""
    write(msgspec.json.encode(value).decode())


def print_json_lines(values: Iterable[Any]) -> None:
    """One line of JSON for each, as they come."""
    for value in values:
        print_json(value)


def print_value(value: Any) -> None:
    """What a method returned: text as it is, anything else as JSON."""
    write(value if isinstance(value, str) else msgspec.json.format(msgspec.json.encode(value)).decode())


def print_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns; never cut, whatever the width of the terminal."""
    for line in columns([head, *([str(cell) for cell in row] for row in rows)]):
        write(line)


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """A name and a value on each line; what is None is left out."""
    for line in columns([(f"{name}:", str(value)) for name, value in fields if value is not None]):
        write(line)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, each column as wide as its widest cell."""
    cells = [[cell.replace("\n", " ") for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def write(line: str) -> None:
    """A line on stdout; the end of the command where nobody reads on."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        # The interpreter flushes stdout once more at its end and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(BROKEN_PIPE) from None


def note(line: str) -> None:
    """A line on stderr."""
    print(line, file=sys.stderr, flush=True)
