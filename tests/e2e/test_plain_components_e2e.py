"""A component that was built without an SDK is an agent like any other, with a method for each of its functions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import wasmtime
from tests.e2e.command_line import CommandLine
from tests.e2e.conftest import EXAMPLES, deploy
from tests.e2e.test_docs_e2e import DOCS, shown, type_in

from shem.client import Client
from shem.errors import BadComponent, BadInput, InvocationFailed, NotFound
from shem.testing import ServerProcess
from shem.views import VersionView

LEDGER = EXAMPLES / "plain_wasm"


@pytest.fixture(scope="module", autouse=True)
def deployed(server: ServerProcess) -> None:
    with Client(server.url) as client:
        deploy(client, LEDGER)


def deploy_text(client: Client, name: str, wat: str) -> VersionView:
    manifest = json.dumps({"name": name, "language": "wasm"}).encode()
    return client.deploy(name, manifest, wasm=bytes(wasmtime.wat2wasm(wat)))


def test_the_binary_of_the_example_is_made_from_its_text() -> None:
    text, binary = (LEDGER / name for name in ("ledger.wat", "ledger.wasm"))
    assert bytes(wasmtime.wat2wasm(text.read_text())) == binary.read_bytes()


def test_its_functions_are_the_methods_of_a_type_named_after_it(client: Client) -> None:
    ledger = client.agent_type("Ledger")
    assert [(each.name, each.type) for each in ledger.constructor] == [("name", "str")]
    methods = {
        method.name: ([(each.name, each.type) for each in method.parameters], method.result)
        for method in ledger.methods
    }
    assert methods == {
        "balance": ([], "s32"),
        "book": ([("amount", "s32")], 'result[s32, "overdrawn" | "too-many"]'),
        "history": ([], "list[s32]"),
    }


def test_its_memory_and_globals_survive_a_kill(server: ServerProcess, client: Client) -> None:
    for amount in (5, -2, 40):
        client.invoke('Ledger("ada")', "book", [amount])
    assert client.invoke('Ledger("ada")', "book", {"amount": -100}).result == {"err": "overdrawn"}
    last = client.invoke('Ledger("ada")', "book", [7], key="seven")
    assert last.result == {"ok": 50}
    size = client.get('Ledger("ada")').oplog_size
    server.kill()
    server.start()
    assert client.invoke('Ledger("ada")', "book", [7], key="seven") == last
    assert client.get('Ledger("ada")').oplog_size == size
    assert client.invoke('Ledger("ada")', "history").result == [5, -2, 40, 7]
    assert client.invoke('Ledger("ada")', "balance").result == 50
    assert client.invoke('Ledger("bob")', "balance").result == 0, "agents share no state"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["much"], r'args\[0\]: expected s32, got "much"'),
        ({"amount": 1 << 31}, "args.amount: expected s32 "),
        ([], r"args\[0\]: expected s32 \(amount\), got nothing"),
        ([1, 2], r"expected 1 argument \(amount: s32\), got 2 arguments"),
    ],
)
def test_arguments_that_do_not_fit_are_named(client: Client, args: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        client.invoke('Ledger("strict")', "book", args)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(NotFound, match="no agent"):
        client.get('Ledger("strict")')


def test_its_wrong_identity_and_unknown_methods_are_named(client: Client) -> None:
    with pytest.raises(BadInput, match=r"parameters\[0\]: expected str, got 5"):
        client.invoke("Ledger(5)", "balance")
    with pytest.raises(NotFound, match='no method "close"') as raised:
        client.invoke('Ledger("ada")', "close")
    assert raised.value.hint == "Its methods: balance, book, history."


def test_a_trap_ends_the_agent_and_says_where(client: Client) -> None:
    deploy_text(
        client,
        "broken-part",
        """(component
          (core module $main (func (export "pass")) (func (export "fail") unreachable))
          (core instance $main (instantiate $main))
          (func (export "pass") (canon lift (core func $main "pass")))
          (func (export "fail") (canon lift (core func $main "fail"))))""",
    )
    assert client.invoke('BrokenPart("a")', "pass").result is None
    with pytest.raises(InvocationFailed, match="unreachable"):
        client.invoke('BrokenPart("a")', "fail")
    assert client.get('BrokenPart("a")').status == "failed"


@pytest.mark.parametrize(
    ("name", "wat", "words"),
    [
        ("empty", "(component)", "exports no functions"),
        (
            "2nd",
            """(component
              (core module $main (func (export "go")))
              (core instance $main (instantiate $main))
              (func (export "go") (canon lift (core func $main "go"))))""",
            "which is no name for a type",
        ),
        (
            "shared",
            """(component
              (core module $main (memory (export "memory") 1 2 shared) (func (export "go")))
              (core instance $main (instantiate $main))
              (alias core export $main "memory" (core memory $memory))
              (func (export "go") (canon lift (core func $main "go"))))""",
            "put away|shared",
        ),
    ],
)
def test_what_cannot_be_an_agent_is_refused(client: Client, name: str, wat: str, words: str) -> None:
    with pytest.raises(BadComponent, match=words):
        deploy_text(client, name, wat)


def test_what_its_start_draws_is_no_part_of_an_agents_history(server: ServerProcess, client: Client) -> None:
    deploy_text(
        client,
        "seeded",
        """(component
          (import "wasi:random/random@0.2.0" (instance $random (export "get-random-u64" (func (result u64)))))
          (alias export $random "get-random-u64" (func $draw))
          (core func $draw (canon lower (func $draw)))
          (core module $main
            (import "" "draw" (func $draw (result i64)))
            (global $seed (mut i64) (i64.const 0))
            (func $start (global.set $seed (call $draw)))
            (start $start)
            (func (export "seed") (result i64) (global.get $seed))
            (func (export "draw") (result i64) (call $draw)))
          (core instance $main (instantiate $main (with "" (instance (export "draw" (func $draw))))))
          (func (export "seed") (result u64) (canon lift (core func $main "seed")))
          (func (export "draw") (result u64) (canon lift (core func $main "draw"))))""",
    )
    seed = client.invoke('Seeded("a")', "seed").result
    drawn = client.invoke('Seeded("a")', "draw", key="draw").result
    kinds = [entry.kind for entry in client.oplog('Seeded("a")').entries]
    assert (kinds[0], kinds.count("host-call")) == ("create", 1)
    server.kill()
    server.start()
    assert client.invoke('Seeded("a")', "seed").result == seed
    assert client.invoke('Seeded("a")', "draw", key="draw").result == drawn
    assert client.invoke('Seeded("b")', "seed").result == seed, "it is drawn once, for the base image"
    assert client.invoke('Seeded("b")', "draw").result != drawn


def test_the_documentation_does_what_it_says(tmp_path: Path) -> None:
    page = (DOCS / "plain-components.md").read_text()
    commands = [each for each in shown(page) if each[0].startswith("shem ")]
    assert len(commands) == 5
    with ServerProcess(tmp_path / "data") as fresh:
        type_in(commands, CommandLine(tmp_path, fresh.url), DOCS.parent)


def test_it_is_used_from_the_command_line_like_any_agent(server: ServerProcess, tmp_path: Path) -> None:
    shem = CommandLine(tmp_path, server.url)
    assert "book(amount: s32) -> result[s32" in shem.result("agent-type", "get", "Ledger")
    shem.result("agent", "invoke", 'Ledger("line")', "book", "3")
    refused = shem.result("agent", "invoke", 'Ledger("line")', "book", "-4", "--json")
    assert json.loads(refused)["result"] == {"err": "overdrawn"}
    assert shem.result("agent", "invoke", 'Ledger("line")', "balance") == "3\n"
    oplog = shem.result("agent", "oplog", 'Ledger("line")')
    assert "book" in oplog
