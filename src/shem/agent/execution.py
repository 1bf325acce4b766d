"""One agent in memory: its machine, its journal, and what happens when an invocation meets them.

An ``Execution`` begins as a copy of its version's base image, lives on one thread at a time, and is first brought to
where its agent stands, in one of two ways:

- ``create`` begins a new agent, with the constructor as its first invocation;
- ``recover`` replays the oplog of an existing one. An invocation that was begun and not ended is carried to its end
  live, exactly from where the records stop.

After any exception the machine has no known state: the owner drops the execution and recovers the agent when it is next
needed. Nothing is lost by that, since nothing that the outside has seen is missing from the oplog.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from shem.agent.recorder import Recorder
from shem.agent.version import Version
from shem.clock import Clock
from shem.golem.guest import DataValue, Result
from shem.oplog.entries import (
    AgentInvocationStarted,
    AgentMode,
    Create,
    Entry,
    InvocationKind,
)
from shem.oplog.journal import Journal
from shem.storage.protocol import BlobStore
from shem.wasi.cli import Exited
from shem.wasi.context import WasiContext
from shem.wasi.vfs import FileSystem
from shem.wasm.errors import Interrupted, Trap
from shem.wasm.instance import Instance

INITIALIZATION_KEY = "initialize"
"""The idempotency key of the constructor's invocation; it never meets a caller's."""


LONG_WAIT_NS = 20_000_000
"""Before a wait of 20 ms or more, what was recorded is made durable: the commit costs a fraction of it, and after a
crash the wait goes on from where it was."""


@dataclass(frozen=True, slots=True)
class Agent:
    """Who an execution is: what the guest may know of itself.

    Attributes:
        key: the storage's key of this instance.
        environment: row key of the environment.
        type: agent type name.
        name: canonical agent id.
        parameters: the constructor's data-value.
        env: its own environment variables.
    """

    key: int
    environment: int
    type: str
    name: str
    mode: AgentMode
    parameters: DataValue
    env: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """An invocation that ended live, not durable yet: its key, the oplog index of its end, what the guest returned."""

    key: str
    method: str
    index: int
    result: Result


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an execution takes from its owner.

    Attributes:
        entropy: so many random bytes.
        wait: blocks for at most so many ns or until the event is set, whichever comes first.
    """

    clock: Clock
    entropy: Callable[[int], bytes]
    blobs: BlobStore
    wait: Callable[[threading.Event, int], None]


class Unwound(BaseException):
    """The owner wants the thread back: the guest is abandoned where it waits, and will be recovered later."""


