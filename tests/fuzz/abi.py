"""Fuzz lift and lower: ``python -m tests.fuzz.abi --runs 1000000``.

For types made at random, what a guest may leave in its memory is read, and Python values that fit or do not
are checked and written. Whatever is read fits its own type, and is the same after it was written and read
again. What breaks a rule is a ``Trap``; a value that does not fit is a ``ValueMismatch``, and the quick check
and the one that explains agree.
"""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Callable
from typing import Any

from shem.wasm import abi
from shem.wasm.abi_border import Border, ComponentInstance, check_pointer
from shem.wasm.abi_check import Checker, explain
from shem.wasm.abi_code import Code
from shem.wasm.abi_layout import layout
from shem.wasm.abi_lift import Lifter
from shem.wasm.abi_lower import Lowerer
from shem.wasm.errors import Trap, ValueMismatch
from shem.wasm.flatten import flatten

from .runner import main
from .values import random_type, random_value, same, spoiled

MEMORY_BYTES = 8192
LIFTED_BYTES = 1 << 18
"""Less than what a real call may hand over, so that each input is quick."""

_REQUEST, _ANSWER = struct.Struct("<I12xI12xI12xI12x"), struct.Struct("<I")


class _Store:
    """As much of a store as a border asks for."""

    def __init__(self) -> None:
        self.memory = bytearray(MEMORY_BYTES)
        self.cells = bytearray(64)

    def memory_view(self, memory: int) -> memoryview:
        return memoryview(self.memory)


class _Guest(Border):
    """A border to a guest that is nothing but memory; its allocator fails when it is full."""

    def __init__(self) -> None:
        self.fake = _Store()
        self.next = 0
        instance = ComponentInstance(lambda resource, representation: None, frozenset())
        super().__init__(self.fake, instance, 0, 0)  # type: ignore[arg-type] # only these two are asked for
        self.reach(0)

    def call_guest(self, function: int, cells: int) -> None:
        _, _, alignment, size = _REQUEST.unpack(self.fake.cells)
        pointer = -(-self.next // alignment) * alignment
        self.next = pointer + size
        _ANSWER.pack_into(self.fake.cells, 0, pointer)


class AbiTarget:
    """One type for each batch of inputs."""

    def __init__(self) -> None:
        self.input = b""
        self.outcomes: dict[str, int] = Counter()

    def batch(self, rng: random.Random, count: int) -> None:
        """See ``runner``."""
        type_ = random_type(rng)
        encoding = rng.choice(("utf8", "utf16", "latin1+utf16"))
        self.input = repr((type_, encoding)).encode()
        case = _Case(type_, encoding)
        ways: list[Callable[[random.Random], str]] = [case.memory, case.memory, case.cells, case.value]
        for _ in range(count):
            way = rng.choice(ways)
            try:
                outcome = way(rng)
            except Trap:
                outcome = "trap"
            except ValueMismatch:
                outcome = "mismatch"
            self.outcomes[f"{way.__name__}: {outcome}"] += 1


class _Case:
    """The generated code of one type."""

    def __init__(self, type_: Any, encoding: Any) -> None:
        self.type, (self.size, self.alignment) = type_, layout(type_)
        code = Code(abi._NAMESPACE)
        lifter, lowerer = Lifter(code, encoding), Lowerer(code, encoding)

        def made(name: str) -> Callable[..., Any]:
            function: Callable[..., Any] = code._namespace[name]
            return function

        self.load, self.store = made(lifter.loader(type_)), made(lowerer.storer(type_))
        condition = Checker(code).condition(type_, "value")
        self.fits = made(code.define("value", [f" return bool({condition})"], "fits"))
        self.core = flatten(type_)
        if self.core is not None:
            cells = [f"c{number}" for number in range(len(self.core))]
            value = lifter.flat(type_, iter(cells))
            self.flat = made(code.define(f"b, {', '.join(cells)}", [f" return {value}"], "flat"))
            lines: list[str] = []
            results: list[str] = []
            lowerer.flat(type_, "value", lines, results)
            self.unflat = made(
                code.define("b, value", [*lines, f" return ({', '.join(results)},)"], "unflat")
            )

    def memory(self, rng: random.Random) -> str:
        """What stands in a guest's memory."""
        guest = _Guest()
        guest.fake.memory[:] = _image(rng)
        pointer = rng.choice((0, 8, 16, rng.randrange(MEMORY_BYTES), MEMORY_BYTES - self.size))
        guest.left = LIFTED_BYTES
        check_pointer(
            guest, pointer & -self.alignment if rng.random() < 0.9 else pointer, self.alignment, self.size
        )
        return self._read(self.load(guest, pointer & -self.alignment))

    def cells(self, rng: random.Random) -> str:
        """What stands in the arguments of a call."""
        if self.core is None:
            return "in memory"
        guest = _Guest()
        guest.fake.memory[:] = _image(rng)
        guest.left = LIFTED_BYTES
        return self._read(self.flat(guest, *[_cell(rng, kind) for kind in self.core]))

    def value(self, rng: random.Random) -> str:
        """What a host gives."""
        value = random_value(rng, self.type)
        if spoil := rng.random() < 0.6:
            value = spoiled(rng, value)
        fits = self.fits(value)
        try:
            explain(self.type, value, "value")  # also takes other shapes: any sequence for a list, say
        except ValueMismatch as error:
            if fits or not spoil:
                raise AssertionError(f"{value!r} fits, and is refused: {error}") from error
            raise
        self._again(value)
        return "fits" if fits else "fits in another shape"

    def _read(self, value: Any) -> str:
        if not self.fits(value):
            raise AssertionError(f"{value!r} was read, and does not fit")
        self._again(value)
        return "value"

    def _again(self, value: Any) -> None:
        guest = _Guest()
        pointer = guest.alloc(self.alignment, self.size)
        self.store(guest, value, pointer)
        guest.left = 1 << 30
        first = self.load(guest, pointer)
        guest = _Guest()
        pointer = guest.alloc(self.alignment, self.size)
        self.store(guest, first, pointer)
        guest.left = 1 << 30
        if not same(first, self.load(guest, pointer)):
            raise AssertionError(f"{first!r} is not the same when it was written and read again")
        if self.core is not None:
            guest = _Guest()
            cells = self.unflat(guest, first)
            guest.left = 1 << 30
            if not same(first, self.flat(guest, *cells)):
                raise AssertionError(f"{first!r} is not the same through {cells!r}")


def _image(rng: random.Random) -> bytes:
    kind = rng.random()
    if kind < 0.15:
        return rng.randbytes(MEMORY_BYTES)
    words = [
        0,
        1,
        2,
        3,
        4,
        8,
        64,
        256,
        rng.randrange(MEMORY_BYTES),
        MEMORY_BYTES - 4,
        0x61626364,
        0xD800,
        0xFFFFFFFF,
    ]
    few = words[: rng.randrange(3, len(words) + 1)]
    return struct.pack(f"<{MEMORY_BYTES // 4}I", *rng.choices(few, k=MEMORY_BYTES // 4))


def _cell(rng: random.Random, kind: str) -> int | float:
    if kind[0] == "f":
        return rng.choice((0.0, -0.0, 1.5, float("nan"), float("inf"), -float("inf")))
    small = rng.choice((0, 1, 2, 3, 4, 8, 16, 64, 300, MEMORY_BYTES, 0xD800, rng.randrange(MEMORY_BYTES)))
    bits = 32 if kind == "i32" else 64
    return rng.choice((small, small, small, rng.getrandbits(bits)))


if __name__ == "__main__":
    main(AbiTarget)
