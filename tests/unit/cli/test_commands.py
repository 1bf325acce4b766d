"""Every command does what it says, prints results alone on stdout, and ends with the right code."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shem import client as client_module
from shem.cli import application
from shem.cli.failure import exit_code
from shem.cli.main import run
from shem.client import Client, TimedOut, Unreachable
from shem.errors import (
    AgentError,
    BadComponent,
    BadInput,
    Conflict,
    DataDirectoryInUse,
    InvocationFailed,
    NotAllowed,
    NotFound,
    ShemError,
)
from shem.testing.rooms import Server

BOB = 'Counter("bob")'


class Shem:
    """The command line over a server in memory."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.server = Server()
        self.clients: list[dict[str, Any]] = []
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        code = run(list(words))
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def result(self, *words: str) -> str:
        code, out, err = self(*words)
        assert code == 0, err
        return out

    def data(self, *words: str) -> list[Any]:
        return [json.loads(line) for line in self.result(*words, "--json").splitlines()]


@pytest.fixture
def shem(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shem:
    made = Shem(capsys)

    def connect(url: str, app: str, env: str, **how: Any) -> Client:
        made.clients.append({"url": url, "app": app, "env": env, **how})
        return Client(url, app, env, http=made.server, **how)

    monkeypatch.setattr(client_module, "Client", connect)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("SHEM_SERVER", "SHEM_DATA"):
        monkeypatch.delenv(name, raising=False)
    return made


def test_a_method_is_invoked_with_words_read_by_its_types(shem: Shem) -> None:
    assert shem.result("agent", "invoke", BOB, "increment", "2") == "[\n  2\n]\n"
    shem.result("agent", "invoke", BOB, "increment", "-2")
    shem.result("agent", "invoke", BOB, "rename", "42")
    assert [each[:3] for each in shem.server.executor.invocations] == [
        (BOB, "increment", [2]),
        (BOB, "increment", [-2]),
        (BOB, "rename", ["42"]),
    ]


def test_a_text_result_is_printed_as_it_is_and_others_as_json(shem: Shem) -> None:
    shem.server.executor.result = lambda args: "héllo\nworld"
    assert shem.result("agent", "invoke", BOB, "increment") == "héllo\nworld\n"
    shem.server.executor.result = lambda args: None
    assert shem.result("agent", "invoke", BOB, "increment") == "null\n"


def test_json_gives_the_whole_answer(shem: Shem) -> None:
    (answer,) = shem.data("agent", "invoke", BOB, "increment", "2", "--idempotency-key", "k")
    assert answer == {"result": [2], "agent_id": BOB, "idempotency_key": "k", "oplog_index": 1, "version": 0}


def test_a_trigger_prints_the_key_under_which_the_result_can_be_had(shem: Shem) -> None:
    code, out, err = shem("agent", "invoke", BOB, "increment", "--trigger", "--idempotency-key", "k")
    assert (code, out) == (0, "k\n")
    assert "queued" in err
    assert shem.server.executor.invocations[0][-1] == "trigger"


def test_an_agent_is_made_shown_listed_and_deleted(shem: Shem) -> None:
    assert "A=1 B=x=y" in shem.result("agent", "new", BOB, "--env", "A=1", "--env", "B=x=y")
    assert "status:     idle" in shem.result("agent", "get", BOB)
    assert [agent["id"] for agent in shem.data("agent", "list")] == [BOB]
    table = shem.result("agent", "list").splitlines()
    assert table[0].split() == ["AGENT", "STATUS", "VERSION", "MODE", "ENTRIES", "CREATED"]
    assert table[1].startswith(BOB)
    code, out, err = shem("agent", "delete", BOB)
    assert (code, out, err) == (0, "", f"deleted {BOB}\n")
    assert shem("agent", "get", BOB)[0] == 3


def test_the_history_is_shown_as_lines(shem: Shem) -> None:
    assert [entry["index"] for entry in shem.data("agent", "oplog", BOB, "--from", "3", "--count", "2")] == [
        3,
        4,
    ]
    assert "log" in shem.result("agent", "oplog", BOB, "--count", "1")


def test_components_and_agent_types_are_shown(shem: Shem) -> None:
    assert shem.data("component", "list")[0]["name"] == "counter"
    assert shem.data("component", "get", "counter")[0]["versions"] == [0, 1]
    assert "Counter" in shem.result("component", "list")
    assert "versions:     0, 1" in shem.result("component", "get", "counter")
    assert shem.data("agent-type", "list")[0]["name"] == "Counter"
    assert "Counter(name: str)" in shem.result("agent-type", "list")
    shown = shem.result("agent-type", "get", "Counter")
    assert "increment(by: int = 1) -> int" in shown
    assert """shem agent invoke 'Counter("bob")' rename bob""" in shown


class Package:
    name = "counter"
    manifest = b'{"name":"counter"}'
    wasm = None
    files = b"PK"


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Callable[[ShemError | None], None]:
    """Packages any directory, or refuses with the error given."""

    def choose(error: ShemError | None) -> None:
        def load(directory: Path) -> Package:
            if error is not None:
                raise error
            return Package()

        monkeypatch.setattr(application, "package_directory", load)

    choose(None)
    return choose


def test_a_deployment_shows_how_to_call_what_it_deployed(
    shem: Shem, package: Callable[[ShemError | None], None]
) -> None:
    code, out, err = shem("deploy", "somewhere")
    assert code == 0
    assert out.startswith("counter version 0 is deployed\nCounter(name: str)  durable  Counts things.\n")
    assert "deploying counter (1 kB) to http://127.0.0.1:8421" in err
    assert "unchanged" in shem.result("deploy", "somewhere")
    assert shem.data("deploy", "somewhere")[0]["unchanged"] is True


def test_a_syntax_error_is_told_with_file_and_line(
    shem: Shem, package: Callable[[ShemError | None], None]
) -> None:
    package(
        BadComponent("invalid syntax", file="counter.py", line=3, traceback="  x = (\n", hint="Close it.")
    )
    code, out, err = shem("deploy", "somewhere")
    assert (code, out) == (1, "")
    assert err == "error[bad-component] invalid syntax (counter.py:3)\n    x = (\nhint: Close it.\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AgentError("x"), 1),
        (InvocationFailed("x"), 1),
        (BadInput("x"), 2),
        (NotFound("x"), 3),
        (Conflict("x"), 4),
        (DataDirectoryInUse("x"), 4),
        (NotAllowed("x"), 5),
        (Unreachable("x"), 69),
        (TimedOut("x"), 124),
    ],
)
def test_exit_codes_tell_errors_apart(error: ShemError, code: int) -> None:
    assert exit_code(error) == code


