"""What is durable, as one protocol that every back end implements and one conformance suite checks.

Writing is a list of operations that becomes durable as a whole or not at all; many lists share one commit.
Storage knows nothing of what an entry means: entries, payloads and manifests are bytes to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import msgspec


class AgentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One agent. ``(environment, name)`` is unique among living agents.

    Attributes:
        agent: the key of this *instance* of the agent; never used again, not even after a delete.
        environment: row key of the environment.
        component: component id, a UUID as text.
        type: agent type name, ``Counter``.
        name: canonical agent id, ``Counter("bob")``.
        mode: ``durable`` or ``ephemeral``.
        version: component version that it runs.
        status: the folded status as of the last commit that changed it (``running``, ``idle`` ...).
        created_at_ns: wall time.
        env: JSON object of the agent's own environment variables.
    """

    agent: int
    environment: int
    component: str
    type: str
    name: str
    mode: str
    version: int
    status: str
    created_at_ns: int
    env: bytes = b"{}"


class ComponentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A component of an environment; ``(environment, name)`` is unique."""

    component: str
    environment: int
    name: str
    created_at_ns: int


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One version (0, 1, 2 ...) of a component.

    Attributes:
        wasm: content hash of the component binary in the blob store.
        files: content hash of the zip of files, or None.
        manifest: JSON, as deployed.
        agent_types: JSON, as discovered.
    """

    component: str
    version: int
    wasm: str
    files: str | None
    manifest: bytes
    agent_types: bytes
    created_at_ns: int


class InboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted invocation that has not finished; ``seq`` orders them first in, first out."""

    agent: int
    seq: int
    key: str
    payload: bytes


class PutAgent(msgspec.Struct, frozen=True, tag=True):
    """A new agent with a key of ``next_agent``.

    Fails with ``Fenced`` where (environment, name) or the key is taken, or the environment does not exist.
    """

    row: AgentRow


class SetStatus(msgspec.Struct, frozen=True, tag=True):
    """Change ``AgentRow.status``; fails with ``Fenced`` where the agent is gone."""

    agent: int
    status: str


class DeleteAgent(msgspec.Struct, frozen=True, tag=True):
    """Everything of an agent: row, oplog, inbox, results. Its key is never used again.

    Fails with ``Fenced`` where the agent is gone already.
    """

    agent: int


class AppendOplog(msgspec.Struct, frozen=True, tag=True):
    """Entries ``start, start + 1, ...``, the first of an agent with index 1.

    Fails with ``Fenced`` where an index is taken, the entry before ``start`` is missing (an oplog has no
    gaps), or the agent is gone.
    """

    agent: int
    start: int
    entries: Sequence[bytes]


class PutInbox(msgspec.Struct, frozen=True, tag=True):
    """Queue an invocation.

    Fails with ``Fenced`` where the key is queued or has a result already, or the agent is gone.
    """

    agent: int
    key: str
    payload: bytes


class TakeInbox(msgspec.Struct, frozen=True, tag=True):
    """Remove an invocation from the inbox; one that is not there is no error."""

    agent: int
    key: str


class PutResult(msgspec.Struct, frozen=True, tag=True):
    """The invocation ``key`` ended at oplog index ``index``.

    Fails with ``Fenced`` where the key has a result already, or the agent is gone.
    """

    agent: int
    key: str
    index: int


class PutComponent(msgspec.Struct, frozen=True, tag=True):
    """Fails with ``Fenced`` where the id or (environment, name) is taken, or the environment does not
    exist."""

    row: ComponentRow


class PutVersion(msgspec.Struct, frozen=True, tag=True):
    """Fails with ``Fenced`` where the version is not the next one, or the component does not exist."""

    row: VersionRow


Op: TypeAlias = (
    PutAgent
    | SetStatus
    | DeleteAgent
    | AppendOplog
    | PutInbox
    | TakeInbox
    | PutResult
    | PutComponent
    | PutVersion
)

Done: TypeAlias = Callable[[BaseException | None], None]
"""Called once: None when the operations are durable, else the reason why they may not be.

It runs on a thread of the storage that everybody waits for, so it only passes the news on: it does not
block, raise or close the storage. Outcomes come in the order of ``submit``.
"""


class Fenced(Exception):
    """Somebody else wrote there first, or what the operation belongs to is gone.

    Nothing of the list was applied. It is for the room above to catch and never reaches users.
    """


class Storage(Protocol):
    """A back end. All methods may be called from any thread.

    Reading methods see everything whose ``done`` was called, and nothing that was not committed. What a
    crash leaves is what a prefix of the submitted lists (without those that failed) had written, at least up
    to the last acknowledged one.

    Errors of ``shem.errors``, by ``done`` or raised: ``StorageFull`` (the list was not applied; works again
    when space returns), ``StorageUnavailable`` (it may have been applied; read before going on),
    ``StorageCorrupt``, ``Stopping`` after ``close``; and ``Fenced``.
    """

    def submit(self, ops: Sequence[Op], done: Done) -> None:
        """Make ``ops`` durable, all or nothing, in the order of ``submit``; returns at once.

        ``ops`` and what they hold are read before this returns. After ``close`` began, ``done`` gets
        ``Stopping``, on the caller's thread.

        Raises:
            TypeError: something in ``ops`` is no operation, or an entry or a payload is not bytes.
        """

    def commit(self, ops: Sequence[Op]) -> None:
        """``submit`` and wait; raises what ``done`` would have got."""

    def next_agent(self) -> int:
        """A key that no agent ever had."""

    def environment(self, app: str, name: str) -> int | None:
        """Row key of an environment; ``default/default`` exists from the start."""

    def agent(self, agent: int) -> AgentRow | None: ...

    def agent_named(self, environment: int, name: str) -> AgentRow | None: ...

    def agents(
        self,
        environment: int,
        *,
        type: str | None = None,
        status: str | None = None,
        version: int | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[AgentRow]:
        """In the order of their keys, which is that of creation; those with a key above ``after``."""

    def unfinished(self) -> list[int]:
        """Keys of agents (of all environments) with a row in the inbox or with status ``running``,
        ascending."""

    def oplog(self, agent: int, start: int = 1, count: int | None = None) -> list[tuple[int, bytes]]:
        """(index, entry) in order, from index ``start``; oplog indices begin with 1.

        Raises:
            StorageCorrupt: an entry is damaged or missing; ``details`` has ``agent`` and ``index``.
        """

    def oplog_end(self, agent: int) -> int:
        """The last index, 0 where there is none."""

    def inbox(self, agent: int) -> list[InboxRow]:
        """First in, first.

        Raises:
            StorageCorrupt: a payload is damaged; ``details`` has ``agent`` and ``key``.
        """

    def result(self, agent: int, key: str) -> int | None:
        """Oplog index of the end of the invocation with that idempotency key."""

    def component(self, environment: int, name: str) -> ComponentRow | None: ...

    def components(self, environment: int) -> list[ComponentRow]:
        """By name."""

    def versions(self, component: str) -> list[VersionRow]:
        """All versions, the oldest first."""

    def close(self) -> None:
        """Finish what was submitted, then let go of the data directory; a second time does nothing."""


class BlobStore(Protocol):
    """Bytes by their SHA-256 (hex)."""

    def put(self, data: bytes) -> str:
        """Durable when it returns. Putting the same bytes again is cheap."""

    def get(self, hash: str) -> bytes:
        """Raises ``NotFound``; ``StorageCorrupt`` where the bytes do not have that hash."""

    def has(self, hash: str) -> bool: ...
