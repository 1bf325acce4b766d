"""Which agents are in memory, and who may do what with them when.

All bookkeeping happens on the event loop's thread, so none of it needs a lock. Guests run on worker threads (``turn``),
commits on the storage's; both hand their outcomes back to the loop through one ``Handoff``. An agent's life here:

    asked for ──> active ──turn──> guest ──> commit ──> answer ──> next in its mailbox
                    ^                                                  │ none
                    └──────────── evicted, least recently used <───────┘

An answer is given only when everything that it depends on is durable. When a turn fails, in the guest or in the commit,
the machine is dropped and made again from the oplog at the next turn.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import structlog

from shem.agent import identity, values
from shem.agent.execution import Unwound
from shem.agent.schema import AgentType
from shem.errors import Conflict, NotFound, PlatformError, ShemError, Stopping
from shem.executor.active import ActiveAgent, Work
from shem.executor.handoff import Handoff
from shem.executor.history import History, from_queue, to_queue, used_for_something_else
from shem.executor.turn import Turned, Turns
from shem.executor.workers import Workers
from shem.golem.guest import DataValue
from shem.oplog import payload
from shem.registry.environment import Environment
from shem.registry.registry import Identified, Registry
from shem.storage.protocol import AgentRow, DeleteAgent, Fenced, Op, PutInbox, Storage
from shem.views import AgentPage, AgentView, Invoked, OplogPage

log = structlog.get_logger()

NO_ARGUMENTS: DataValue = ("tuple", [])
"""Of the work that only creates or recovers an agent."""

PAGE_MAX = 1_000
"""Agents of one page of a listing."""

RESIDENT_MAX = 1_000
"""Agents in memory at the same time. A Python agent keeps one to two megabytes of its own."""

TAKE_UP_AGAIN_S = 1.0
"""After a failure of the storage, so long until accepted invocations are tried again."""

Mode = Literal["await", "trigger"]


@dataclass(slots=True)
class Limits:
    """What bounds an executor.

    Attributes:
        resident: agents in memory; beyond it the least recently used idle ones are put to sleep.
        grace_s: how long a graceful stop lets running guests go on.
    """

    resident: int = RESIDENT_MAX
    grace_s: float = 10.0


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
        self._storage, self._registry, self._turns = storage, registry, turns
        self._history: History = turns.history
        self._workers, self._limits = workers, limits or Limits()
        self._active: dict[tuple[int, str], ActiveAgent] = {}
        self._awake: OrderedDict[ActiveAgent, None] = OrderedDict()  # the least recently used first
        self._busy = 0
        self._all_idle = asyncio.Event()
        self._all_idle.set()
        self._stopping = False
        self._handoff: Handoff | None = None

    async def start(self) -> None:
        """Take up what was accepted and not finished when the last server ended."""
        self._handoff = Handoff(asyncio.get_running_loop())
        everywhere = self.environment("default", "default")
        self._workers.submit(lambda: self._registry.warm(everywhere))
        unfinished = await asyncio.to_thread(self._storage.unfinished)
        for key in unfinished:
            self._take_up(key)
        if unfinished:
            log.info("took up unfinished work", agents=len(unfinished))

    async def stop(self) -> None:
        """Refuse what is new and what waits, let running guests end (``grace_s``), abandon the rest.

        Nothing that was acknowledged is lost: an abandoned invocation begins or goes on at the next start, or is
        repeated by its caller with the same idempotency key.
        """
        self._stopping = True
        for agent in self._active.values():
            for work in agent.mailbox.drain():
                _refuse(work, Stopping("the server is shutting down"))
        self._unwind_all(computing=False)
        try:
            await asyncio.wait_for(self._all_idle.wait(), self._limits.grace_s)
        except TimeoutError:
            self._unwind_all(computing=True)
            await self._all_idle.wait()
        for agent in list(self._active.values()):
            if agent.execution is not None:
                agent.execution.close()
        self._active.clear()
        self._awake.clear()
        self._workers.close()

    def _unwind_all(self, *, computing: bool) -> None:
        for agent in self._active.values():
            if agent.busy and agent.execution is not None:
                agent.execution.unwind(computing=computing)

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
            AgentError: the agent refused; InvocationFailed: it crashed; Divergence: it cannot be recovered.
            Conflict: the key was used for something else.
            Stopping, Overloaded, StorageFull, StorageUnavailable: repeat it later with the same key.
        """
        found = await self._find(env, agent)
        arguments = values.arguments(self._type_of(found), method, args)
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
        return self._view(found)

    async def get(self, env: Environment, agent: str) -> AgentView:
        """Raises ``NotFound``."""
        return self._view(await self._existing(env, agent))

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
            [self._history.view(row, self._active.get((env.key, row.name))) for row in page], more
        )

    async def delete(self, env: Environment, agent: str) -> None:
        """Remove everything of an agent, also while it runs; what waits for it is answered with ``NotFound``."""
        found = await self._existing(env, agent)
        assert found.row is not None
        found.gone = asyncio.Event()
        gone = NotFound(f"{found.name} was deleted")
        for work in found.mailbox.drain():
            _refuse(work, gone)
        if found.busy:
            if found.execution is not None:
                found.execution.unwind(computing=True)
            found.idle = asyncio.Event()
            await found.idle.wait()
        try:
            await self._commit([DeleteAgent(found.row.agent)])
        finally:
            self._sleep(found)
            self._active.pop((found.environment, found.name), None)
            found.gone.set()

    async def oplog(self, env: Environment, agent: str, *, start: int = 1, count: int = 100) -> OplogPage:
        """A part of an agent's oplog; raises ``NotFound``."""
        found = await self._existing(env, agent)
        assert found.row is not None
        return await asyncio.to_thread(self._history.page, found.row, start, count)

    # -- finding agents ------------------------------------------------------------------------------------------

    async def _find(self, env: Environment, text: str) -> ActiveAgent:
        """The agent of that id, active from now on; it need not exist in the storage."""
        if self._stopping:
            raise Stopping(
                "the server is shutting down", hint="Repeat the request with the same idempotency key."
            )
        agent = self._active.get((env.key, text))
        if agent is None:
            asked = self._registry.identify(env, text)
            agent = self._active.get((env.key, asked.name))
            if agent is None:
                agent = self._activate(env.key, asked, self._storage.agent_named(env.key, asked.name))
        if agent.gone is not None:  # being deleted: what comes now belongs to its successor
            await agent.gone.wait()
            return await self._find(env, text)
        return agent

    async def _existing(self, env: Environment, text: str) -> ActiveAgent:
        agent = await self._find(env, text)
        if agent.row is None and (agent.busy or len(agent.mailbox)):
            await self._settled(agent)
        if agent.row is None:
            self._forget(agent)
            raise NotFound(f"there is no agent {agent.name}", hint="It is created by its first invocation.")
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
        self._active[environment, asked.name] = agent
        self._pump(agent)
        return agent

    def _queue_accepted(self, agent: ActiveAgent, row: AgentRow) -> None:
        """Queue what is in the agent's inbox; what is queued already is not queued again."""
        for invocation in self._storage.inbox(row.agent):
            if agent.mailbox.find(invocation.key) is None:
                method, arguments = from_queue(invocation)
                agent.mailbox.offer(self._work(method, arguments, invocation.key, stored=True))

    def _take_up(self, key: int) -> None:
        """Go on with what an agent has begun or accepted, without anybody asking for it."""
        if self._stopping:
            return
        try:
            row = self._storage.agent(key)
            if row is None or row.status == "failed":
                return
            agent = self._active.get((row.environment, row.name))
            if agent is None:
                agent = self._activate(row.environment, self._registry.identify_row(row), row)
            else:
                self._queue_accepted(agent, row)
            if row.status == "running" and not agent.busy:
                agent.mailbox.offer(self._work("", NO_ARGUMENTS, None))
            self._pump(agent)
        except ShemError as error:
            log.error("agent not taken up", agent=key, error=error.message)
            if error.retryable:
                self._take_up_later(key)

    def _take_up_later(self, key: int) -> None:
        asyncio.get_running_loop().call_later(TAKE_UP_AGAIN_S, self._take_up, key)

    # -- running them --------------------------------------------------------------------------------------------

    async def _run(self, agent: ActiveAgent, method: str, arguments: DataValue, key: str | None) -> Invoked:
        work = self._work(method, arguments, key)
        known = agent.mailbox.offer(work)
        _check_same(known, work)
        self._pump(agent)
        return await asyncio.shield(known.answer)  # who loses interest does not cancel it for the others

    async def _trigger(
        self, agent: ActiveAgent, method: str, arguments: DataValue, key: str | None
    ) -> Invoked:
        if agent.row is None:
            await self._run(agent, "", NO_ARGUMENTS, None)
        row = agent.row
        assert row is not None, "an agent that ran has a row"
        if row.status == "failed":
            raise await asyncio.to_thread(self._history.failure, row)
        work = self._work(method, arguments, key, stored=True)
        accepted = Invoked(None, agent.name, work.key, None, agent.version)
        known = agent.mailbox.find(work.key)
        if known is None:
            try:
                await self._commit([PutInbox(row.agent, work.key, to_queue(method, arguments))])
            except Fenced:  # it ran, or is queued, already, or its agent is gone
                if self._storage.agent(row.agent) is None:
                    raise NotFound(f"{agent.name} was deleted") from None
                self._queue_accepted(agent, row)
                self._pump(agent)
                return accepted
            except ShemError:  # it may be durable all the same
                self._take_up_later(row.agent)
                raise
            known = agent.mailbox.offer(work)
            self._pump(agent)
        _check_same(known, work)
        return accepted

    def _work(self, method: str, arguments: DataValue, key: str | None, *, stored: bool = False) -> Work:
        answer: asyncio.Future[Invoked] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_heard)
        return Work(
            method=method,
            arguments=arguments,
            key=key or str(uuid.uuid4()),
            given=key is not None,
            stored=stored,
            answer=answer,
        )

    def _pump(self, agent: ActiveAgent) -> None:
        """Begin the next turn of an agent, if it is idle and something waits."""
        if agent.busy or agent.gone is not None or self._stopping:
            return
        work = agent.mailbox.take()
        if work is None:
            return
        agent.busy = True
        self._busy += 1
        self._all_idle.clear()
        self._workers.submit(lambda: self._turn(agent, work))

    def _turn(self, agent: ActiveAgent, work: Work) -> None:
        """On a worker thread: run, commit, hand back."""
        turned = self._turns.take(agent, work)
        handoff = self._handoff
        assert handoff is not None, "the executor was started"
        if turned.ops:
            self._storage.submit(
                turned.ops, lambda failure: handoff.put(lambda: self._turned(agent, work, turned, failure))
            )
        else:
            handoff.put(lambda: self._turned(agent, work, turned, None))

    def _turned(self, agent: ActiveAgent, work: Work, turned: Turned, failure: BaseException | None) -> None:
        """The outcome of a turn is durable, or known not to be: answer, and go on."""
        agent.busy = False
        agent.mailbox.finish()
        self._busy -= 1
        error = failure or turned.error
        if failure is None and (turned.row is not None or turned.gone):
            agent.row = turned.row
        if error is None:
            assert turned.answer is not None
            if not work.answer.done():
                work.answer.set_result(turned.answer)
        else:
            error = self._public(error, agent)
            _refuse(work, error)
        if failure is not None or turned.drop:
            self._sleep(agent)
        else:
            self._awake[agent] = None
            self._awake.move_to_end(agent)
        if isinstance(error, ShemError) and error.retryable:
            self._abandon(agent, work, error)
        if agent.idle is not None:
            agent.idle.set()
            agent.idle = None
        self._pump(agent)
        if agent.row is None:
            self._forget(agent)
        self._evict()
        if not self._busy:
            self._all_idle.set()

    def _abandon(self, agent: ActiveAgent, work: Work, error: ShemError) -> None:
        """Whether the last commit happened is unknown: forget the agent, and learn anew what the storage has of it.

        Those who wait are told to repeat their requests; what is in the inbox is taken up again after a while.
        """
        waiting = list(agent.mailbox.drain())
        for other in waiting:
            _refuse(other, error)
        self._forget(agent)
        if agent.row is not None and any(left.stored for left in (work, *waiting)):
            self._take_up_later(agent.row.agent)

    def _public(self, error: BaseException, agent: ActiveAgent) -> BaseException:
        """What the caller is told of an outcome."""
        match error:
            case ShemError():
                return error
            case Unwound():
                if agent.gone is not None:
                    return NotFound(f"{agent.name} was deleted")
                return Stopping(
                    "the server is shutting down", hint="Repeat the request with the same idempotency key."
                )
            case Fenced():
                return Conflict(f"{agent.name} was changed by somebody else at the same time: {error}")
            case _:
                log.error("turn failed", agent=agent.name, exc_info=error)
                return PlatformError(f"running {agent.name} failed: {error!r}")

    # -- sleeping ------------------------------------------------------------------------------------------------

    def _sleep(self, agent: ActiveAgent) -> None:
        """Give an agent's memory back; its oplog has everything."""
        self._awake.pop(agent, None)
        execution, agent.execution = agent.execution, None
        if execution is not None:
            self._workers.submit(execution.close)

    def _evict(self) -> None:
        while len(self._awake) > self._limits.resident:
            for agent in self._awake:
                if not agent.busy and not len(agent.mailbox):
                    self._sleep(agent)
                    self._forget(agent)
                    break
            else:
                return

    def _forget(self, agent: ActiveAgent) -> None:
        if not agent.busy and agent.execution is None and agent.gone is None and not len(agent.mailbox):
            self._active.pop((agent.environment, agent.name), None)

    async def _settled(self, agent: ActiveAgent) -> None:
        if agent.busy:
            agent.idle = agent.idle or asyncio.Event()
            await agent.idle.wait()

    async def _commit(self, ops: Sequence[Op]) -> None:
        handoff = self._handoff
        assert handoff is not None, "the executor was started"
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(failure: BaseException | None) -> None:
            handoff.put(lambda: _settle(durable, failure))

        self._storage.submit(ops, done)
        await durable

    def _view(self, agent: ActiveAgent) -> AgentView:
        assert agent.row is not None
        return self._history.view(agent.row, agent)

    def _type_of(self, agent: ActiveAgent) -> AgentType:
        return self._registry.types(agent.component, agent.version)[agent.type]


def _check_same(known: Work, work: Work) -> None:
    """Raises ``Conflict`` where a key came back with another request."""
    if known is work:
        return
    # What was read back from the inbox has lists for tuples; encoded, equal values are equal.
    if known.method != work.method or payload.encode(known.arguments) != payload.encode(work.arguments):
        raise used_for_something_else(work.key, known.method)


def _refuse(work: Work, error: BaseException) -> None:
    if not work.answer.done():
        work.answer.set_exception(error)


def _settle(future: asyncio.Future[None], failure: BaseException | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(None)
    else:
        future.set_exception(failure)


def _heard(answer: asyncio.Future[Invoked]) -> None:
    """Nobody may be waiting any more; an outcome that is in the oplog is not lost by that."""
    if not answer.cancelled():
        answer.exception()
