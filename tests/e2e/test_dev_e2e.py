"""``shem dev``: what is saved is served, what is broken is told and not served, and nothing is left behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.command_line import CommandLine, Running
from tests.e2e.conftest import write_application

from shem.client import Client
from shem.testing import ServerProcess

SOURCE = """
    from shem_sdk import agent

    @agent
    class Greeter:
        def __init__(self, name: str) -> None:
            self.name = name

        def greet(self) -> str:
            return f"hello {self.name}"
"""
DEPLOYED = r"greeter version (\d+) is deployed\n"


@pytest.fixture
def shem(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home", "http://127.0.0.1:9")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_application(tmp_path / "project", SOURCE, name="greeter")


@pytest.fixture
def dev(shem: CommandLine, project: Path, tmp_path: Path) -> Iterator[Running]:
    words = ["dev", str(project), "--data", str(tmp_path / "data"), "--port", "0"]
    with Running(words, tmp_path / "dev.log", shem.environ) as running:
        yield running


def url(dev: Running) -> str:
    return dev.says(r"shem listening on (http://\S+)")[1]


def test_what_is_saved_is_served_and_what_is_broken_is_not(dev: Running, project: Path) -> None:
    source = project / "agents.py"
    with Client(url(dev)) as client:
        assert dev.says(DEPLOYED)[1] == "0"
        dev.says(r"Greeter\(name: str\)")
        assert client.invoke('Greeter("a")', "greet").result == "hello a"

        source.write_text(source.read_text().replace("hello", "good morning"))
        assert dev.says(DEPLOYED)[1] == "1"
        assert client.invoke('Greeter("b")', "greet").result == "good morning b"

        working = source.read_text()
        source.write_text(working + "    def broken(self:\n")
        dev.says(r"error\[bad-component\] agents\.py:11: ")
        dev.says("the version before stays")
        assert client.invoke('Greeter("c")', "greet").result == "good morning c"

        source.write_text("import no_such_module\n" + working)
        dev.says(r"error\[bad-component\] .*agents\.py:1: .*no_such_module")
        dev.says("the version before stays")

        (project / "no_such_module.py").write_text("")
        assert dev.says(DEPLOYED)[1] == "2"
        assert client.invoke('Greeter("d")', "greet").result == "good morning d"
        assert client.invoke('Greeter("a")', "greet").result == "hello a", "agents stay at their version"
    assert dev.end(signal.SIGTERM) == 0
    assert "Traceback (most recent call last)" not in dev.output.split("no_such_module")[0]


def test_a_project_that_is_broken_from_the_start_is_served_once_it_is_mended(
    dev: Running, project: Path, tmp_path: Path
) -> None:
    source = project / "agents.py"
    working = source.read_text()
    source.write_text("def\n")
    with Client(url(dev)) as client:
        dev.says(r"error\[bad-component\] agents\.py:1: ")
        dev.says("waiting for a change")
        source.write_text(working)
        assert dev.says(DEPLOYED)[1] == "0"
        client.invoke('Greeter("a")', "greet")
    assert dev.end(signal.SIGINT) == 0
    with ServerProcess(tmp_path / "data") as server, Client(server.url) as client:
        assert client.invoke('Greeter("a")', "greet").result == "hello a", "all is there for the next server"


def test_its_own_state_may_lie_in_the_project(shem: CommandLine, project: Path, tmp_path: Path) -> None:
    words = ["dev", str(project), "--data", str(project / "state"), "--port", "0"]
    with Running(words, tmp_path / "log", shem.environ) as dev, Client(url(dev)) as client:
        size = dev.says(r"deploying (greeter \(\d+ kB\))")[1]
        assert dev.says(DEPLOYED)[1] == "0"
        client.invoke('Greeter("a")', "greet")
        assert shem("build", str(project)) == (0, f"{size}\n", "")
        assert dev.end(signal.SIGTERM) == 0
        assert dev.output.count("deploying") == 1


def test_what_is_no_project_is_refused_before_anything_starts(shem: CommandLine, tmp_path: Path) -> None:
    assert shem("dev", "nowhere", cwd=tmp_path).code == 3
    assert not (tmp_path / "home" / "data").exists()
