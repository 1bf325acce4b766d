"""Fuzz the binary parser, the planner and the printer of WIT: ``python -m tests.fuzz.parser --runs 1000000``.

Any bytes become a plan, whose WIT can be printed, or one ``MalformedComponent``. Inputs are made from good
components by cutting, copying and changing bytes and sections. An input that is refused for a reason not seen
before, or is taken, joins those that others are made from: reasons stand in for coverage.
"""

from __future__ import annotations

import random
import re
from collections import Counter

import wasmtime

from shem.wasm.core import leb128
from shem.wasm.errors import MalformedComponent
from shem.wasm.planner import plan_component
from shem.wasm.reader import Reader
from shem.wasm.wit import wit

from .runner import main

MAX_POOL = 4_000
"""Inputs that others are made from."""

MAX_INPUT_BYTES = 4_000

SEEDS = [
    """(component $root
      (import "wasi:io/poll@0.2.9" (instance $poll
        (export "pollable" (type $p (sub resource)))
        (export "[method]pollable.block" (func (param "self" (borrow $p))))))
      (alias export $poll "pollable" (type $pollable))
      (import "a:b/host" (instance $host
        (alias outer $root $pollable (type $q))
        (export "pollable" (type $r (eq $q)))
        (type $e (variant (case "a") (case "b" string)))
        (export "error" (type $f (eq $e)))
        (export "get" (func (param "p" (borrow $r)) (param "n" (list u8)) (result (result string (error $f)))))))
      (core module $libc (memory (export "m") 1) (global (mut i32) (i32.const 5)) (table 2 funcref)
        (type (sub (func))) (elem (i32.const 0) func 0)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
      (core instance $l (instantiate $libc))
      (alias core export $l "m" (core memory $m))
      (alias core export $l "realloc" (core func $realloc))
      (core func $get (canon lower (func $host "get") (memory $m) (realloc (core func $realloc))))
      (core func $drop (canon resource.drop $pollable))
      (core module $main (import "h" "get" (func (param i32 i32 i32 i32))) (import "h" "drop" (func (param i32)))
        (func (export "dtor") (param i32)) (func (export "f") (param i32) (result i32) unreachable))
      (core instance $i (instantiate $main
        (with "h" (instance (export "get" (func $get)) (export "drop" (func $drop))))))
      (type $res (resource (rep i32) (dtor (core func $i "dtor"))))
      (core func (canon resource.new $res))
      (type $point (record (field "x" u32) (field "flags" (flags "a" "b"))))
      (func $f (param "self" (borrow $res)) (result u32) (canon lift (core func $i "f")))
      (component $shim
        (import "import-type-thing" (type $t (sub resource)))
        (import "f" (func $f (param "self" (borrow $t)) (result u32)))
        (alias outer $root $point (type $pt))
        (export $o "thing" (type $t))
        (export "point" (type $pt))
        (export "[method]thing.f" (func $f) (func (param "self" (borrow $o)) (result u32))))
      (instance $out (instantiate $shim (with "import-type-thing" (type $res)) (with "f" (func $f))))
      (export "c:d/things@1.0.0" (instance $out)))""",
    """(component
      (type $node (record (field "id" u64) (field "tags" (list (tuple char f32 f64 s8)))))
      (type $node' (option (result $node (error (enum "x" "y")))))
      (import "node" (type $imported (eq $node)))
      (type $inner (component (import "f" (func)) (export "g" (func (param "x" bool) (result (list u8))))))
      (component $leaf (core module $m (func (export "g") (result i32) i32.const 1))
        (core instance $i (instantiate $m))
        (func (export "g") (result u16) (canon lift (core func $i "g"))))
      (component $pair (import "leaf" (component $c (export "g" (func (result u16)))))
        (instance $a (instantiate $c)) (instance $b (instantiate $c))
        (export "a" (instance $a)) (export "b" (func $b "g")))
      (instance $p (instantiate $pair (with "leaf" (component $leaf))))
      (alias export $p "a" (instance $a))
      (export "one" (func $a "g")) (export "two" (func $p "b")))""",
    "(component)",
    """(component (core module (import "a" "m" (memory 1)) (import "a" "g" (global (mut i64)))
        (import "a" "t" (table 1 funcref)) (tag (param i32)) (memory 1 2) (data (i32.const 0) "x") (start 0)
        (func nop) (global (mut v128) (v128.const i64x2 1 2)) (rec (type (struct (field (mut i32))))))
      (core type $mt (module (import "a" "b" (func)) (export "c" (global i32))))
      (core type (func (param i32 f64) (result i64))))""",
]


