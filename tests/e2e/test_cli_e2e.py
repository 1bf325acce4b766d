"""The command line against a real server: results, refusals, exit codes, and which stream gets what."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.command_line import CommandLine, Running
from tests.e2e.conftest import deploy, write_application

from shem.client import Client
from shem.testing import ServerProcess

SOURCE = '''
    import json
    import time
    from dataclasses import dataclass
    from shem_sdk import agent

    @dataclass
    class Book:
        title: str
        pages: int | None = None

    @agent
    class Shelf:
        """Holds books."""

        def __init__(self, room: str | int, number: int = 1) -> None:
            self.books: list[Book] = []

        def put(self, book: Book) -> list[Book]:
            self.books.append(book)
            return self.books

        def label(self, text: str, times: int = 1, mark: str | None = None) -> str:
            """A label to print."""
            return text * times + (mark or "")

        def nothing(self) -> None: ...

        def burn(self) -> None:
            raise RuntimeError("books are not burnt here")

        def parse(self, text: str) -> int:
            return len(json.loads(text))

        def wait(self, seconds: float) -> str:
            time.sleep(seconds)
            return "waited"
'''


@pytest.fixture(scope="module")
def shem(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    with Client(server.url) as client:
        deploy(client, write_application(tmp_path_factory.mktemp("app"), SOURCE, name="shelves"))
    return CommandLine(tmp_path_factory.mktemp("home"), server.url)


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_from_nothing_to_an_agent_and_back(shem: CommandLine, tmp_path: Path) -> None:
    bob = 'Counter("bob")'
    made = shem("new", "hello", cwd=tmp_path)
    assert made.code == 0
    assert "hello/counter.py" in made.out.splitlines()
    assert made.err == "next: shem dev hello\n"
    deployed = shem("deploy", "hello", cwd=tmp_path)
    assert deployed.out.startswith(
        "hello version 0 is deployed\nCounter(name: str)  durable  Counts things.\n"
    )
    assert deployed.err.startswith("deploying hello (")
    assert shem("agent", "get", bob).code == 3
    assert shem("agent", "invoke", bob, "increment", "2") == (0, "2\n", "")
    assert shem("agent", "invoke", bob, "increment", "40") == (0, "42\n", "")
    assert "status:     idle" in shem.result("agent", "get", bob).splitlines()
    oplog = shem.result("agent", "oplog", bob).splitlines()
    assert oplog[0].split() == ["INDEX", "AT", "KIND", "DETAIL"]
    assert [line.split()[0] for line in oplog[1:]] == [str(index) for index in range(1, len(oplog))]
    assert bob in shem.result("agent", "list", "--type", "Counter")
    assert shem("agent", "delete", bob) == (0, "", f"deleted {bob}\n")
    assert shem("agent", "delete", bob).code == 3
    assert shem.result("agent", "invoke", bob, "value") == "0\n"
    assert "unchanged" in shem.result("deploy", cwd=tmp_path / "hello")


def test_every_result_is_there_as_json(shem: CommandLine) -> None:
    agent = 'Shelf("json",1)'
    (made,) = lines(shem.result("agent", "new", agent, "-e", "COLOUR=red", "--json"))
    assert (made["id"], made["env"], made["status"]) == (agent, {"COLOUR": "red"}, "idle")
    words = ["agent", "invoke", agent, "put", '{"title":"Emma"}', "--idempotency-key", "k", "--json"]
    (answer,) = lines(shem.result(*words))
    assert answer == {
        "result": [{"title": "Emma", "pages": None}],
        "agent_id": agent,
        "idempotency_key": "k",
        "oplog_index": made["oplog_size"] + 2,
        "version": 0,
    }
    assert lines(shem.result(*words)) == [answer]
    (queued,) = lines(shem.result("agent", "invoke", agent, "nothing", "--trigger", "--json"))
    assert (queued["result"], queued["oplog_index"]) == (None, None)
    assert lines(shem.result("--json", "agent", "get", agent))[0]["component"] == "shelves"
    oplog = lines(shem.result("agent", "oplog", agent, "--from", "2", "--count", "1", "--json"))
    assert [(entry["index"], entry["kind"]) for entry in oplog] == [(2, "agent-invocation-started")]
    assert lines(shem.result("component", "get", "shelves", "--json"))[0]["versions"] == [0]
    (kind,) = lines(shem.result("agent-type", "get", "Shelf", "--json"))
    assert [method["name"] for method in kind["methods"]] == [
        "put",
        "label",
        "nothing",
        "burn",
        "parse",
        "wait",
    ]
    assert lines(shem.result("agent", "delete", agent, "--json")) == [{"deleted": agent}]


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["label", "42", "2"], "4242\n"),
        (["label", '"quo ted"', "1", "null"], "quo ted\n"),
        (["nothing"], "null\n"),
        (["put", '{"title":"Emma","pages":3}'], '[\n  {\n    "title": "Emma",\n    "pages": 3\n  }\n]\n'),
    ],
)
def test_words_are_read_by_the_types_of_the_parameters(shem: CommandLine, words: list[str], out: str) -> None:
    assert shem("agent", "invoke", 'Shelf("words", 7)', *words) == (0, out, "")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("agent invoke Shelf(1) burn", 1, "error[agent-error] RuntimeError: books are not burnt here"),
        ("agent invoke Shelf(1) parse x", 1, "(char 0) (/app/agents.py:33)"),
        ("agent invoke Shelf(1) label x many", 2, 'error[bad-input] args[1]: expected int, got "many"'),
        ("agent invoke Shelf(1) put {}", 2, "error[bad-input] args[0].title: expected str, got nothing"),
        ("agent invoke Shelf(1) --trigerr label", 2, "error[bad-input] there is no option --trigerr"),
        ('agent invoke Shelf("a" nothing', 2, "error[bad-input] malformed agent id"),
        ("deploy /nowhere", 3, "error[not-found] /nowhere is not a folder"),
        ("agent invoke Shelf(1) read", 3, "error[not-found]"),
        ("agent invoke Wardrobe(1) label x", 3, "agent type Wardrobe"),
        ("agent get Shelf(404)", 3, "hint: It is created by its first invocation."),
        ("agent invoke Shelf(1) wait 30 --timeout 0.3", 124, "error[timeout]"),
        ("--server http://127.0.0.1:9 agent list", 69, "hint: Start one with `shem server run`"),
    ],
)
def test_a_refusal_is_told_on_stderr_and_by_the_exit_code(
    shem: CommandLine, words: str, code: int, said: str
) -> None:
    ended = shem(*words.split(" "))
    assert (ended.code, ended.out) == (code, ""), ended
    assert said in ended.err


def test_what_exists_already_is_a_conflict(shem: CommandLine, server: ServerProcess, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    shem.result("agent", "new", 'Shelf("twice")')
    shem.result("agent", "invoke", 'Shelf("twice")', "nothing", "--idempotency-key", "k")
    for words, said in (
        (["new", "full"], "full exists"),
        (["agent", "new", 'Shelf("twice")'], "exists already"),
        (["agent", "invoke", 'Shelf("twice")', "burn", "--idempotency-key", "k"], "idempotency key"),
        (["server", "run", "--data", str(server.data), "--port", "0"], str(server.pid)),
        (["server", "run", "--data", "other", "--port", str(server.port)], str(server.port)),
    ):
        ended = shem(*words, cwd=tmp_path)
        assert (ended.code, ended.out) == (4, ""), ended
        assert said in ended.err


def test_ctrl_c_leaves_the_invocation_alone(shem: CommandLine, client: Client, tmp_path: Path) -> None:
    agent = 'Shelf("patient",1)'
    client.create(agent)
    words = ["agent", "invoke", agent, "wait", "1", "--idempotency-key", "k"]
    with Running(words, tmp_path / "log", shem.environ) as waiting:
        while client.get(agent).status != "running":
            pass
        assert waiting.end(signal.SIGINT) == 130
        assert waiting.output == ""
    assert client.invoke(agent, "wait", [1.0], key="k").result == "waited"


def test_a_server_says_where_it_is_and_ends_with_0(shem: CommandLine, tmp_path: Path) -> None:
    words = ["server", "run", "--data", str(tmp_path / "data"), "--port", "0", "--json"]
    with Running(words, tmp_path / "log", shem.environ) as server:
        url = server.says(r'\{"url":"(http://127\.0\.0\.1:\d+)"')[1]
        assert shem.result("agent", "list", "--server", url, "--json") == ""
        assert server.end(signal.SIGTERM) == 0
    assert shem("agent", "list", "--server", url).code == 69
