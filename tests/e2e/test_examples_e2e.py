"""Each example does what it shows, and after a SIGKILL is found as it was."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.e2e.command_line import CommandLine
from tests.e2e.conftest import EXAMPLES, deploy

from shem.client import Client
from shem.errors import AgentError
from shem.testing import ServerProcess

TEA = {"sku": "tea", "title": "Green tea", "price": "4.50"}


@pytest.fixture(scope="module", autouse=True)
def deployed(server: ServerProcess) -> None:
    with Client(server.url) as client:
        for directory in sorted(EXAMPLES.iterdir()):
            if (directory / "pyproject.toml").exists():
                assert deploy(client, directory).version == 0


class Agent:
    """One agent, called as its methods are written."""

    def __init__(self, client: Client, agent: str) -> None:
        self._client, self._agent = client, agent

    def __call__(self, method: str, *args: Any, **named: Any) -> Any:
        return self._client.invoke(self._agent, method, named or args).result

    @contextmanager
    def refuses(self, kind: str, words: str) -> Iterator[None]:
        with pytest.raises(AgentError, match=words) as raised:
            yield
        assert raised.value.details["type"] == kind


def killed(server: ServerProcess) -> None:
    server.kill()
    server.start()


def test_counter(server: ServerProcess, client: Client) -> None:
    counter = Agent(client, 'Counter("bob")')
    assert (counter("increment"), counter("increment", 41), counter("increment", by=-2)) == (1, 42, 40)
    (seen,) = counter("observe")
    assert UUID(seen["id"]).version == 4
    assert 0 <= seen["number"] < 1
    assert abs(seen["seconds"] - datetime.now(UTC).timestamp()) < 60
    size = client.get('Counter("bob")').oplog_size
    killed(server)
    assert (counter("value"), counter("observed")) == (40, [seen])
    later = counter("observe")
    assert later[0] == seen
    assert later[1]["seconds"] > seen["seconds"]
    assert client.get('Counter("bob")').oplog_size > size


def test_shopping_cart(server: ServerProcess, client: Client) -> None:
    cart = Agent(client, 'ShoppingCart("ada")')
    with cart.refuses("ValueError", "the cart is empty"):
        cart("check_out")
    assert cart("add", TEA) == {"tea": 1}
    assert cart("add", product=TEA | {"sku": "pot", "price": "19.90"}, quantity=2) == {"tea": 1, "pot": 2}
    with cart.refuses("shopping_cart.OutOfStock", "only 98 left"):
        cart("add", TEA, 99)
    assert cart("total") == "44.30"
    killed(server)
    assert cart("total") == "44.30"
    assert (cart("remove", "pot"), cart("remove", "pot")) == (True, False)
    order = cart("check_out", "ring twice")
    UUID(order["id"])
    assert datetime.now(UTC) - datetime.fromisoformat(order["at"]) < timedelta(minutes=1)
    assert order["lines"] == [{"product": TEA, "quantity": 1}]
    assert (order["total"], order["note"], order["tags"]) == ("4.50", "ring twice", [])
    killed(server)
    assert cart("orders") == [order]
    assert cart("total") == "0"


def test_todo(server: ServerProcess, client: Client) -> None:
    todo = Agent(client, 'TodoList("ada")')
    assert [todo("add", text) for text in ("buy tea", "drink tea", "wash up")] == [1, 2, 3]
    with todo.refuses("ValueError", "nothing to do"):
        todo("add", "  ")
    with todo.refuses("IndexError", "there is no item 4"):
        todo("finish", 4)
    assert todo("finish", 1)["done"] is True
    items = todo("items")
    assert [(item["text"], item["done"]) for item in items] == [
        ("buy tea", True),
        ("drink tea", False),
        ("wash up", False),
    ]
    killed(server)
    assert todo("items") == items
    assert todo("clear_done") == 1
    killed(server)
    assert todo("items") == items[1:]
    assert Agent(client, 'TodoList("bob")')("items") == [], "a file belongs to one agent"


@pytest.mark.parametrize("readme", sorted(EXAMPLES.glob("*/README.md")), ids=lambda path: path.parent.name)
def test_what_its_readme_tells_to_type_works(server: ServerProcess, readme: Path, tmp_path: Path) -> None:
    shem = CommandLine(tmp_path, server.url)
    typed = [
        line.split("    shem ")[1] for line in readme.read_text().splitlines() if "    shem agent" in line
    ]
    assert len(typed) >= 3
    for command in typed:
        shem.result(*shlex.split(command))
