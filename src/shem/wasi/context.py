"""What belongs to one agent: the first argument of every host function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shem.clock import Clock
from shem.oplog.durability import Durability
from shem.wasi.monotonic import MonotonicClock
from shem.wasi.output import LineOutput
from shem.wasi.vfs import FileSystem


@dataclass(slots=True)
class WasiContext:
    """The world of one guest.

    Attributes:
        durability: records what is observed, or feeds back what was.
        clock: the host's time, read only while live.
        entropy: so many random bytes; ``os.urandom``, or a keyed stream while a base image is made.
        wait: block the calling thread for at most so many ns (less when something has happened); it raises
            what unwinds the guest.
        environ: environment variables.
        arguments: of the command line.
        files: the agent's file system.
        monotonic: the agent's monotonic clock.
        stdout, stderr: its output, on its way to become log lines.
    """

    durability: Durability
    clock: Clock
    entropy: Callable[[int], bytes]
    wait: Callable[[int], None]
    environ: tuple[tuple[str, str], ...]
    arguments: tuple[str, ...]
    files: FileSystem
    monotonic: MonotonicClock = field(init=False)
    stdout: LineOutput = field(init=False)
    stderr: LineOutput = field(init=False)

    def __post_init__(self) -> None:
        self.monotonic = MonotonicClock(self.clock)
        self.stdout = LineOutput("stdout")
        self.stderr = LineOutput("stderr")

    def finish_output(self) -> None:
        """Log what was written without a newline at its end: call it when an invocation is over."""
        self.stdout.finish(self.durability)
        self.stderr.finish(self.durability)

    def stderr_tail(self) -> str:
        """The last 64 KiB that the guest wrote to its standard error, for error reports."""
        return self.stderr.tail()

    def capture(self) -> dict[str, Any]:
        """State that is not in the guest's memory, as plain data: files, the clock, unfinished lines."""
        return {
            "files": self.files.capture(),
            "monotonic_ns": self.monotonic.seen_ns,
            "stdout": self.stdout.unfinished,
            "stderr": self.stderr.unfinished,
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Become what was captured; to be called before handles are restored, which refer to the files.

        Raises:
            StorageCorrupt: the files cannot be rebuilt from it.
        """
        self.files.restore(data["files"])
        self.monotonic.seen_ns = data["monotonic_ns"]
        self.stdout.unfinished = data["stdout"]
        self.stderr.unfinished = data["stderr"]
