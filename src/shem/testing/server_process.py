"""A Shem server as a child process: started, killed and started again on one data directory and one port."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

START_TIMEOUT_S = 120.0
"""How long a start may take: recovery of a large data directory on a busy machine."""

STOP_TIMEOUT_S = 30.0
"""How long a graceful stop may take; the server's own grace period is 10 s."""

LISTENING = re.compile(r"shem listening on (http://\S+)")


class ServerFailed(Exception):
    """The process ended, or was not ready in time; the message has the end of its output."""


class ServerProcess:
    """A server on a data directory. Use it as a context manager: it leaves no process behind.

    Args:
        data: data directory; made when missing.
        port: 0 picks a free one, and keeps it over restarts.
        environ: set in the server's environment, on top of this process' own.
    """

    def __init__(self, data: Path, *, port: int = 0, environ: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environ = {**os.environ, **(environ or {})}
        self._log = data.parent / f"{data.name}.server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Of the running server process."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def output(self) -> str:
        """Everything that the server has written since it was made."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Start it, and wait until it is ready.

        Raises:
            ServerFailed: it is not.
        """
        self.spawn()
        self.wait_ready()

    def spawn(self) -> None:
        """Start it, without waiting."""
        assert self._process is None, "the server is running already"
        self.data.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "shem.cli.main", "server", "run"]
        command += ["--data", str(self.data), "--port", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environ
            )
        self._written = self._log.stat().st_size

    def wait_ready(self) -> None:
        """Wait for the line that says that the server listens."""
        deadline = time.monotonic() + START_TIMEOUT_S
        process = self._process
        assert process is not None, "the server was not started"
        while True:
            with self._log.open("rb") as log:
                log.seek(self._written)
                new = log.read().decode(errors="replace")
            if LISTENING.search(new):
                return
            if process.poll() is not None:
                self._process = None
                raise ServerFailed(f"the server ended with code {process.returncode}:\n{new[-4000:]}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServerFailed(f"the server was not ready after {START_TIMEOUT_S:.0f} s:\n{new[-4000:]}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.005)

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> int:
        """SIGTERM, and wait; the exit code."""
        process, self._process = self._process, None
        assert process is not None, "the server is not running"
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise ServerFailed(f"the server did not stop within {STOP_TIMEOUT_S:.0f} s") from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
