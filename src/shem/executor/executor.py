"""What can be done with agents: invoke, create, look at, delete; and taking up what a crash left.

An agent's life here:

    asked for ──> active ──turn──> guest ──> commit ──> answer ──> next in its mailbox
                    ^                                                  │ none
                    └──────────── evicted, least recently used <───────┘

This file finds the agent and checks the request; ``scheduler`` runs it. An answer is given only when everything that it
depends on is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import structlog

from shem.agent import identity, values
from shem.errors import Conflict, NotFound, ShemError, Stopping
from shem.executor.active import ActiveAgent
from shem.executor.history import History, from_queue, to_queue
from shem.executor.scheduler import Limits, Scheduler
from shem.executor.turn import Turns
from shem.executor.workers import Workers
from shem.golem.guest import DataValue
from shem.registry.environment import Environment
from shem.registry.registry import Identified, Registry
from shem.storage.protocol import AgentRow, DeleteAgent, Fenced, PutInbox, Storage
from shem.views import AgentPage, AgentView, Invoked, OplogPage

log = structlog.get_logger()

NO_ARGUMENTS: DataValue = ("tuple", [])
"""Of the work that only creates or recovers an agent."""

PAGE_MAX = 1_000
"""Agents of one page of a listing."""

TAKE_UP_AGAIN_S = 1.0
"""After a failure of the storage, so long until accepted invocations are tried again."""

Mode = Literal["await", "trigger"]


class Executor:
    """See the head of this file. Every method belongs to the event loop's thread."""

    def __init__(
        self,
        storage: Storage,
        registry: Registry,
        turns: Turns,
        workers: Workers,
        limits: Limits | None = None,
    ) -> None:
        self._storage, self._registry, self._workers = storage, registry, workers
        self._history: History = turns.history
        self._scheduler = Scheduler(storage, turns, workers, limits or Limits(), self._take_up_later)

    async def start(self) -> None:
        """Take up what was accepted and not finished when the last server ended."""
        self._scheduler.start()
        everywhere = self.environment("default", "default")
        self._workers.submit(lambda: self._registry.warm(everywhere))
        unfinished = await asyncio.to_thread(self._storage.unfinished)
        for key in unfinished:
            self._take_up(key)
        if unfinished:
            log.info("took up unfinished work", agents=len(unfinished))

    async def stop(self) -> None:
        """Refuse what is new and what waits, let running guests end for a while, abandon the rest.

        Nothing that was acknowledged is lost: an abandoned invocation begins or goes on at the next start, or is
        repeated by its caller with the same idempotency key.
        """
        await self._scheduler.stop()

    def environment(self, app: str, name: str) -> Environment:
        """Raises ``NotFound``."""
        key = self._storage.environment(app, name)
        if key is None:
            raise NotFound(
                f"there is no environment {app}/{name}", hint="The one that always exists is default/default."
            )
        return Environment(key, app, name)

    async def invoke(
        self,
        env: Environment,
        agent: str,
        method: str,
        args: Sequence[Any] | Mapping[str, Any],
        *,
        key: str | None = None,
        mode: Mode = "await",
    ) -> Invoked:
        """Run a method of an agent, creating the agent when it does not exist.

        With ``trigger`` it returns as soon as the invocation is durably queued. The same key gives the same answer.

        Raises:
            BadInput, NotFound: what was asked for does not exist or does not fit.
            AgentError: the agent refused.
            InvocationFailed: it crashed.
            Divergence: it cannot be recovered.
            Conflict: the key was used for something else.
            Stopping, Overloaded, StorageFull, StorageUnavailable: repeat it later with the same key.
        """
        found = await self._find(env, agent)
        arguments = values.arguments(
            self._registry.types(found.component, found.version)[found.type], method, args
        )
        if mode == "trigger":
            return await self._trigger(found, method, arguments, key)
        return await self._run(found, method, arguments, key)

    async def create(self, env: Environment, agent: str, variables: Mapping[str, str]) -> AgentView:
        """Create an agent, running its constructor; ``Conflict`` when it exists."""
        found = await self._find(env, agent)
        if found.row is not None or found.busy or len(found.mailbox):
            raise Conflict(f"{found.name} exists already")
        found.env = tuple(variables.items())
        await self._run(found, "", NO_ARGUMENTS, None)
        return await self.get(env, agent)

    async def get(self, env: Environment, agent: str) -> AgentView:
        """Raises ``NotFound``."""
        row = self._row(env, agent)
        return self._history.view(row, self._scheduler.active.get((env.key, row.name)))

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
        """Agents in the order of creation."""
        after = identity.parse_cursor(cursor)
        limit = min(max(limit, 1), PAGE_MAX)
        rows = self._storage.agents(
            env.key, type=type, status=status, version=version, after=after, limit=limit + 1
        )
        page = rows[:limit]
        more = str(page[-1].agent) if len(rows) > limit else None
        return AgentPage(
            [self._history.view(row, self._scheduler.active.get((env.key, row.name))) for row in page], more
        )

    async def delete(self, env: Environment, agent: str) -> None:
        """Remove everything of an agent, also while it runs; what waits for it is answered with ``NotFound``."""
        found = await self._find(env, agent)
        if found.row is None:
            await self._scheduler.settled(found)
        if found.row is None:
            self._scheduler.forget(found)
            raise _no_agent(found.name)
        await self._scheduler.remove(found, [DeleteAgent(found.row.agent)])

    async def oplog(self, env: Environment, agent: str, *, start: int = 1, count: int = 100) -> OplogPage:
        """A part of an agent's oplog; raises ``NotFound``."""
        return await asyncio.to_thread(self._history.page, self._row(env, agent), start, count)

    # -- finding agents ------------------------------------------------------------------------------------------

    def _row(self, env: Environment, text: str) -> AgentRow:
        """What the storage has of an agent that exists."""
        name = self._registry.identify(env, text).name
        row = self._storage.agent_named(env.key, name)
        if row is None:
            raise _no_agent(name)
        return row

    async def _find(self, env: Environment, text: str) -> ActiveAgent:
        """The agent of that id, active from now on; it need not exist in the storage."""
        if self._scheduler.stopping:
            raise Stopping(
                "the server is shutting down", hint="Repeat the request with the same idempotency key."
            )
        agent = self._scheduler.active.get((env.key, text))
        if agent is None:
            asked = self._registry.identify(env, text)
            agent = self._scheduler.active.get((env.key, asked.name))
            if agent is None:
                row = self._storage.agent_named(env.key, asked.name)
                if row is None and asked.retired:
                    raise NotFound(
                        f"there is no agent {asked.name}, and none can be created",
                        hint=f"The newest version of its component defines no agent type {asked.type} any more.",
                    )
                agent = self._activate(env.key, asked, row)
        if agent.gone is not None:  # being deleted: what comes now belongs to its successor
            await agent.gone.wait()
            return await self._find(env, text)
        return agent

    def _activate(self, environment: int, asked: Identified, row: AgentRow | None) -> ActiveAgent:
        agent = ActiveAgent(
            environment=environment,
            name=asked.name,
            type=asked.type,
            parameters=asked.parameters,
            component=row.component if row else asked.component,
            version=row.version if row else asked.version,
            row=row,
            env=tuple(msgspec.json.decode(row.env, type=dict[str, str]).items()) if row else (),
        )
        if row is not None:
            self._queue_accepted(agent, row)
        self._scheduler.active[environment, asked.name] = agent
        self._scheduler.pump(agent)
        return agent

    def _queue_accepted(self, agent: ActiveAgent, row: AgentRow) -> None:
        """Queue what is in the agent's inbox; what is queued already is not queued again."""
        for invocation in self._storage.inbox(row.agent):
            if agent.mailbox.find(invocation.key) is None:
                method, arguments = from_queue(invocation)
                agent.mailbox.offer(self._scheduler.work(method, arguments, invocation.key, stored=True))

    def _take_up(self, key: int) -> None:
        """Go on with what an agent has begun or accepted, without anybody asking for it."""
        if self._scheduler.stopping:
            return
        try:
            row = self._storage.agent(key)
            if row is None or row.status == "failed":
                return
            agent = self._scheduler.active.get((row.environment, row.name))
            if agent is None:
                agent = self._activate(row.environment, self._registry.identify_row(row), row)
            else:
                self._queue_accepted(agent, row)
            if row.status == "running" and not agent.busy:
                agent.mailbox.offer(self._scheduler.work("", NO_ARGUMENTS, None))
            self._scheduler.pump(agent)
        except ShemError as error:
            log.error("agent not taken up", agent=key, error=error.message)
            if error.retryable:
                self._take_up_later(key)

    def _take_up_later(self, key: int) -> None:
        asyncio.get_running_loop().call_later(TAKE_UP_AGAIN_S, self._take_up, key)

    # -- running them --------------------------------------------------------------------------------------------

    async def _run(self, agent: ActiveAgent, method: str, arguments: DataValue, key: str | None) -> Invoked:
        queued = self._scheduler.queue(agent, self._scheduler.work(method, arguments, key))
        return await asyncio.shield(queued.answer)  # who loses interest does not cancel it for the others

    async def _trigger(
        self, agent: ActiveAgent, method: str, arguments: DataValue, key: str | None
    ) -> Invoked:
        if agent.row is None:
            await self._run(agent, "", NO_ARGUMENTS, None)
        row = agent.row
        assert row is not None, "an agent that ran has a row"
        if row.status == "failed":
            raise await asyncio.to_thread(self._history.failure, row)
        work = self._scheduler.work(method, arguments, key, stored=True)
        if agent.mailbox.find(work.key) is None:
            try:
                await self._scheduler.commit([PutInbox(row.agent, work.key, to_queue(method, arguments))])
            except Fenced:  # it ran, or is queued, already, or its agent is gone
                if self._storage.agent(row.agent) is None:
                    raise NotFound(f"{agent.name} was deleted") from None
                self._queue_accepted(agent, row)
                self._scheduler.pump(agent)
                return Invoked(None, agent.name, work.key, None, agent.version)
            except ShemError:  # it may be durable all the same
                self._take_up_later(row.agent)
                raise
        self._scheduler.queue(agent, work)
        return Invoked(None, agent.name, work.key, None, agent.version)


def _no_agent(name: str) -> NotFound:
    return NotFound(f"there is no agent {name}", hint="It is created by its first invocation.")
