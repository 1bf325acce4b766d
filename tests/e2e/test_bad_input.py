"""Bad input is answered with what is wrong and where; nothing else suffers."""

from __future__ import annotations

import json
import sqlite3
import zlib
from pathlib import Path

import httpx
import msgspec
import pytest
from tests.e2e.conftest import deploy, write_application

from shem.client import Client
from shem.client.retry import Retry
from shem.errors import (
    BadComponent,
    BadInput,
    Conflict,
    Divergence,
    NotFound,
    ShemError,
    StorageCorrupt,
    TooLarge,
)
from shem.oplog import codec, payload
from shem.oplog.entries import AgentInvocationFinished
from shem.testing import ServerFailed, ServerProcess

SOURCE = """
    from dataclasses import dataclass
    from shem_sdk import agent

    @dataclass
    class Item:
        name: str
        price: float
        count: int = 1

    @agent
    class Cart:
        def __init__(self, owner: str, number: int = 0) -> None:
            self.items: list[Item] = []

        def add(self, items: list[Item]) -> int:
            self.items += items
            return len(self.items)

        def total(self) -> float:
            return sum(item.price * item.count for item in self.items)
"""


@pytest.fixture(scope="module", autouse=True)
def deployed(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> None:
    with Client(server.url) as client:
        deploy(client, write_application(tmp_path_factory.mktemp("app"), SOURCE, name="carts"))


@pytest.mark.parametrize(
    ("agent", "method", "args", "kind", "words"),
    [
        ("Basket(1)", "add", [], NotFound, "agent type Basket"),
        ('Cart("a")', "remove", [], NotFound, "remove"),
        ('Cart("a")', "add", [], BadInput, "items"),
        ('Cart("a")', "add", [[], []], BadInput, "expected 1 argument"),
        ('Cart("a")', "add", {"itms": []}, BadInput, "got an argument .itms."),
        ('Cart("a")', "add", ["many"], BadInput, r"args\[0\]: expected list"),
        (
            'Cart("a")',
            "add",
            [[{"name": "x", "price": 1}, {"name": "y", "price": "dear"}]],
            BadInput,
            r"args\[0\]\[1\].price",
        ),
        ('Cart("a")', "add", [[{"name": "x"}]], BadInput, r"args\[0\]\[0\].price"),
        (
            'Cart("a")',
            "add",
            [[{"name": "x", "price": 1, "count": 2**63}]],
            BadInput,
            r"args\[0\]\[0\].count",
        ),
        ('Cart("a")', "add", [[{"name": "x", "price": 1, "color": "red"}]], BadInput, "color"),
        ("Cart(1)", "total", [], BadInput, r"parameters\[0\]: expected str"),
        ('Cart("a", "b")', "total", [], BadInput, r"parameters\[1\]: expected int"),
        ("Cart()", "total", [], BadInput, "owner"),
        ('Cart("a"', "total", [], BadInput, r"\)"),
        ("Cart", "total", [], BadInput, r"\("),
        ("()", "total", [], BadInput, "no name"),
        (f'Cart("{"x" * 600}")', "total", [], TooLarge, "512"),
    ],
)
def test_a_wrong_invocation_names_what_is_wrong(
    client: Client,
    agent: str,
    method: str,
    args: list[object] | dict[str, object],
    kind: type[ShemError],
    words: str,
) -> None:
    with pytest.raises(kind, match=words):
        client.invoke(agent, method, args)


def test_defaults_are_filled_in(client: Client) -> None:
    assert (
        client.invoke('Cart("defaults")', "add", [[{"name": "x", "price": 2.5}]]).agent_id
        == 'Cart("defaults",0)'
    )
    assert client.invoke('Cart( "defaults" , 0 )', "total").result == 2.5


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"method": 1}', b'{"args": []}', b"\xff"])
def test_a_body_that_is_not_a_request_is_answered_with_400(server: ServerProcess, body: bytes) -> None:
    url = f"{server.url}/v1/apps/default/envs/default/agents/Cart(%22a%22)/invoke"
    answer = httpx.post(url, content=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "bad-input"


def test_broken_wasm_is_refused_and_says_where(client: Client) -> None:
    manifest = json.dumps({"name": "broken", "language": "wasm"}).encode()
    for wasm in (b"hello", b"\0asm", b"\0asm\x0d\0\x01\0\xff\xff", b"\0asm\x01\0\0\0"):
        with pytest.raises(BadComponent):
            client.deploy("broken", manifest, wasm=wasm)
    with pytest.raises(NotFound):
        client.component("broken")


def test_broken_sources_are_refused_with_file_and_line_and_the_old_version_stays(
    client: Client, tmp_path: Path
) -> None:
    with pytest.raises(BadComponent, match=r"agents\.py.*3"):
        deploy(client, write_application(tmp_path, "\nx = 1\ndef broken(:\n", name="carts"))
    with pytest.raises(BadComponent, match=r"agents\.py.*2"):
        deploy(client, write_application(tmp_path, "\nimport no_such_module\n", name="carts"))
    unfit = SOURCE.replace("list[Item]) -> int", "complex) -> int")
    with pytest.raises(BadComponent, match=r"agents\.py.*complex|complex.*agents\.py"):
        deploy(client, write_application(tmp_path, unfit, name="carts"))
    with pytest.raises(BadInput, match="defines no agent types"):
        deploy(client, write_application(tmp_path, "x = 1\n", name="carts"))
    assert client.component("carts").versions == [0]
    assert client.invoke('Cart("still here")', "total").result == 0


def test_an_ephemeral_agent_type_is_refused_rather_than_run_as_a_durable_one(
    client: Client, tmp_path: Path
) -> None:
    source = SOURCE.replace("@agent", '@agent(mode="ephemeral")').replace("class Cart", "class Brief")
    with pytest.raises(BadComponent, match="Brief is ephemeral"):
        deploy(client, write_application(tmp_path, source, name="brief"))


def test_a_type_that_another_component_defines_is_refused(client: Client, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="Cart"):
        deploy(client, write_application(tmp_path, SOURCE, name="other"))


def test_a_new_version_is_for_new_agents_and_old_ones_stay(client: Client, tmp_path: Path) -> None:
    client.invoke('Cart("old")', "total")
    newer = write_application(tmp_path, SOURCE.replace("return len(self.items)", "return -1"), name="carts")
    assert deploy(client, newer).version == 1
    assert deploy(client, newer).unchanged
    item = [[{"name": "x", "price": 1}]]
    assert client.invoke('Cart("old")', "add", item).result == 1
    assert client.invoke('Cart("new")', "add", item).result == -1
    assert (client.get('Cart("old")').version, client.get('Cart("new")').version) == (0, 1)


def test_agents_of_a_type_that_is_gone_live_on_but_no_new_ones_come(client: Client, tmp_path: Path) -> None:
    source = SOURCE.replace("class Cart", "class Basket")
    deploy(client, write_application(tmp_path, source, name="baskets"))
    client.invoke('Basket("old")', "total")
    deploy(client, write_application(tmp_path, source.replace("class Basket", "class Bag"), name="baskets"))
    assert client.invoke('Basket("old")', "total").result == 0
    with pytest.raises(NotFound, match="none can be created"):
        client.invoke('Basket("new")', "total")
    assert client.invoke('Bag("new")', "total").result == 0
    client.delete('Basket("old")')


def test_a_damaged_row_fails_its_agent_by_index_and_no_other(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, Client(server.url, retry=Retry(budget_s=5)) as client:
        deploy(client, write_application(tmp_path / "app", SOURCE, name="carts"))
        for owner in ("damaged", "sound"):
            client.invoke(f'Cart("{owner}")', "add", [[{"name": "x", "price": 1}]])
        server.stop()
        with sqlite3.connect(server.data / "shem.db") as database:
            agent, index, entry = database.execute(
                "SELECT o.agent, o.idx, o.entry FROM oplog o JOIN agent a ON a.agent = o.agent"
                " WHERE a.name LIKE '%damaged%' ORDER BY o.idx DESC"
            ).fetchone()
            flipped = bytes([*entry[:-1], entry[-1] ^ 1])
            database.execute(
                "UPDATE oplog SET entry = ? WHERE agent = ? AND idx = ?", (flipped, agent, index)
            )
        server.start()
        with pytest.raises(StorageCorrupt, match=f"index {index}"):
            client.invoke('Cart("damaged")', "total")
        assert client.invoke('Cart("sound")', "total").result == 1


def test_a_history_that_the_code_does_not_reproduce_stops_the_agent_and_names_both_sides(
    tmp_path: Path,
) -> None:
    with ServerProcess(tmp_path / "data") as server, Client(server.url, retry=Retry(budget_s=5)) as client:
        deploy(client, write_application(tmp_path / "app", SOURCE, name="carts"))
        for owner in ("changed", "sound"):
            client.invoke(f'Cart("{owner}")', "add", [[{"name": "x", "price": 1}]])
        size = client.get('Cart("changed")').oplog_size
        server.stop()
        with sqlite3.connect(server.data / "shem.db") as database:
            agent, index, data = database.execute(
                "SELECT o.agent, o.idx, o.entry FROM oplog o JOIN agent a ON a.agent = o.agent"
                " WHERE a.name LIKE '%changed%' ORDER BY o.idx DESC"
            ).fetchone()
            entry = codec.decode(data, index)
            assert isinstance(entry, AgentInvocationFinished)
            result = ("ok", ("tuple", [("component-model", {"nodes": [("prim-s64", 7)]})]))
            other = codec.encode(msgspec.structs.replace(entry, result=payload.encode(result)))
            database.execute(
                "UPDATE oplog SET entry = ?, checksum = ? WHERE agent = ? AND idx = ?",
                (other, zlib.crc32(other), agent, index),
            )
        server.start()
        with pytest.raises(Divergence) as raised:
            client.invoke('Cart("changed")', "total")
        assert raised.value.index == index
        assert "7" in raised.value.expected
        assert "1" in raised.value.got
        assert client.get('Cart("changed")').oplog_size == size, "nothing is written after a divergence"
        assert client.invoke('Cart("sound")', "total").result == 1


def test_a_second_server_on_the_same_data_is_refused_and_told_who_holds_it(server: ServerProcess) -> None:
    second = ServerProcess(server.data)
    with pytest.raises(ServerFailed, match=str(server.pid)) as raised:
        second.start()
    assert "data-directory-in-use" in str(raised.value)
    assert "code 4" in str(raised.value)
