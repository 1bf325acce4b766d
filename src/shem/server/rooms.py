"""What the server needs of the rooms below it: the methods it calls, no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

from shem.registry.environment import Environment
from shem.views import (
    AgentPage,
    AgentTypeView,
    AgentView,
    ComponentView,
    Invoked,
    OplogPage,
    VersionView,
)

Mode = Literal["await", "trigger"]


class Executor(Protocol):
    """Runs agents. Every method raises errors of ``shem.errors``."""

    async def start(self) -> None:
        """Recover what a former process left behind; raises when that is not possible."""

    async def stop(self) -> None:
        """Finish or unwind what runs, commit, and release everything."""

    def environment(self, app: str, name: str) -> Environment:
        """Raises ``NotFound``."""

    async def invoke(
        self,
        env: Environment,
        agent: str,
        method: str,
        args: list[Any] | dict[str, Any],
        *,
        key: str | None,
        mode: Mode,
    ) -> Invoked: ...

    async def create(self, env: Environment, agent: str, variables: dict[str, str]) -> AgentView: ...

    async def get(self, env: Environment, agent: str) -> AgentView: ...

    async def list(
        self,
        env: Environment,
        *,
        type: str | None = None,
        status: str | None = None,
        version: int | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> AgentPage: ...

    async def delete(self, env: Environment, agent: str) -> None: ...

    async def oplog(self, env: Environment, agent: str, *, start: int = 1, count: int = 100) -> OplogPage: ...


class Registry(Protocol):
    """Keeps components and their versions. Every method raises errors of ``shem.errors``."""

    async def deploy(
        self,
        env: Environment,
        name: str,
        manifest: bytes,
        wasm: bytes | None,
        files: bytes | None,
        progress: Callable[[str], None] | None = None,
    ) -> VersionView: ...

    async def components(self, env: Environment) -> list[ComponentView]: ...

    async def component(self, env: Environment, name: str) -> ComponentView: ...

    async def version(self, env: Environment, name: str, n: int) -> VersionView: ...

    async def agent_types(self, env: Environment) -> list[AgentTypeView]: ...

    async def agent_type(self, env: Environment, type_name: str) -> AgentTypeView: ...
