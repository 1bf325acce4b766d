"""``wasi:random``: bytes nobody can guess, and the two interfaces that need not be that good but here are.

All of them are recorded, the insecure ones too: they must be the same in replay.
"""

from __future__ import annotations

from shem.wasi.context import WasiContext
from shem.wasi.version import VERSION
from shem.wasm.errors import Trap
from shem.wasm.host import HostInterface

RANDOM = HostInterface(f"wasi:random/random@{VERSION}")
INSECURE = HostInterface(f"wasi:random/insecure@{VERSION}")
INSECURE_SEED = HostInterface(f"wasi:random/insecure-seed@{VERSION}")
RANDOM_INTERFACES = (RANDOM, INSECURE, INSECURE_SEED)

REQUEST_MAX_BYTES = 1 << 20
"""Most bytes of one call: they go to the oplog, and the interface has no way to give fewer than asked for."""


def _random_bytes(ctx: WasiContext, function: str, length: int) -> bytes:
    if length > REQUEST_MAX_BYTES:
        raise Trap(f"{function} gives at most {REQUEST_MAX_BYTES} bytes at once, {length} were asked for")
    return ctx.durability.local(function, length, lambda: ctx.entropy(length))


def _random_u64(ctx: WasiContext, function: str) -> int:
    return ctx.durability.local(function, None, lambda: int.from_bytes(ctx.entropy(8), "little"))


@RANDOM.function("get-random-bytes")
def get_random_bytes(ctx: WasiContext, length: int) -> bytes:
    """Raises ``Trap`` for more than ``REQUEST_MAX_BYTES``."""
    return _random_bytes(ctx, "wasi:random/random.get-random-bytes", length)


@RANDOM.function("get-random-u64")
def get_random_u64(ctx: WasiContext) -> int:
    return _random_u64(ctx, "wasi:random/random.get-random-u64")


@INSECURE.function("get-insecure-random-bytes")
def get_insecure_random_bytes(ctx: WasiContext, length: int) -> bytes:
    """Raises ``Trap`` for more than ``REQUEST_MAX_BYTES``."""
    return _random_bytes(ctx, "wasi:random/insecure.get-insecure-random-bytes", length)


@INSECURE.function("get-insecure-random-u64")
def get_insecure_random_u64(ctx: WasiContext) -> int:
    return _random_u64(ctx, "wasi:random/insecure.get-insecure-random-u64")


@INSECURE_SEED.function("insecure-seed")
def insecure_seed(ctx: WasiContext) -> tuple[int, int]:
    seed = ctx.durability.local("wasi:random/insecure-seed.insecure-seed", None, lambda: ctx.entropy(16))
    return int.from_bytes(seed[:8], "little"), int.from_bytes(seed[8:], "little")
