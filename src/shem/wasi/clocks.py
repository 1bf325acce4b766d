"""``wasi:clocks``: wall clock, monotonic clock and time zone (always UTC)."""

from __future__ import annotations

from typing import Any

from shem.wasi.context import WasiContext
from shem.wasi.poll import READY, Deadline, Pollable
from shem.wasi.version import VERSION
from shem.wasm.host import HostInterface

WALL_CLOCK = HostInterface(f"wasi:clocks/wall-clock@{VERSION}")
MONOTONIC_CLOCK = HostInterface(f"wasi:clocks/monotonic-clock@{VERSION}")
TIMEZONE = HostInterface(f"wasi:clocks/timezone@{VERSION}")
CLOCK_INTERFACES = (WALL_CLOCK, MONOTONIC_CLOCK, TIMEZONE)

SECOND_NS = 1_000_000_000
_RESOLUTION_NS = 1
_INSTANT_MAX_NS = (1 << 64) - 1


def to_datetime(at_ns: int) -> dict[str, int]:
    """The record ``datetime`` of a time in ns since the epoch; earlier times are shown as the epoch."""
    seconds, nanoseconds = divmod(max(at_ns, 0), SECOND_NS)
    return {"seconds": seconds, "nanoseconds": nanoseconds}


@WALL_CLOCK.function("now")
def wall_now(ctx: WasiContext) -> dict[str, int]:
    return to_datetime(ctx.durability.local("wasi:clocks/wall-clock.now", None, ctx.clock.wall_ns))


@WALL_CLOCK.function("resolution")
def wall_resolution(_ctx: WasiContext) -> dict[str, int]:
    return to_datetime(_RESOLUTION_NS)


@MONOTONIC_CLOCK.function("now")
def monotonic_now(ctx: WasiContext) -> int:
    monotonic = ctx.monotonic
    now_ns = ctx.durability.local("wasi:clocks/monotonic-clock.now", None, monotonic.read_ns)
    monotonic.saw(now_ns)
    return now_ns


@MONOTONIC_CLOCK.function("resolution")
def monotonic_resolution(_ctx: WasiContext) -> int:
    return _RESOLUTION_NS


@MONOTONIC_CLOCK.function("subscribe-instant")
def subscribe_instant(_ctx: WasiContext, when_ns: int) -> Pollable:
    return Deadline(when_ns)


@MONOTONIC_CLOCK.function("subscribe-duration")
def subscribe_duration(ctx: WasiContext, duration_ns: int) -> Pollable:
    """Records the deadline, so that after a crash the rest of the wait is left, not all of it."""
    if not duration_ns:
        return READY
    monotonic = ctx.monotonic
    return Deadline(
        ctx.durability.local(
            "wasi:clocks/monotonic-clock.subscribe-duration",
            duration_ns,
            lambda: min(monotonic.read_ns() + duration_ns, _INSTANT_MAX_NS),
        )
    )


@TIMEZONE.function("display")
def display(_ctx: WasiContext, _when: dict[str, int]) -> dict[str, Any]:
    return {"utc-offset": 0, "name": "UTC", "in-daylight-saving-time": False}


@TIMEZONE.function("utc-offset")
def utc_offset(_ctx: WasiContext, _when: dict[str, int]) -> int:
    return 0
