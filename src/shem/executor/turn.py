"""One turn of one agent: from an invocation to the operations that make its outcome durable.

A turn runs on a worker thread. It wakes the agent if it is asleep (base image, then replay), calls the
guest, and gathers what has to be written. It writes nothing itself but through ``flush`` when an invocation
records more than fits in memory: so a crash at any moment of a turn leaves either nothing of it, or a begun
invocation that recovery ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import msgspec

from shem.agent import values
from shem.agent.execution import INITIALIZATION_KEY, Agent, Execution, Finished, Surroundings
from shem.agent.schema import AgentType
from shem.agent.version import Version
from shem.clock import Clock
from shem.errors import AgentError, InvocationFailed
from shem.executor.active import ActiveAgent, Work
from shem.executor.history import History
from shem.golem.guest import AgentErrorValue, Result
from shem.oplog import codec
from shem.oplog.entries import AgentMode, Error, ErrorKind
from shem.storage.protocol import (
    AgentRow,
    AppendOplog,
    BlobStore,
    DeleteAgent,
    Op,
    PutAgent,
    PutResult,
    SetStatus,
    Storage,
    TakeInbox,
)
from shem.views import Invoked
from shem.wasi.cli import Exited
from shem.wasm.errors import Trap


@dataclass(slots=True)
class Turned:
    """What came of a turn: ``ops`` to commit, then the ``answer`` or the ``error`` for the caller.

    ``row`` is the agent's row where the turn made or changed it, ``gone`` says that there is none any more, ``drop``
    that the machine is of no use.
    """

    ops: list[Op] = field(default_factory=list)
    answer: Invoked | None = None
    error: BaseException | None = None
    row: AgentRow | None = None
    gone: bool = False
    drop: bool = False


@dataclass(frozen=True, slots=True)
class Turns:
    """Takes turns; shared by all agents.

    Args:
        types: (component id, number) to the agent types of that version.
        versions: (component id, number) to that version ready to run; may take seconds the first time.
    """

    storage: Storage
    blobs: BlobStore
    clock: Clock
    entropy: Callable[[int], bytes]
    wait: Callable[[threading.Event, int], None]
    types: Callable[[str, int], Mapping[str, AgentType]]
    versions: Callable[[str, int], Version]
    history: History

    def take(self, agent: ActiveAgent, work: Work) -> Turned:
        """Run ``work``. Never raises: what went wrong is in the result."""
        turn = _Turn(self, agent, work)
        try:
            turn.run()
        except BaseException as error:  # noqa: BLE001 -- it belongs to the caller of this one invocation
            try:
                turn.fail(error)
            except BaseException as second:  # noqa: BLE001 -- a turn that ends otherwise would never end for its agent
                return Turned(error=second, drop=True)
        return turn.turned


class _Turn:
    def __init__(self, turns: Turns, agent: ActiveAgent, work: Work) -> None:
        self.turns, self.agent, self.work = turns, agent, work
        self.turned = Turned()
        self.new_row: AgentRow | None = None  # made in this turn, not in the storage yet
        self.constructed = False  # by this turn, and the constructor has returned
        self.begun = False  # the work itself, not only what had to come before it
        self.flushed = False  # a part of this turn is durable already

    def run(self) -> None:
        agent, work, turned = self.agent, self.work, self.turned
        if agent.row is not None and agent.row.status == "failed":
            raise self.turns.history.failure(agent.row)
        if self._answered_before():
            return
        if agent.execution is None and self._wake() and self._answered_before():
            return
        execution = agent.execution
        assert execution is not None, "waking an agent gives it an execution or raises"
        execution.flush = self._flush
        if work.method:
            self.begun = True
            finished = execution.invoke(work.key, work.method, work.arguments)
            turned.ops += _ended(execution, finished)
            self._answer(finished.index, finished.result)
        else:
            turned.answer = Invoked(None, agent.name, work.key, None, agent.version)
        self._gather(execution)

    def fail(self, error: BaseException) -> None:
        """The turn ended with an exception: the machine's state is unknown, the oplog's is not."""
        turned, execution = self.turned, self.agent.execution
        turned.ops, turned.answer, turned.error, turned.drop, turned.row = [], None, error, True, None
        if execution is None or not isinstance(error, Trap | Exited):
            return
        end = _End.of(error)
        stderr = execution.stderr_tail()
        turned.error = InvocationFailed(
            f"{self._under_way()} of {self.agent.name} {end.words}",
            hint="The agent has failed; its history is kept. Look at its oplog, or delete it.",
            cause=end.kind.name.lower().replace("_", "-"),
            stderr=stderr,
        )
        if self.new_row is not None and not self.constructed and not self.flushed:
            return  # an agent whose constructor crashed has never been
        execution.journal.append(
            Error(
                at_ns=execution.recorder.stamp(),
                error=end.kind,
                message="\n".join([end.words, *end.backtrace]),
                retry_from=execution.journal.end,
                stderr=stderr,
            )
        )
        self._gather(execution, status="failed")
        if self.begun:  # else it was accepted, and has not had its turn
            turned.ops.append(TakeInbox(execution.agent.key, self.work.key))

    def _under_way(self) -> str:
        if self.begun:
            return self.work.method
        return "the constructor" if self.new_row is not None else "the invocation that a crash had left"

    def _answered_before(self) -> bool:
        """Whether the work's key belongs to an invocation that has ended; the answer is then the same again."""
        agent, work = self.agent, self.work
        if not work.given or agent.row is None:
            return False
        index = self.turns.storage.result(agent.row.agent, work.key)
        if index is None:
            return False
        result = self.turns.history.ended(agent.row, work.key, work.method, work.arguments, index)
        self._answer(index, result)
        return True

    def _wake(self) -> bool:
        """Bring the agent into memory; whether an invocation that a crash left was carried to its end by that."""
        agent, turns = self.agent, self.turns
        version = turns.versions(agent.component, agent.version)
        surroundings = Surroundings(turns.clock, turns.entropy, turns.blobs, turns.wait)
        if agent.row is None:
            self._create(version, surroundings)
            return False
        key = agent.row.agent
        end = turns.storage.oplog_end(key)
        entries = turns.history.entries(key)
        agent.execution = execution = Execution(version, self._identity(key), entries, end, surroundings)
        execution.flush = self._flush
        completed = execution.recover()
        if completed is None:
            return False
        if completed.key == INITIALIZATION_KEY and completed.result[0] == "err":
            self._never_been(key, completed.result[1])
        # Durable before anything new begins: whoever repeats that invocation must find its result.
        self.turned.ops += _ended(execution, completed)
        self._gather(execution)
        turns.storage.commit(self.turned.ops)
        self.turned.ops = []
        self.flushed = False
        return True

    def _never_been(self, key: int, refusal: AgentErrorValue) -> NoReturn:
        """The constructor refused: the caller hears why, and there is no agent."""
        if self.flushed or self.agent.row is not None:
            self.turns.storage.commit([DeleteAgent(key)])
            self.turned.gone = True
        raise values.agent_error(refusal, self.agent.name)

    def _create(self, version: Version, surroundings: Surroundings) -> None:
        agent, turns = self.agent, self.turns
        key = turns.storage.next_agent()
        agent.execution = execution = Execution(version, self._identity(key), (), 0, surroundings)
        execution.flush = self._flush
        self.new_row = AgentRow(
            agent=key,
            environment=agent.environment,
            component=agent.component,
            type=agent.type,
            name=agent.name,
            mode="durable",
            version=agent.version,
            status="idle",
            created_at_ns=turns.clock.wall_ns(),
            env=msgspec.json.encode(dict(agent.env)),
        )
        tag, refusal = execution.create()
        if tag == "err":
            self._never_been(key, refusal)
        self.constructed = True

    def _identity(self, key: int) -> Agent:
        agent = self.agent
        return Agent(
            key, agent.environment, agent.type, agent.name, AgentMode.DURABLE, agent.parameters, agent.env
        )

    def _answer(self, index: int, result: Result) -> None:
        agent, work, turned = self.agent, self.work, self.turned
        tag, value = result
        if tag == "err":
            turned.error = values.agent_error(value, agent.name)
            return
        agent_type = self.turns.types(agent.component, agent.version)[agent.type]
        try:
            shown = values.result(agent_type, work.method, value)
        except AgentError as unfit:  # it has ended all the same, and is recorded like any other
            turned.error = unfit
            return
        turned.answer = Invoked(shown, agent.name, work.key, index, agent.version)

    def _gather(self, execution: Execution, status: str = "idle") -> None:
        """Put everything that is not durable yet in front of the other operations, the new agent first."""
        start, entries = execution.journal.drain()
        key = execution.agent.key
        first: list[Op] = []
        if self.new_row is not None and not self.flushed:
            first.append(PutAgent(self.new_row))
        if entries:
            first.append(AppendOplog(key, start, [codec.encode(entry) for entry in entries]))
        row = self.new_row or self.agent.row
        assert row is not None, "an agent that is awake has a row"
        if self.flushed or row.status != status:
            first.append(SetStatus(key, status))
            row = msgspec.structs.replace(row, status=status)
        self.turned.ops[:0] = first
        self.turned.row = row

    def _flush(self, execution: Execution) -> None:
        """Make what an invocation has recorded so far durable; the agent is ``running`` until its end is, too."""
        start, entries = execution.journal.drain()
        key = execution.agent.key
        if self.new_row is not None and not self.flushed:
            begin: Op = PutAgent(msgspec.structs.replace(self.new_row, status="running"))
        else:
            begin = SetStatus(key, "running")
        self.turns.storage.commit(
            [begin, AppendOplog(key, start, [codec.encode(entry) for entry in entries])]
        )
        self.flushed = True


def _ended(execution: Execution, finished: Finished) -> list[Op]:
    """An invocation has ended: its result will be found by its key, and it leaves the inbox."""
    key = execution.agent.key
    return [PutResult(key, finished.key, finished.index), TakeInbox(key, finished.key)]


@dataclass(frozen=True, slots=True)
class _End:
    """How a guest ended that did not return: in words, for programs, and where it was."""

    words: str
    kind: ErrorKind
    backtrace: tuple[str, ...] = ()

    @classmethod
    def of(cls, error: Trap | Exited) -> _End:
        if isinstance(error, Exited):
            return cls(f"called exit({error.code})", ErrorKind.PERMANENT_ERROR)
        kinds = {"stack-overflow": ErrorKind.STACK_OVERFLOW, "out-of-memory": ErrorKind.OUT_OF_MEMORY}
        kind = kinds.get(error.kind, ErrorKind.DETERMINISTIC_TRAP)
        return cls(f"trapped: {error.message}", kind, error.backtrace)
