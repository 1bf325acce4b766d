"""An agent's monotonic clock: one line of time from its birth on, across crashes, restarts and moves.

It reads the host's monotonic clock, shifted so that it shows the wall time when the process first asks, but
never less than what the guest has seen before. So a deadline means the same moment after a restart, a sleep
goes on where it was, time passes while the agent is not in memory, and neither an adjusted wall clock nor
another machine turns it back.
"""

from __future__ import annotations

from shem.clock import Clock


class MonotonicClock:
    """One agent's monotonic time, in ns.

    Attributes:
        seen_ns: the latest time that the guest knows to have passed. It is state: it follows from recorded
            answers, live and in replay alike.
    """

    __slots__ = ("_ahead_ns", "_clock", "seen_ns")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_ns: int | None = None
        self.seen_ns = 0

    def read_ns(self) -> int:
        """The time now. It is not a function of the state: only for use while live, in what gets recorded."""
        host_ns = self._clock.monotonic_ns()
        if self._ahead_ns is None:
            self._ahead_ns = max(self.seen_ns, self._clock.wall_ns()) - host_ns
        return max(self.seen_ns, host_ns + self._ahead_ns)

    def saw(self, at_ns: int) -> None:
        """The guest learns that this time has come."""
        if at_ns > self.seen_ns:
            self.seen_ns = at_ns