class Execution:
    """See the head of this file.

    Args:
        version: what the agent runs.
        agent: who it is.
        recorded: its oplog from the beginning, read lazily; nothing for a new agent.
        end: index of the last recorded entry.
        surroundings: what the owner provides.

    Attributes:
        flush: set by the owner before each call: makes the entries drained from the journal durable before it
            returns (see ``Recorder``).
    """

    def __init__(
        self,
        version: Version,
        agent: Agent,
        recorded: Iterable[tuple[int, Entry]],
        end: int,
        surroundings: Surroundings,
    ) -> None:
        self.version, self.agent = version, agent
        self.flush: Callable[[Execution], None] = _no_flush
        self._unwind = threading.Event()
        self._wait = surroundings.wait
        self.journal = Journal(recorded, end=end)
        self.recorder = Recorder(
            self.journal, surroundings.clock, surroundings.blobs, lambda: self.flush(self)
        )
        self.context = WasiContext(
            durability=self.recorder,
            clock=surroundings.clock,
            entropy=surroundings.entropy,
            wait=self._block,
            environ=_environ(version, agent),
            arguments=(),
            files=FileSystem(version.mounts, self.recorder.now_ns),
        )
        self.context.restore(version.image.world)
        self._instance: Instance = version.linked.instantiate(
            self.context, image=version.image, starting=version.starting()
        )

    def create(self) -> Result:
        """Begin a new agent; ``("err", agent-error)`` where its constructor refused.

        Raises:
            Trap: the guest crashed.
            Unwound: ``unwind`` was called.
        """
        agent, version = self.agent, self.version
        self.journal.append(
            Create(
                at_ns=self.recorder.stamp(),
                agent=agent.name,
                component=version.component,
                version=version.number,
                mode=agent.mode,
                environment=agent.environment,
                instance=agent.key,
                env=agent.env,
            )
        )
        return self._begin(
            InvocationKind.INITIALIZATION, INITIALIZATION_KEY, agent.type, agent.parameters
        ).result

    def recover(self) -> Finished | None:
        """Replay; the invocation that was completed on the way, if one was unfinished.

        Raises:
            Divergence: the guest did something else than what is recorded.
            Trap: the invocation that was unfinished crashed.
            Unwound: ``unwind`` was called.
        """
        self.journal.feed_create()
        completed: Finished | None = None
        while (fed := self.journal.feed_started()) is not None:
            completed = self._perform(*fed)
        return completed

    def invoke(self, key: str, method: str, arguments: DataValue) -> Finished:
        """Run one method, live.

        Raises:
            Trap: the guest crashed.
            Unwound: ``unwind`` was called.
        """
        return self._begin(InvocationKind.METHOD, key, method, arguments)

    def unwind(self, *, computing: bool) -> None:
        """From any thread: the call that runs raises ``Unwound``, at once or when it next waits.

        Args:
            computing: also while the guest computes; else only where it waits.
        """
        self._unwind.set()
        if computing:
            self._instance.interrupt()

    def stderr_tail(self) -> str:
        """The end of what the guest wrote to its standard error."""
        return self.context.stderr_tail()

    def close(self) -> None:
        """Give the machine's memory back."""
        self._instance.close()

    def _begin(self, invocation: InvocationKind, key: str, method: str, arguments: DataValue) -> Finished:
        recorder = self.recorder
        entry = AgentInvocationStarted(
            at_ns=recorder.stamp(),
            invocation=invocation,
            idempotency_key=key,
            method=method,
            input=recorder.store(arguments),
            version=self.version.number,
        )
        finished = self._call(self.journal.append(entry), entry, arguments)
        assert finished is not None, "a live invocation is recorded when it ends"
        return finished

    def _perform(self, index: int, entry: AgentInvocationStarted) -> Finished | None:
        self.recorder.started(entry)
        return self._call(index, entry, self.recorder.load(entry.input))

    def _call(self, index: int, entry: AgentInvocationStarted, arguments: Any) -> Finished | None:
        """Call the guest; None when the end was recorded already."""
        try:
            if entry.invocation is InvocationKind.INITIALIZATION:
                result = self.version.guest.initialize(self._instance, entry.method, arguments)
            else:
                result = self.version.guest.invoke(self._instance, entry.method, arguments)
        except Interrupted as interrupted:
            raise Unwound from interrupted
        except (Trap, Exited) as crash:
            self.journal.feed_crash(str(crash))
            raise
        self.context.finish_output()
        end = self.recorder.finished(result, started=index, version=self.version.number)
        return None if end is None else Finished(entry.idempotency_key, entry.method, end, result)

    def _block(self, timeout_ns: int) -> None:
        if timeout_ns >= LONG_WAIT_NS and self.journal.unwritten:
            self.flush(self)
        self._wait(self._unwind, timeout_ns)
        if self._unwind.is_set():
            raise Unwound


def _no_flush(execution: Execution) -> None:
    raise RuntimeError("the owner of an execution sets its flush before a call")


def _environ(version: Version, agent: Agent) -> tuple[tuple[str, str], ...]:
    """What the guest finds in its environment: who it is, then the deployment's settings, then its own on top."""
    own = {
        "AGENT_ID": agent.name,
        "AGENT_TYPE": agent.type,
        "COMPONENT_ID": version.component,
        "COMPONENT_VERSION": str(version.number),
    }
    environ = {f"{prefix}_{name}": value for prefix in ("SHEM", "GOLEM") for name, value in own.items()}
    environ.update(version.environ)
    environ.update(agent.env)
    return tuple(environ.items())
