"""Time, injected: nothing else in the project reads the machine's clock directly."""

from __future__ import annotations

import time
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
