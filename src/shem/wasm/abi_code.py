"""Python source that is written by a program, and run.

``Code`` collects the functions that are made for the types of one component: each is written once, knows
the others by name, and finds what it needs (structs, tables of names, host functions) in the namespace they
share.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any, TypeVar

from .abi_layout import align_to
from .engine import CELL_BYTES, fail
from .types import ValType

T = TypeVar("T")

CORE_FORMATS = {"i32": "I", "i64": "Q", "f32": "f", "f64": "d"}
"""``struct`` formats of core values; integers as unsigned."""


class Code:
    """A namespace that functions are generated into.

    Args:
        namespace: what generated functions may use by name.
    """

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._lock = threading.RLock()
        self._namespace = dict(namespace)
        self._known: dict[tuple[str, ValType], str] = {}
        self._structs: dict[str, str] = {}
        self._count = 0

    def name(self, hint: str) -> str:
        """A new name."""
        self._count += 1
        return f"{hint}_{self._count}"

    def constant(self, value: object, hint: str = "constant") -> str:
        """The name of a value."""
        name = self.name(hint)
        self._namespace[name] = value
        return name

    def struct_method(self, layout: str, method: str) -> str:
        """The name of a bound method of ``struct.Struct(layout)``."""
        key = f"{method}{layout}"
        if key not in self._structs:
            self._structs[key] = self.constant(getattr(struct.Struct(layout), method), method)
        return self._structs[key]

    def define(self, parameters: str, body: Iterable[str], hint: str) -> str:
        """Define a function; returns its name. ``body`` are its lines, indented by one step or more."""
        name = self.name(hint)
        source = "\n".join([f"def {name}({parameters}):", *body])
        exec(compile(source, f"<canonical ABI: {name}>", "exec"), self._namespace)
        return name

    def once(self, kind: str, type_: ValType, make: Callable[[], str]) -> str:
        """The name that ``make`` gave to the function of this kind for this type, made when it is first
        needed."""
        known = self._known.get((kind, type_))
        if known is None:
            known = self._known[kind, type_] = make()
        return known

    def function(self, make: Callable[[], str]) -> Callable[..., Any]:
        """The function whose name ``make`` gives, which is called when that function is first called.

        A component imports a hundred functions and an agent calls a dozen of them.
        """
        return self._later(_write_and_call.__code__, make)

    def callback(self, make: Callable[[], str]) -> Callable[[int, int, int, int], int]:
        """The same for what machine code calls: it must not raise, also where it cannot be written."""
        return self._later(_write_and_call_back.__code__, make)

    def _later(self, stand_in: CodeType, make: Callable[[], str]) -> FunctionType:
        # The function that others hold becomes the one that was written by getting its code, so that from its
        # second call on it costs nothing that it was not there from the start. Both have the same globals.
        function = FunctionType(stand_in, self._namespace, "later")

        def write() -> FunctionType:
            with self._lock:
                if function.__kwdefaults__ is not None:
                    function.__code__ = self._namespace[make()].__code__
                    function.__kwdefaults__ = None
            return function

        function.__kwdefaults__ = {"write": write}
        return function


def _write_and_call(*args: Any, write: Callable[[], Callable[..., Any]]) -> Any:
    return write()(*args)


def _write_and_call_back(
    token: int, caller: int, cells: int, count: int, *, write: Callable[[], Callable[..., int]]
) -> int:
    try:
        function = write()
    except BaseException as error:  # noqa: BLE001 - the call that runs the guest raises it
        return int(fail(token, error))
    return function(token, caller, cells, count)


def memory_struct(slots: Iterable[tuple[int, str]], size: int | None = None) -> str:
    """A ``struct`` layout of (offset in bytes, format) in ascending order, padded to ``size``."""
    parts, end = ["<"], 0
    for offset, code in slots:
        if offset > end:
            parts.append(f"{offset - end}x")
        parts.append(code)
        end = offset + struct.calcsize(f"<{code}")
    if size is not None and size > end:
        parts.append(f"{size - end}x")
    return "".join(parts)


def cells_struct(core: Iterable[str]) -> str:
    """The ``struct`` layout of core values in an array of cells."""
    parts = []
    for name in core:
        code = CORE_FORMATS[name]
        parts.append(f"{code}{CELL_BYTES - struct.calcsize(code)}x")
    return "<" + "".join(parts)


def names(items: Iterable[str]) -> str:
    """A tuple of names as source, on either side of an assignment."""
    return "".join(f"{item}, " for item in items).rstrip()


def take(cells: Iterator[T], count: int) -> list[T]:
    """The next ``count``."""
    return [next(cells) for _ in range(count)]


__all__ = ["CORE_FORMATS", "Code", "align_to", "cells_struct", "memory_struct", "names", "take"]
