"""The durability seam: the only way by which a host function may learn anything that is not a function of the state.

Host functions are written against this protocol. Live, ``local`` performs the call and records what came of it; in
replay it hands back what was recorded and performs nothing. So a host function is written once, and is durable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Durability(Protocol):
    """What an execution offers to its host functions."""

    @property
    def is_live(self) -> bool:
        """False while recorded entries are fed to the guest."""

    def local(self, function: str, request: object, perform: Callable[[], T]) -> T:
        """A ``read-local`` call: record (live) or feed back (replay) the answer of ``perform``.

        Args:
            function: full name, for instance ``"wasi:clocks/wall-clock.now"`` (no version).
            request: the arguments as plain values; compared with the recorded ones in replay.
            perform: produces the answer, a plain value (None, bool, int, float, str, bytes, list, tuple, dict).

        Returns:
            The answer. In replay tuples come back as lists and sets as lists: lowering takes both.

        Raises:
            Divergence: the oplog has another call, or other arguments, here.
        """

    def log(self, level: str, context: str, message: str) -> None:
        """Record a line of output as a hint: not repeated and not compared in replay.

        Args:
            level: ``stdout``, ``stderr``, ``trace``, ``debug``, ``info``, ``warn``, ``error`` or ``critical``.
        """

    def now_ns(self) -> int:
        """The agent's own wall time (ns since the epoch), the same in replay, free of charge.

        It is the latest recorded time (invocation start or clock read): what file times are made from.
        """
