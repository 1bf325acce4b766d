"""The methods of the REST interface as methods of Python."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from shem.client.errors import UnexpectedAnswer
from shem.client.retry import Retry
from shem.client.transport import Transport
from shem.clock import Clock, SystemClock
from shem.views import (
    AgentPage,
    AgentTypeView,
    AgentView,
    ComponentView,
    Invoked,
    OplogItem,
    OplogPage,
    VersionView,
)

T = TypeVar("T")

PAGE_ENTRIES = 500
"""Oplog entries fetched at a time; the server gives at most 1,000."""

DEFAULT_URL = "http://127.0.0.1:8421"


class Client:
    """A server, seen from outside, in one environment of one application. May be shared by threads.

    Every method raises the errors of ``shem.errors`` that the server answers with, and those of
    ``shem.client.errors``. Where the connection is lost, or the server is busy or restarts, the request is
    repeated within the bounds of ``retry``.

    Args:
        url: where the server is.
        app: application.
        env: environment.
        timeout_s: for one answer; None waits as long as an invocation takes.
        retry: how long and how often to repeat.
        http: the port to the network, for tests.
        clock, sleep, chance: what retries are timed with, for tests.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        app: str = "default",
        env: str = "default",
        *,
        timeout_s: float | None = None,
        retry: Retry | None = None,
        http: httpx.BaseTransport | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.url = url.rstrip("/")
        self._base = f"/v1/apps/{_segment(app)}/envs/{_segment(env)}"
        self._transport = Transport(
            self.url,
            timeout_s=timeout_s,
            retry=retry or Retry(),
            http=http,
            clock=clock or SystemClock(),
            sleep=sleep,
            chance=chance,
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ready(self) -> None:
        """Returns when the server takes work."""
        self._transport.request("GET", "/readyz", repeatable=True)

    def deploy(
        self, name: str, manifest: bytes, *, wasm: bytes | None = None, files: bytes | None = None
    ) -> VersionView:
        """A new version of the component ``name``; one that equals the newest is ``unchanged``."""
        parts: dict[str, tuple[str, bytes, str]] = {
            "manifest": ("manifest.json", manifest, "application/json")
        }
        if wasm is not None:
            parts["wasm"] = ("component.wasm", wasm, "application/wasm")
        if files is not None:
            parts["files"] = ("files.zip", files, "application/zip")
        path = f"{self._base}/components/{_segment(name)}"
        return self._ask(VersionView, "POST", path, repeatable=True, files=parts)

    def components(self) -> list[ComponentView]:
        return self._ask(list[ComponentView], "GET", f"{self._base}/components")

    def component(self, name: str) -> ComponentView:
        return self._ask(ComponentView, "GET", f"{self._base}/components/{_segment(name)}")

    def version(self, name: str, number: int) -> VersionView:
        return self._ask(VersionView, "GET", f"{self._base}/components/{_segment(name)}/versions/{number}")

    def agent_types(self) -> list[AgentTypeView]:
        return self._ask(list[AgentTypeView], "GET", f"{self._base}/agent-types")

    def agent_type(self, name: str) -> AgentTypeView:
        return self._ask(AgentTypeView, "GET", f"{self._base}/agent-types/{_segment(name)}")

    def invoke(
        self,
        agent: str,
        method: str,
        args: Sequence[Any] | Mapping[str, Any] = (),
        *,
        key: str | None = None,
        trigger: bool = False,
    ) -> Invoked:
        """Invoke a method; the agent is created when it does not exist.

        Args:
            args: JSON-compatible values, by position or by name.
            key: idempotency key; without one each call of this method is an invocation of its own. All
                attempts of one call have the same key, so it happens once, however many are made.
            trigger: return as soon as the invocation is durably queued, without its result.
        """
        body = {"method": method, "args": args, "mode": "trigger" if trigger else "await"}
        return self._ask(
            Invoked,
            "POST",
            f"{self._agent(agent)}/invoke",
            repeatable=True,
            content=msgspec.json.encode(body),
            headers={"content-type": "application/json", "idempotency-key": key or str(uuid.uuid4())},
        )

    def create(self, agent: str, env: Mapping[str, str] | None = None) -> AgentView:
        """Create an agent with environment variables of its own. Raises ``Conflict`` where it exists."""
        return self._ask(
            AgentView,
            "POST",
            self._agent(agent),
            repeatable=False,
            content=msgspec.json.encode({"env": dict(env or {})}),
            headers={"content-type": "application/json"},
        )

    def get(self, agent: str) -> AgentView:
        return self._ask(AgentView, "GET", self._agent(agent))

    def page(
        self,
        *,
        type: str | None = None,
        status: str | None = None,
        version: int | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> AgentPage:
        """One page of agents, in the order of their creation."""
        wanted = {"type": type, "status": status, "version": version, "cursor": cursor, "limit": limit}
        params = {name: value for name, value in wanted.items() if value is not None}
        return self._ask(AgentPage, "GET", f"{self._base}/agents", params=params)

    def agents(
        self, *, type: str | None = None, status: str | None = None, version: int | None = None
    ) -> Iterator[AgentView]:
        """All agents, fetched a page at a time as they are asked for."""
        cursor: str | None = None
        while True:
            page = self.page(type=type, status=status, version=version, cursor=cursor)
            yield from page.agents
            cursor = page.cursor
            if cursor is None:
                return

    def delete(self, agent: str) -> None:
        """Delete an agent with everything that belongs to it. Raises ``NotFound``."""
        self._transport.request("DELETE", self._agent(agent), repeatable=True)

    def history(self, agent: str, *, start: int = 1, count: int | None = None) -> Iterator[OplogItem]:
        """At most ``count`` entries from oplog index ``start`` on, fetched a page at a time."""
        following: int | None = start
        left = count
        while following is not None and left != 0:
            page = self.oplog(agent, start=following, count=min(left or PAGE_ENTRIES, PAGE_ENTRIES))
            yield from page.entries
            left = None if left is None else left - len(page.entries)
            following = page.next if page.entries else None

    def oplog(self, agent: str, *, start: int = 1, count: int = 100) -> OplogPage:
        """Entries from oplog index ``start`` on."""
        return self._ask(
            OplogPage, "GET", f"{self._agent(agent)}/oplog", params={"from": start, "count": count}
        )

    def _agent(self, agent: str) -> str:
        return f"{self._base}/agents/{_segment(agent)}"

    def _ask(self, kind: type[T], method: str, path: str, *, repeatable: bool = True, **how: Any) -> T:
        body = self._transport.request(method, path, repeatable=repeatable, **how)
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.DecodeError as error:
            raise UnexpectedAnswer(f"the answer of {self.url}{path} cannot be read: {error}") from None


def _segment(text: str) -> str:
    return quote(text, safe="")