class ParserTarget:
    """Keeps the pool of inputs that others are made from."""

    def __init__(self) -> None:
        self.input = b""
        self.outcomes: dict[str, int] = Counter()
        self._pool = [bytes(wasmtime.wat2wasm(text)) for text in SEEDS]
        self._taken = list(self._pool)
        self._seen: set[str] = set()

    def batch(self, rng: random.Random, count: int) -> None:
        """See ``runner``."""
        for _ in range(count):
            self.input = self._made(rng)
            self._try(self.input, rng)

    def _try(self, data: bytes, rng: random.Random) -> None:
        try:
            plan = plan_component(data)
        except MalformedComponent as error:
            if not 0 <= error.offset <= len(data):
                raise AssertionError(f"offset {error.offset} of {len(data)} bytes") from error
            outcome = re.sub(r"'.*'|[0-9]+(x[0-9a-f]+)?", "*", f"{error.section}: {error.reason}")[:100]
            self.outcomes["refused"] += 1
        else:
            wit(plan)
            outcome = f"taken: {len(plan.steps)} {len(plan.imports)} {len(plan.exports)} {plan.slots}"
            self.outcomes["taken"] += 1
            if outcome not in self._seen and len(self._taken) < MAX_POOL:
                self._taken.append(data)
        if outcome not in self._seen:
            self._seen.add(outcome)
            self.outcomes["kinds"] += 1
            if len(self._pool) < MAX_POOL:
                self._pool.append(data)
            else:
                self._pool[rng.randrange(len(SEEDS), MAX_POOL)] = data

    def _made(self, rng: random.Random) -> bytes:
        data = bytearray(rng.choice(self._taken if rng.random() < 0.7 else self._pool))
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5))):
            data = rng.choice(_CHANGES)(data, rng, self._pool)
            if not data:
                return b""
        return bytes(data[:MAX_INPUT_BYTES])


INTERESTING = bytes.fromhex(
    "0001020304057f8081ff40606162636465666768696a6b6c6d6e6f70717273747576777879 7a1f3f"
)


def _replace(data: bytearray, rng: random.Random, pool: list[bytes]) -> bytearray:
    data[rng.randrange(len(data))] = rng.choice(INTERESTING) if rng.random() < 0.7 else rng.randrange(256)
    return data


def _step(data: bytearray, rng: random.Random, pool: list[bytes]) -> bytearray:
    at = rng.randrange(len(data))
    data[at] = (data[at] + rng.choice((1, -1, 2, -2))) & 0xFF
    return data


def _number(data: bytearray, rng: random.Random, pool: list[bytes]) -> bytearray:
    at = rng.randrange(len(data))
    number = rng.choice(
        (0x7F, 0x80, 0x3FFF, 1 << 16, 1 << 28, (1 << 31) - 1, (1 << 32) - 1, 1 << 32, (1 << 64) - 1)
    )
    data[at : at + 1] = leb128(number)
    return data


def _cut(data: bytearray, rng: random.Random, pool: list[bytes]) -> bytearray:
    at = rng.randrange(len(data))
    del data[at : at + rng.randrange(1, 16)]
    return data


def _truncate(data: bytearray, rng: random.Random, pool: list[bytes]) -> bytearray:
    return data[: rng.randrange(len(data) + 1)]


def _repeat(data: bytearray, rng: random.Random, pool: list[bytes]) -> bytearray:
    at = rng.randrange(len(data))
    piece = data[at : at + rng.randrange(1, 32)]
    data[at:at] = piece * rng.choice((1, 1, 2, 20))
    return data


def _splice(data: bytearray, rng: random.Random, pool: list[bytes]) -> bytearray:
    other = rng.choice(pool)
    if not other:
        return data
    at, start = rng.randrange(len(data)), rng.randrange(len(other))
    piece = other[start : start + rng.randrange(1, 64)]
    data[at : at + rng.choice((0, len(piece)))] = piece
    return data


def _sections(data: bytearray, rng: random.Random, pool: list[bytes]) -> bytearray:
    """Whole sections moved, doubled, left out, or taken from another input, with right lengths."""
    pieces = _split(bytes(data)) + (_split(rng.choice(pool)) if rng.random() < 0.5 else [])
    if not pieces:
        return data
    for _ in range(rng.randrange(1, 4)):
        piece = rng.choice(pieces)
        match rng.randrange(3):
            case 0:
                pieces.remove(piece)
            case 1:
                pieces.insert(rng.randrange(len(pieces) + 1), piece)
            case _:
                pieces.remove(piece)
                pieces.insert(rng.randrange(len(pieces) + 1), piece)
        if not pieces:
            break
    return bytearray(data[:8] + b"".join(pieces))


def _inside(data: bytearray, rng: random.Random, pool: list[bytes]) -> bytearray:
    """Another change inside of one section, whose length is made right again."""
    pieces = _split(bytes(data))
    if not pieces:
        return data
    at = rng.randrange(len(pieces))
    reader = Reader(pieces[at], 1, len(pieces[at]), "")
    reader.u32()
    body = bytearray(pieces[at][reader.position :])
    if body:
        body = rng.choice((_replace, _step, _cut, _repeat, _number, _splice))(body, rng, pool)
    pieces[at] = pieces[at][:1] + leb128(len(body)) + bytes(body)
    return bytearray(data[:8] + b"".join(pieces))


def _split(data: bytes) -> list[bytes]:
    """The sections of a component, as far as they can be told."""
    reader, pieces = Reader(data, min(8, len(data)), len(data), ""), []
    try:
        while not reader.done:
            start = reader.position
            reader.byte()
            reader.skip(reader.u32(), "")
            pieces.append(data[start : reader.position])
    except MalformedComponent:
        pass
    return pieces


_CHANGES = (
    _replace,
    _replace,
    _step,
    _number,
    _cut,
    _truncate,
    _repeat,
    _splice,
    _sections,
    _inside,
    _inside,
    _inside,
)

if __name__ == "__main__":
    main(ParserTarget)