def test_a_refusal_of_the_agent_is_told_with_its_traceback(shem: Shem) -> None:
    shem.server.executor.failure = AgentError(
        "ValueError: too much", hint="Take less.", traceback="File x\nline 2\n"
    )
    code, out, err = shem("agent", "invoke", BOB, "increment")
    assert (code, out) == (1, "")
    assert err == "error[agent-error] ValueError: too much\n  File x\n  line 2\nhint: Take less.\n"


@pytest.mark.parametrize(
    "words",
    [
        ["agent", "invok"],
        ["agent", "invoke"],
        ["agent", "get", BOB, "--nonsense"],
        ["agent", "invoke", BOB, "increment", "--trigerr"],
        ["agent", "invoke", BOB, "--trigerr", "increment"],
        ["agent", "invoke", "--trigerr", BOB, "increment"],
        ["agent", "invoke", "Counter", "increment", "1"],
        ["agent", "new", BOB, "--env", "A"],
        ["agent", "oplog", BOB, "--from", "0"],
        ["completion", "tcsh"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_a_usage_error(shem: Shem, words: list[str]) -> None:
    code, out, err = shem(*words)
    assert (code, out) == (2, "")
    assert err.startswith("error[")
    assert shem.server.executor.invocations == []


def test_ctrl_c_ends_with_130(shem: Shem) -> None:
    shem.server.executor.failure = KeyboardInterrupt()
    assert shem("agent", "invoke", BOB, "increment")[0] == 130


def test_the_server_is_option_then_environment_then_profile_then_default(
    shem: Shem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def url() -> str:
        shem.result("component", "list")
        last: str = shem.clients[-1]["url"]
        return last

    assert url() == "http://127.0.0.1:8421"
    config = tmp_path / "config" / "shem" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('profile = "p"\n[profiles.p]\nserver = "http://profile"\nenvironment = "default"\n')
    assert url() == "http://profile"
    monkeypatch.setenv("SHEM_SERVER", "http://environment")
    assert url() == "http://environment"
    shem.result("component", "list", "--server", "http://option")
    assert shem.clients[-1]["url"] == "http://option"


def test_options_of_all_commands_may_stand_before_the_command(shem: Shem) -> None:
    shem.result("agent", "new", BOB)
    listed = shem.result("--json", "--server", "http://before", "--app", "default", "agent", "list")
    assert json.loads(listed)["id"] == BOB
    assert shem.clients[-1]["url"] == "http://before"
    shem.result("--server", "http://before", "agent", "list", "--server", "http://after")
    assert shem.clients[-1]["url"] == "http://after"
    assert json.loads(shem.result("--json", "agent", "delete", BOB)) == {"deleted": BOB}


@pytest.mark.parametrize(
    "words",
    [["--data", "x", "agent", "list"], ["--server", "http://x", "server", "run"], ["--app", "x", "build"]],
)
def test_an_option_before_a_command_that_does_not_have_it_is_refused(shem: Shem, words: list[str]) -> None:
    code, out, err = shem(*words)
    assert (code, out) == (2, "")
    assert words[0] in err


@pytest.mark.parametrize("words", [[], ["agent"], ["server"]])
def test_a_group_without_a_command_shows_its_commands(shem: Shem, words: list[str]) -> None:
    code, out, err = shem(*words)
    assert (code, out) == (2, "")
    assert err.startswith(" ".join(["Usage: shem", *words]))


@pytest.mark.parametrize(
    "text", ["profile = ", 'profile = "missing"', "[profiles.default]\nserver = 1", "colour = 1"]
)
def test_a_broken_configuration_file_is_named(shem: Shem, tmp_path: Path, text: str) -> None:
    config = tmp_path / "config" / "shem" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(text)
    code, out, err = shem("component", "list")
    assert (code, out) == (2, "")
    assert str(config) in err


def test_every_command_takes_json() -> None:
    import typer

    from shem.cli.main import app

    def commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from commands(command, f"{path} {name}")
            else:
                yield f"{path} {name}", command

    without = {
        path
        for path, command in commands(typer.main.get_command(app), "shem")
        if not any("--json" in parameter.opts for parameter in command.params)
    }
    assert without == set()


def test_nobody_reading_is_no_error(shem: Shem, monkeypatch: pytest.MonkeyPatch) -> None:
    read, written = os.pipe()
    os.close(read)
    with io.TextIOWrapper(os.fdopen(written, "wb", buffering=0), write_through=True) as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert run(["component", "list"]) == 141


def test_help_and_completion_import_nothing_heavy() -> None:
    heavy = ["httpx", "uvicorn", "starlette", "wasmtime", "watchfiles", "apsw", "structlog", "asyncio"]
    program = (
        "import sys\nfrom shem.cli.main import run\nrun(['--help'])\n"
        f"sys.exit(' '.join(name for name in {heavy} if name in sys.modules) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "agent-type" in done.stdout


def test_colour_is_left_out_where_it_is_not_wanted() -> None:
    program = "from shem.cli.main import run\nrun(['--help'])"
    environ = {**os.environ, "NO_COLOR": "1", "FORCE_COLOR": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=60, check=True, env=environ
    )
    assert b"\x1b" not in done.stdout


def test_a_shell_is_answered_with_completions(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["completion", "bash"]) == 0
    assert "_SHEM_COMPLETE" in capsys.readouterr().out
    monkeypatch.setenv("_SHEM_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "shem ag")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit) as ended:
        run([])
    assert ended.value.code == 0
    assert capsys.readouterr().out.split() == ["agent", "agent-type"]


def test_an_application_is_made_packaged_and_deployed(shem: Shem, tmp_path: Path) -> None:
    directory = tmp_path / "my-app"
    made = shem.result("new", str(directory)).splitlines()
    assert str(directory / "counter.py") in made
    assert all(Path(file).is_file() for file in made)
    assert shem("new", str(directory))[0] == 4
    assert shem("new", str(tmp_path / "other"), "--template", "nothing")[0] == 2
    assert shem.data("build", str(directory))[0]["name"] == "my-app"
    shem.result("deploy", str(directory))
    name, _, wasm, files = shem.server.registry.deployed[0]
    assert (name, wasm) == ("my-app", None)
    assert files is not None
    (directory / "counter.py").write_text("def increment(self:\n")
    code, _, err = shem("deploy", str(directory))
    assert code == 1
    assert "error[bad-component] counter.py:1" in err
    assert len(shem.server.registry.deployed) == 1
    assert shem("deploy", str(tmp_path / "missing"))[0] == 3


def test_what_the_system_refuses_is_told_without_a_traceback(shem: Shem, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file where a folder should be")
    (tmp_path / "file").write_text("")
    code, out, err = shem("new", str(tmp_path / "file" / "below"))
    assert (code, out) == (1, "")
    assert err.startswith("error[system] ")
