"""A server process starts in order, ends in order, and never keeps what it has opened."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from shem.errors import Conflict
from shem.server.run import address, listen

PROGRAM = Path(__file__).with_name("served.py")


@contextmanager
def served(behaviour: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), behaviour], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def url(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.fullmatch(r"shem listening on (http://127\.0\.0\.1:\d+) \(data: data\)\n", line)
    assert found, line
    return found[1]


def invoke_in_background(base: str) -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []

    def ask() -> None:
        try:
            answers.append(
                httpx.post(f"{base}/v1/apps/default/envs/default/agents/A(1)/invoke", json={"method": "m"})
            )
        except httpx.TransportError as error:
            answers.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, answers


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_what_runs_finish_and_ends_with_0(signum: int) -> None:
    with served("willing") as process:
        base = url(process)
        thread, answers = invoke_in_background(base)
        while not httpx.get(f"{base}/readyz").is_success:
            pass
        process.send_signal(signum)
        out, err = process.communicate(timeout=30)
        thread.join()
    assert process.returncode == 0, err
    assert out.split() == ["stopping", "closed"]
    # Either it was running and got its answer, or it came too late and was told so: nothing in between.
    assert len(answers) == 1
    assert isinstance(answers[0], httpx.TransportError) or answers[0].status_code in (200, 503)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{base}/healthz")


def test_a_second_signal_ends_at_once() -> None:
    with served("busy") as process:
        url(process)
        assert process.stdout is not None
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "stopping\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 128 + signal.SIGTERM


def test_a_recovery_that_fails_ends_the_server_and_lets_go_of_the_data() -> None:
    with served("failing") as process:
        out, err = process.communicate(timeout=30)
    assert process.returncode == 1, err
    assert out.split() == ["stopping", "closed", "storage-corrupt"]
    assert "listening" not in err


def test_a_data_directory_in_use_is_told_before_anything_else() -> None:
    with served("in-use") as process:
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out.split(), err) == (1, ["data-directory-in-use"], "")


def test_an_address_that_is_taken_is_a_conflict_that_names_it() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert address(taken) == f"http://127.0.0.1:{port}"
        with pytest.raises(Conflict, match=f"port {port}"):
            listen("127.0.0.1", port)
    with pytest.raises(Conflict, match=r"192\.0\.2\.1"):
        listen("192.0.2.1", 0)  # reserved for documentation: no machine has it


def test_an_ipv6_address_stands_in_brackets() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        listener = listen("::1", 0)
    except Conflict:
        pytest.skip("no IPv6 loopback here")
    with listener:
        assert address(listener).startswith("http://[::1]:")
