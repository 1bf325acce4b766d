"""An executor and a registry in memory, and a way to ask the server over them without a socket.

What they are asked is written down, what they answer can be chosen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from shem.errors import Conflict, NotFound
from shem.registry.environment import Environment
from shem.server.app import create_app
from shem.server.lifecycle import Lifecycle
from shem.views import (
    AgentPage,
    AgentTypeView,
    AgentView,
    ComponentView,
    Invoked,
    MethodView,
    OplogItem,
    OplogPage,
    ParameterView,
    VersionView,
)

COUNTER = AgentTypeView(
    name="Counter",
    description="Counts things.\nOne counter per name.",
    mode="durable",
    component="counter",
    version=0,
    constructor=[ParameterView("name", "str")],
    methods=[
        MethodView("increment", "", [ParameterView("by", "int", required=False, default=1)], "int"),
        MethodView("rename", "", [ParameterView("to", "str")], None),
    ],
)


def version_view(number: int, *, unchanged: bool = False) -> VersionView:
    return VersionView(
        component="counter",
        component_id="c0",
        version=number,
        created_at="2026-01-01T00:00:00Z",
        wasm="aa",
        files=None,
        agent_types=[COUNTER],
        unchanged=unchanged,
    )


class FakeExecutor:
    """Agents are names; every method of every agent answers with its arguments."""

    def __init__(self) -> None:
        self.agents: dict[str, AgentView] = {}
        self.invocations: list[tuple[str, str, Any, str | None, str]] = []
        self.failure: BaseException | None = None
        self.result: Callable[[Any], Any] = lambda args: args
        self.gate: asyncio.Event | None = None
        self.finished: list[str] = []

    async def start(self) -> None:
        """There is nothing to recover."""

    async def stop(self) -> None:
        if self.gate is not None:
            self.gate.set()

    def environment(self, app: str, name: str) -> Environment:
        if (app, name) != ("default", "default"):
            raise NotFound(f"there is no environment {app}/{name}")
        return Environment(1, app, name)

    async def invoke(
        self, env: Environment, agent: str, method: str, args: Any, *, key: str | None, mode: str
    ) -> Invoked:
        self.invocations.append((agent, method, args, key, mode))
        if self.gate is not None:
            await self.gate.wait()
        self.finished.append(method)
        if self.failure is not None:
            raise self.failure
        waits = mode == "await"
        return Invoked(
            self.result(args) if waits else None,
            agent,
            key or "made-up",
            len(self.invocations) if waits else None,
            0,
        )

    async def create(self, env: Environment, agent: str, variables: dict[str, str]) -> AgentView:
        if agent in self.agents:
            raise Conflict(f"{agent} exists already")
        self.agents[agent] = AgentView(
            agent,
            "Counter",
            "durable",
            "counter",
            "c0",
            0,
            "idle",
            "2026-01-01T00:00:00Z",
            variables,
            3,
            0,
            True,
        )
        return self.agents[agent]

    async def get(self, env: Environment, agent: str) -> AgentView:
        if agent not in self.agents:
            raise NotFound(f"there is no agent {agent}", hint="Invoke it to create it.")
        return self.agents[agent]

    async def list(
        self,
        env: Environment,
        *,
        type: str | None = None,
        status: str | None = None,
        version: int | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> AgentPage:
        found = [agent for agent in self.agents.values() if type in (None, agent.type)]
        start = int(cursor or 0)
        page = found[start : start + limit]
        following = start + limit
        return AgentPage(page, str(following) if following < len(found) else None)

    async def delete(self, env: Environment, agent: str) -> None:
        await self.get(env, agent)
        del self.agents[agent]

    async def oplog(self, env: Environment, agent: str, *, start: int = 1, count: int = 100) -> OplogPage:
        entries = [
            OplogItem(index, "log", "2026-01-01T00:00:00Z", {"n": index})
            for index in range(start, min(start + count, 1201))
        ]
        following = start + count
        return OplogPage(entries, following if following <= 1200 else None)


class FakeRegistry:
    """Keeps what was deployed; the same parts again are unchanged."""

    def __init__(self) -> None:
        self.deployed: list[tuple[str, bytes, bytes | None, bytes | None]] = []
        self.failure: BaseException | None = None

    async def deploy(
        self,
        env: Environment,
        name: str,
        manifest: bytes,
        wasm: bytes | None,
        files: bytes | None,
        progress: Callable[[str], None] | None = None,
    ) -> VersionView:
        if self.failure is not None:
            raise self.failure
        parts = (name, manifest, wasm, files)
        unchanged = bool(self.deployed) and self.deployed[-1] == parts
        if not unchanged:
            self.deployed.append(parts)
        return version_view(len(self.deployed) - 1, unchanged=unchanged)

    async def components(self, env: Environment) -> list[ComponentView]:
        return [await self.component(env, "counter")]

    async def component(self, env: Environment, name: str) -> ComponentView:
        if name != "counter":
            raise NotFound(f"there is no component {name}")
        return ComponentView("c0", name, "2026-01-01T00:00:00Z", version_view(1), [0, 1])

    async def version(self, env: Environment, name: str, n: int) -> VersionView:
        await self.component(env, name)
        if n > 1:
            raise NotFound(f"{name} has no version {n}")
        return version_view(n)

    async def agent_types(self, env: Environment) -> list[AgentTypeView]:
        return [COUNTER]

    async def agent_type(self, env: Environment, type_name: str) -> AgentTypeView:
        if type_name != "Counter":
            raise NotFound(f"there is no agent type {type_name}")
        return COUNTER


class Server(httpx.BaseTransport):
    """The application over the fakes, as httpx' port to the network.

    The next ``lost`` requests are carried out, but their answers do not arrive.
    """

    def __init__(self) -> None:
        self.executor, self.registry, self.lifecycle = FakeExecutor(), FakeRegistry(), Lifecycle(ready=True)
        self.app = create_app(self.executor, self.registry, self.lifecycle)
        self.lost = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = asyncio.run(self._ask(request))
        if self.lost:
            self.lost -= 1
            raise httpx.RemoteProtocolError(
                "Server disconnected without sending a response.", request=request
            )
        return response

    async def _ask(self, request: httpx.Request) -> httpx.Response:
        asked = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        answer = await httpx.ASGITransport(app=self.app).handle_async_request(asked)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())
