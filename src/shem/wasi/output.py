"""Standard output and standard error: bytes in, log lines out."""

from __future__ import annotations

from shem.oplog.durability import Durability

LINE_MAX_BYTES = 64 * 1024
"""A longer line is logged in pieces, so that a guest that never ends its line takes no memory for it."""

TAIL_BYTES = 64 * 1024
"""How much of the newest output is kept for error reports."""


class LineOutput:
    """One stream of output, split into lines. Bytes that are no UTF-8 are shown as U+FFFD.

    Args:
        level: ``stdout`` or ``stderr``, the level of the log entries.

    Attributes:
        unfinished: what was written since the last newline.
    """

    __slots__ = ("_level", "_tail", "unfinished")

    def __init__(self, level: str) -> None:
        self._level = level
        self._tail = bytearray()
        self.unfinished = b""

    def write(self, durability: Durability, data: bytes) -> None:
        """Log each line that is now complete."""
        self._tail += data
        if len(self._tail) > 2 * TAIL_BYTES:
            del self._tail[:-TAIL_BYTES]
        *lines, rest = (self.unfinished + data).split(b"\n")
        for line in lines:
            self._log(durability, line)
        while len(rest) > LINE_MAX_BYTES:
            self._log(durability, rest[:LINE_MAX_BYTES])
            rest = rest[LINE_MAX_BYTES:]
        self.unfinished = rest

    def finish(self, durability: Durability) -> None:
        """Log what has no newline yet."""
        if self.unfinished:
            self._log(durability, self.unfinished)
            self.unfinished = b""

    def tail(self) -> str:
        """The newest ``TAIL_BYTES``."""
        return self._tail[-TAIL_BYTES:].decode(errors="replace")

    def _log(self, durability: Durability, line: bytes) -> None:
        durability.log(self._level, "", line.decode(errors="replace"))
