"""Time, injected: nothing else in the project reads the machine's clock directly."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where the host gets the time from."""

    def wall_ns(self) -> int:
        """Nanoseconds since the Unix epoch (UTC)."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go backwards, from an arbitrary start; only differences mean something."""


class SystemClock:
    """The machine's clocks."""

    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


def rfc3339(at_ns: int) -> str:
    """A wall time (ns since the epoch) for people: RFC 3339 in UTC, to the microsecond."""
    at = datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).replace(microsecond=at_ns // 1_000 % 1_000_000)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
