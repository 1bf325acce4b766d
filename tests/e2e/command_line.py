"""The ``shem`` command as a process of its own, the way people and scripts run it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import pytest

SHEM = Path(sys.executable).with_name("shem")

TIMEOUT_S = 60.0
"""For one command on a busy machine."""


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


class CommandLine:
    """Runs ``shem`` with nothing of the user's own configuration.

    Args:
        home: a directory for the configuration.
        server: what ``SHEM_SERVER`` says.
    """

    def __init__(self, home: Path, server: str) -> None:
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SHEM_")},
            **{name: value for name, value in os.environ.items() if name == "SHEM_CACHE"},
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
            "SHEM_SERVER": server,
        }

    def __call__(self, *words: str, cwd: Path | None = None) -> Ended:
        done = subprocess.run(
            [SHEM, *words],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            cwd=cwd,
            env=self.environ,
            stdin=subprocess.DEVNULL,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def result(self, *words: str, cwd: Path | None = None) -> str:
        """The stdout of a command that must succeed."""
        ended = self(*words, cwd=cwd)
        assert ended.code == 0, ended
        return ended.out


class Running:
    """A command that goes on until it is told to end, in a process group of its own.

    Attributes:
        code: its exit code, once it has ended.
    """

    def __init__(self, words: list[str], log: Path, environ: Mapping[str, str]) -> None:
        self._log, self._read = log, 0
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [SHEM, *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=environ,
                start_new_session=True,
            )
        self.code: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.code is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def output(self) -> str:
        """All that it has said."""
        return self._log.read_text(errors="replace")

    def says(self, pattern: str) -> re.Match[str]:
        """Wait for ``pattern`` in what it says after the last match."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            text = self.output
            found = re.search(pattern, text[self._read :])
            if found is not None:
                self._read += found.end()
                return found
            ended = self._process.poll()
            assert ended is None, f"it ended with {ended}: {text}"
            assert time.monotonic() < deadline, f"it never said {pattern!r}: {text}"
            time.sleep(0.01)

    def end(self, signum: int) -> int:
        """Send a signal and wait for the end; the exit code. Nothing of its process group may be left."""
        self._process.send_signal(signum)
        self.code = self._process.wait(TIMEOUT_S)
        with pytest.raises(ProcessLookupError):
            os.killpg(self._process.pid, 0)
        return self.code
