"""Turns: which agent runs when, who is in memory, and who hears of what came of it.

The rules, for every agent: one turn at a time; the next one begins when the outcome of the last is durable; an
answer is given only then. A turn that failed, in the guest or in the commit, leaves a machine of unknown state, which
is dropped and made again from the oplog when it is next needed.

All bookkeeping happens on the event loop's thread. Guests run on worker threads and commits on the storage's; both hand
their outcomes back through one ``Handoff``.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from shem.agent.execution import Unwound
from shem.errors import Conflict, NotFound, PlatformError, ShemError, Stopping
from shem.executor.active import ActiveAgent, Work
from shem.executor.handoff import Handoff
from shem.executor.history import used_for_something_else
from shem.executor.turn import Turned, Turns
from shem.executor.workers import Workers
from shem.golem.guest import DataValue
from shem.oplog import payload
from shem.storage.protocol import Fenced, Op, Storage
from shem.views import Invoked

log = structlog.get_logger()

RESIDENT_MAX = 1_000
"""Agents in memory at the same time. A Python agent keeps about 1.6 MB of its own."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a scheduler.

    Attributes:
        resident: agents in memory; beyond it the least recently used idle ones are put to sleep.
        grace_s: how long a graceful stop lets running guests go on.
    """

    resident: int = RESIDENT_MAX
    grace_s: float = 10.0


class Scheduler:
    """See the head of this file. Every method belongs to the event loop's thread.

    Args:
        storage: where turns are committed.
        turns: what a turn is.
        workers: where it runs.
        limits: bounds.
        take_up_later: called with the key of an agent whose accepted invocations have to be tried again.

    Attributes:
        active: agents that somebody has asked for since they were last put to sleep, by (environment, name).
        stopping: nothing new begins.
    """

    def __init__(
        self,
        storage: Storage,
        turns: Turns,
        workers: Workers,
        limits: Limits,
        take_up_later: Callable[[int], None],
    ) -> None:
        self._storage, self._turns, self._workers = storage, turns, workers
        self._limits, self._take_up_later = limits, take_up_later
        self.active: dict[tuple[int, str], ActiveAgent] = {}
        self.stopping = False
        self._awake: OrderedDict[ActiveAgent, None] = OrderedDict()  # the least recently used first
        self._busy = 0
        self._all_idle = asyncio.Event()
        self._all_idle.set()
        self._handoff: Handoff | None = None

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._handoff = Handoff(asyncio.get_running_loop())

    async def stop(self) -> None:
        """Refuse what waits, let running guests end (``grace_s``), abandon the rest, let go of all memory."""
        self.stopping = True
        for agent in self.active.values():
            for work in agent.mailbox.drain():
                _refuse(work, _stopping())
        self._unwind_all(computing=False)
        try:
            await asyncio.wait_for(self._all_idle.wait(), self._limits.grace_s)
        except TimeoutError:
            self._unwind_all(computing=True)
            await self._all_idle.wait()
        for agent in self.active.values():
            if agent.execution is not None:
                agent.execution.close()
        self.active.clear()
        self._awake.clear()
        self._workers.close()

    def work(self, method: str, arguments: DataValue, key: str | None, *, stored: bool = False) -> Work:
        """An invocation, to be queued; without a key it gets one of its own."""
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

    def queue(self, agent: ActiveAgent, work: Work) -> Work:
        """Queue ``work``, or find what is queued under its key; it begins when its turn has come.

        Raises:
            Conflict: the key belongs to another request.
            Overloaded: the agent's mailbox is full.
        """
        known = agent.mailbox.offer(work)
        # What was read back from the inbox has lists for tuples; encoded, equal values are equal.
        if known is not work and (
            known.method != work.method or payload.encode(known.arguments) != payload.encode(work.arguments)
        ):
            raise used_for_something_else(work.key, known.method)
        self.pump(agent)
        return known

    def pump(self, agent: ActiveAgent) -> None:
        """Begin the next turn of an agent, if it is idle and something waits."""
        if agent.busy or agent.gone is not None or self.stopping:
            return
        work = agent.mailbox.take()
        if work is None:
            return
        agent.busy = True
        self._busy += 1
        self._all_idle.clear()
        self._workers.submit(lambda: self._turn(agent, work))

    async def settled(self, agent: ActiveAgent) -> None:
        """Wait for the end of the turn that is under way."""
        if agent.busy:
            agent.idle = agent.idle or asyncio.Event()
            await agent.idle.wait()

    async def commit(self, ops: Sequence[Op]) -> None:
        """Make operations durable; raises what the storage raises."""
        handoff = self._handoff
        assert handoff is not None, "the scheduler was started"
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(failure: BaseException | None) -> None:
            handoff.put(lambda: _settle(durable, failure))

        self._storage.submit(ops, done)
        await durable

    async def remove(self, agent: ActiveAgent, ops: Sequence[Op]) -> None:
        """End whatever an agent does, refuse what waits for it, commit ``ops`` and forget it."""
        agent.gone = asyncio.Event()
        for work in agent.mailbox.drain():
            _refuse(work, _deleted(agent))
        if agent.busy and agent.execution is not None:
            agent.execution.unwind(computing=True)
        await self.settled(agent)
        try:
            await self.commit(ops)
        finally:
            self._sleep(agent)
            self.active.pop((agent.environment, agent.name), None)
            agent.gone.set()

    def forget(self, agent: ActiveAgent) -> None:
        """Keep nothing of an agent that is asleep and that nobody waits for."""
        if not agent.busy and agent.execution is None and agent.gone is None and not len(agent.mailbox):
            self.active.pop((agent.environment, agent.name), None)

    def _turn(self, agent: ActiveAgent, work: Work) -> None:
        """On a worker thread: run, commit, hand back."""
        turned = self._turns.take(agent, work)
        handoff = self._handoff
        assert handoff is not None, "the scheduler was started"
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
        if failure is None and (turned.row is not None or turned.gone):
            agent.row = turned.row
        if failure is not None or turned.drop:
            self._sleep(agent)
        else:
            self._awake[agent] = None
            self._awake.move_to_end(agent)
        self._answer(agent, work, turned, failure)
        if agent.idle is not None:
            agent.idle.set()
            agent.idle = None
        self.pump(agent)
        if agent.row is None:
            self.forget(agent)
        self._evict()
        if not self._busy:
            self._all_idle.set()

    def _answer(self, agent: ActiveAgent, work: Work, turned: Turned, failure: BaseException | None) -> None:
        error = failure or turned.error
        if error is None:
            assert turned.answer is not None, "a turn without an error has an answer"
            if not work.answer.done():
                work.answer.set_result(turned.answer)
            return
        public = _public(error, agent)
        _refuse(work, public)
        if public.retryable:
            self._abandon(agent, work, public)

    def _abandon(self, agent: ActiveAgent, work: Work, error: ShemError) -> None:
        """Whether the last commit happened is unknown: forget the agent, and learn anew what the storage has of it.

        Those who wait are told to repeat their requests; what is in the inbox is taken up again after a while.
        """
        waiting = list(agent.mailbox.drain())
        for other in waiting:
            _refuse(other, error)
        self.forget(agent)
        if agent.row is not None and any(left.stored for left in (work, *waiting)):
            self._take_up_later(agent.row.agent)

    def _unwind_all(self, *, computing: bool) -> None:
        for agent in self.active.values():
            if agent.busy and agent.execution is not None:
                agent.execution.unwind(computing=computing)

    def _sleep(self, agent: ActiveAgent) -> None:
        """Give an agent's memory back; its oplog has everything."""
        self._awake.pop(agent, None)
        execution, agent.execution = agent.execution, None
        if execution is not None:
            self._workers.submit(execution.close)

    def _evict(self) -> None:
        """Put the least recently used idle agents to sleep until no more than the bound are awake."""
        surplus = len(self._awake) - self._limits.resident
        if surplus <= 0:
            return
        idle = [agent for agent in self._awake if not agent.busy and not len(agent.mailbox)]
        for agent in idle[:surplus]:
            self._sleep(agent)
            self.forget(agent)


def _public(error: BaseException, agent: ActiveAgent) -> ShemError:
    """What the caller is told of an outcome."""
    match error:
        case ShemError():
            return error
        case Unwound():
            return _stopping() if agent.gone is None else _deleted(agent)
        case Fenced():
            return Conflict(f"{agent.name} was changed by somebody else at the same time: {error}")
        case _:
            log.error("turn failed", agent=agent.name, exc_info=error)
            return PlatformError(f"running {agent.name} failed: {error!r}")


def _stopping() -> Stopping:
    return Stopping("the server is shutting down", hint="Repeat the request with the same idempotency key.")


def _deleted(agent: ActiveAgent) -> NotFound:
    return NotFound(f"{agent.name} was deleted")


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
