"""What an oplog consists of: one frozen struct per case of ``oplog-entry`` in ``golem:api/oplog@1.5.0``.

The tag of a struct is the number of its case in the contract, counted from 0, and is stored: it never
changes. Entries that only Shem has take tags from 100 on. Fields are stored by position: new ones are added
at the end, with a default.

Every entry begins with ``at_ns``, the wall time at which it was made (ns since the Unix epoch). Oplog indices
count from 1; 0 stands for "before the first entry". A payload is the bytes of a value as ``payload.encode``
makes them, or an ``External`` where they are in the blob store.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar, TypeAlias, get_args

import msgspec


class External(msgspec.Struct, frozen=True, array_like=True):
    """A payload in the blob store: its SHA-256 (hex) and its size in bytes."""

    hash: str
    size: int


Payload: TypeAlias = bytes | External


class FunctionKind(IntEnum):
    """What a host function touches; ``wrapped-function-type`` of the contract, in its order."""

    READ_LOCAL = 0
    WRITE_LOCAL = 1
    READ_REMOTE = 2
    WRITE_REMOTE = 3
    WRITE_REMOTE_BATCHED = 4
    WRITE_REMOTE_TRANSACTION = 5


class InvocationKind(IntEnum):
    """What the guest is asked for; ``agent-invocation`` of the contract, in its order."""

    INITIALIZATION = 0
    METHOD = 1
    SAVE_SNAPSHOT = 2
    LOAD_SNAPSHOT = 3
    PROCESS_OPLOG_ENTRIES = 4
    MANUAL_UPDATE = 5


class ErrorKind(IntEnum):
    """Why an invocation ended early; ``worker-error`` of the contract, in its order."""

    UNKNOWN = 0
    INVALID_REQUEST = 1
    STACK_OVERFLOW = 2
    OUT_OF_MEMORY = 3
    EXCEEDED_MEMORY_LIMIT = 4
    INTERNAL_ERROR = 5
    DETERMINISTIC_TRAP = 6
    TRANSIENT_ERROR = 7
    PERMANENT_ERROR = 8
    EXCEEDED_TABLE_LIMIT = 9
    EXCEEDED_HTTP_CALL_LIMIT = 10
    EXCEEDED_RPC_CALL_LIMIT = 11
    NODE_OUT_OF_FILESYSTEM_STORAGE = 12
    AGENT_EXCEEDED_FILESYSTEM_STORAGE_LIMIT = 13
    AGENT_TERMINATED_BY_QUOTA = 14
    EPHEMERAL_SLEEP_TOO_LONG = 15
    EPHEMERAL_FUEL_EXHAUSTED = 16
    EPHEMERAL_CANNOT_SUSPEND = 17


class AgentMode(IntEnum):
    """How long the instance of an agent lives; ``agent-mode`` of the contract, in its order."""

    DURABLE = 0
    EPHEMERAL = 1


class LogLevel(IntEnum):
    """``log-level`` of the contract, in its order."""

    STDOUT = 0
    STDERR = 1
    TRACE = 2
    DEBUG = 3
    INFO = 4
    WARN = 5
    ERROR = 6
    CRITICAL = 7


class PersistenceLevel(IntEnum):
    """``persistence-level`` of the contract, in its order."""

    PERSIST_NOTHING = 0
    PERSIST_REMOTE_SIDE_EFFECTS = 1
    SMART = 2


def wit_name(member: IntEnum) -> str:
    """The name that the contract gives to a member: ``FunctionKind.READ_LOCAL`` is ``read-local``."""
    return member.name.lower().replace("_", "-")


class AgentRef(msgspec.Struct, frozen=True, array_like=True):
    """An agent anywhere: the id of its component (a UUID as text) and its canonical agent id."""

    component: str
    agent: str


class ConfigEntry(msgspec.Struct, frozen=True, array_like=True):
    """A configured value of an agent: its path, and the payload of its ``value-and-type``."""

    path: tuple[str, ...]
    value: bytes


class Region(msgspec.Struct, frozen=True, array_like=True):
    """Oplog indices ``start`` to ``end``, both included."""

    start: int
    end: int


class Span(msgspec.Struct, frozen=True, array_like=True):
    """One span of the trace that an invocation belongs to; an external one has nothing but its id.

    ``linked`` is the position, in the list of lists of the same invocation, of the spans that this one is
    linked with.
    """

    id: str
    external: bool = False
    start_ns: int = 0
    parent: str | None = None
    linked: int | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    inherited: bool = False


class Trace(msgspec.Struct, frozen=True, array_like=True):
    """Where an invocation stands in a distributed trace."""

    id: str
    states: tuple[str, ...] = ()
    spans: tuple[tuple[Span, ...], ...] = ()


class BaseEntry(msgspec.Struct, frozen=True, array_like=True):
    """What all entries have. ``kind`` is the case name of the contract."""

    kind: ClassVar[str]

    at_ns: int


class Create(BaseEntry, frozen=True, tag=0):
    """The first entry: which agent this is, and what it started from.

    Attributes:
        agent: canonical agent id, with its phantom.
        component: component id, a UUID as text.
        version: the component version that its history begins with.
        mode: durable or ephemeral.
        environment: row key of the environment.
        instance: the storage's key of this instance; another one after a delete.
        env: its own environment variables, in order.
        created_by: who asked for it; empty where nobody is known.
        parent: the agent that created it.
        phantom: UUID of the phantom, as text.
        component_bytes: size of the component.
        memory_bytes: linear memory right after the start.
        plugins: grants of the plugins that were active, UUIDs as text.
        config: its own configuration.
    """

    kind: ClassVar[str] = "create"

    agent: str
    component: str
    version: int
    mode: AgentMode
    environment: int
    instance: int
    env: tuple[tuple[str, str], ...] = ()
    created_by: str = ""
    parent: AgentRef | None = None
    phantom: str | None = None
    component_bytes: int = 0
    memory_bytes: int = 0
    plugins: tuple[str, ...] = ()
    config: tuple[ConfigEntry, ...] = ()


class HostCall(BaseEntry, frozen=True, tag=1):
    """A host function answered.

    Attributes:
        function: full name without a version, ``wasi:clocks/wall-clock.now``.
        request: payload of the arguments; equal arguments give equal payloads.
        response: payload of the answer.
        function_kind: what the function touches.
        begin: for a batched write or a transaction, the index of the entry that opened it.
    """

    kind: ClassVar[str] = "host-call"

    function: str
    request: Payload
    response: Payload
    function_kind: FunctionKind
    begin: int | None = None


class AgentInvocationStarted(BaseEntry, frozen=True, tag=2):
    """The guest is called; with the entries up to the next ``agent-invocation-finished`` this is done again.

    Attributes:
        invocation: what is called.
        idempotency_key: the caller's, or one that was made for it.
        method: name of the method; empty for everything that is not a method.
        input: payload of the argument: the data-value of an initialization or method, the snapshot of a load.
        version: the component version that runs it.
        principal: payload of the contract's ``principal``; None is ``anonymous``.
        trace: where it stands in a distributed trace.
    """

    kind: ClassVar[str] = "agent-invocation-started"

    invocation: InvocationKind
    idempotency_key: str
    method: str
    input: Payload
    version: int
    principal: bytes | None = None
    trace: Trace | None = None


class AgentInvocationFinished(BaseEntry, frozen=True, tag=3):
    """The guest answered.

    Attributes:
        result: payload of what its export returned, an error of the agent included.
        version: the component version that ran it.
        consumed_fuel: the guest's work, in the engine's units; 0 where it is not counted.
        started: index of the entry that began it, so that a repeated request finds what was asked for.
    """

    kind: ClassVar[str] = "agent-invocation-finished"

    result: Payload
    version: int
    consumed_fuel: int = 0
    started: int = 0


class Suspend(BaseEntry, frozen=True, tag=4):
    """The invocation was unwound because it waits for something far away."""

    kind: ClassVar[str] = "suspend"


class Error(BaseEntry, frozen=True, tag=5):
    """The invocation ended early.

    Attributes:
        error: why, for programs.
        message: why, for people; a trap with its WebAssembly backtrace.
        retry_from: the index after which a retry goes on live; what lies behind it is replayed.
        stderr: the end of what the guest wrote to its standard error in this attempt.
        inside_atomic_region: whether the guest had one open.
        retry_state: payload of the contract's ``retry-policy-state``.
    """

    kind: ClassVar[str] = "error"

    error: ErrorKind
    message: str
    retry_from: int
    stderr: str = ""
    inside_atomic_region: bool = False
    retry_state: bytes | None = None


class NoOp(BaseEntry, frozen=True, tag=6):
    """Holds an index that something refers to."""

    kind: ClassVar[str] = "no-op"


class Jump(BaseEntry, frozen=True, tag=7):
    """The guest went back in its history: the region is not replayed."""

    kind: ClassVar[str] = "jump"

    region: Region


class Interrupted(BaseEntry, frozen=True, tag=8):
    """Somebody asked the agent to stop."""

    kind: ClassVar[str] = "interrupted"


class Exited(BaseEntry, frozen=True, tag=9):
    """The guest called ``exit``."""

    kind: ClassVar[str] = "exited"


class BeginAtomicRegion(BaseEntry, frozen=True, tag=10):
    """From here to its end everything is repeated when the end was not reached."""

    kind: ClassVar[str] = "begin-atomic-region"


class EndAtomicRegion(BaseEntry, frozen=True, tag=11):
    """The region that began at index ``begin`` is complete."""

    kind: ClassVar[str] = "end-atomic-region"

    begin: int


class BeginRemoteWrite(BaseEntry, frozen=True, tag=12):
    """Durable before the effect of a remote write."""

    kind: ClassVar[str] = "begin-remote-write"


class EndRemoteWrite(BaseEntry, frozen=True, tag=13):
    """The remote write that began at index ``begin`` is done; the host call before this has its answer."""

    kind: ClassVar[str] = "end-remote-write"

    begin: int


class PendingAgentInvocation(BaseEntry, frozen=True, tag=14):
    """An invocation was accepted and waits for its turn; fields as in ``AgentInvocationStarted``."""

    kind: ClassVar[str] = "pending-agent-invocation"

    invocation: InvocationKind
    idempotency_key: str
    method: str
    input: Payload
    principal: bytes | None = None
    trace: Trace | None = None


class PendingUpdate(BaseEntry, frozen=True, tag=15):
    """An update was accepted: automatic, or with a snapshot of the old version."""

    kind: ClassVar[str] = "pending-update"

    target_version: int
    snapshot: Payload | None = None
    mime_type: str = ""


class SuccessfulUpdate(BaseEntry, frozen=True, tag=16):
    """From here on the agent runs ``target_version``."""

    kind: ClassVar[str] = "successful-update"

    target_version: int
    component_bytes: int
    plugins: tuple[str, ...] = ()


class FailedUpdate(BaseEntry, frozen=True, tag=17):
    """The update did not happen, ``details`` says why."""

    kind: ClassVar[str] = "failed-update"

    target_version: int
    details: str | None = None


class GrowMemory(BaseEntry, frozen=True, tag=18):
    """Linear memory grew by so many bytes."""

    kind: ClassVar[str] = "grow-memory"

    delta_bytes: int


class FilesystemStorageUsageUpdate(BaseEntry, frozen=True, tag=19):
    """The agent's files grew (or shrank, below zero) by so many bytes."""

    kind: ClassVar[str] = "filesystem-storage-usage-update"

    delta_bytes: int


class CreateResource(BaseEntry, frozen=True, tag=20):
    """The guest got a resource; ``owner`` is the interface of its type ``name``."""

    kind: ClassVar[str] = "create-resource"

    id: int
    name: str
    owner: str


class DropResource(BaseEntry, frozen=True, tag=21):
    """The guest let go of a resource."""

    kind: ClassVar[str] = "drop-resource"

    id: int
    name: str
    owner: str


class Log(BaseEntry, frozen=True, tag=22):
    """A line of output: a hint, neither repeated nor compared in replay."""

    kind: ClassVar[str] = "log"

    level: LogLevel
    context: str
    message: str


class Restart(BaseEntry, frozen=True, tag=23):
    """The agent was asked to begin its invocation again."""

    kind: ClassVar[str] = "restart"


class ActivatePlugin(BaseEntry, frozen=True, tag=24):
    """The plugin of this grant (a UUID as text) reads along from here."""

    kind: ClassVar[str] = "activate-plugin"

    plugin: str


class DeactivatePlugin(BaseEntry, frozen=True, tag=25):
    """The plugin of this grant (a UUID as text) reads along no more."""

    kind: ClassVar[str] = "deactivate-plugin"

    plugin: str


class Revert(BaseEntry, frozen=True, tag=26):
    """The agent was put back: ``dropped`` is no longer part of its history."""

    kind: ClassVar[str] = "revert"

    dropped: Region


class CancelPendingInvocation(BaseEntry, frozen=True, tag=27):
    """An invocation that had not started will not."""

    kind: ClassVar[str] = "cancel-pending-invocation"

    idempotency_key: str


class StartSpan(BaseEntry, frozen=True, tag=28):
    """The guest opened a span."""

    kind: ClassVar[str] = "start-span"

    span: str
    parent: str | None = None
    linked: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()


class FinishSpan(BaseEntry, frozen=True, tag=29):
    """The guest closed a span."""

    kind: ClassVar[str] = "finish-span"

    span: str


class SetSpanAttribute(BaseEntry, frozen=True, tag=30):
    """The guest described a span."""

    kind: ClassVar[str] = "set-span-attribute"

    span: str
    key: str
    value: str


class ChangePersistenceLevel(BaseEntry, frozen=True, tag=31):
    """The guest chose what is recorded from here on."""

    kind: ClassVar[str] = "change-persistence-level"

    level: PersistenceLevel


class BeginRemoteTransaction(BaseEntry, frozen=True, tag=32):
    """A transaction elsewhere began; ``original_begin`` is the index of the attempt that this one repeats."""

    kind: ClassVar[str] = "begin-remote-transaction"

    transaction: str
    original_begin: int | None = None


class PreCommitRemoteTransaction(BaseEntry, frozen=True, tag=33):
    """Durable before the transaction that began at index ``begin`` is committed."""

    kind: ClassVar[str] = "pre-commit-remote-transaction"

    begin: int


class PreRollbackRemoteTransaction(BaseEntry, frozen=True, tag=34):
    """Durable before the transaction that began at index ``begin`` is rolled back."""

    kind: ClassVar[str] = "pre-rollback-remote-transaction"

    begin: int


class CommittedRemoteTransaction(BaseEntry, frozen=True, tag=35):
    """The transaction that began at index ``begin`` is committed."""

    kind: ClassVar[str] = "committed-remote-transaction"

    begin: int


class RolledBackRemoteTransaction(BaseEntry, frozen=True, tag=36):
    """The transaction that began at index ``begin`` is rolled back."""

    kind: ClassVar[str] = "rolled-back-remote-transaction"

    begin: int


class Snapshot(BaseEntry, frozen=True, tag=37):
    """What the guest's ``save-snapshot`` gave: a possible beginning of later recoveries.

    ``data`` is the guest's own format, not an encoded value.
    """

    kind: ClassVar[str] = "snapshot"

    data: Payload
    mime_type: str


class OplogProcessorCheckpoint(BaseEntry, frozen=True, tag=38):
    """How far a plugin has read the oplog of ``target``."""

    kind: ClassVar[str] = "oplog-processor-checkpoint"

    plugin: str
    target: AgentRef
    confirmed_up_to: int
    sending_up_to: int
    last_batch_start: int


class SetRetryPolicy(BaseEntry, frozen=True, tag=39):
    """From here on this rule counts; ``policy`` is the payload of the contract's ``named-retry-policy``."""

    kind: ClassVar[str] = "set-retry-policy"

    policy: bytes


class RemoveRetryPolicy(BaseEntry, frozen=True, tag=40):
    """The rule of that name counts no more."""

    kind: ClassVar[str] = "remove-retry-policy"

    name: str


Entry: TypeAlias = (
    Create
    | HostCall
    | AgentInvocationStarted
    | AgentInvocationFinished
    | Suspend
    | Error
    | NoOp
    | Jump
    | Interrupted
    | Exited
    | BeginAtomicRegion
    | EndAtomicRegion
    | BeginRemoteWrite
    | EndRemoteWrite
    | PendingAgentInvocation
    | PendingUpdate
    | SuccessfulUpdate
    | FailedUpdate
    | GrowMemory
    | FilesystemStorageUsageUpdate
    | CreateResource
    | DropResource
    | Log
    | Restart
    | ActivatePlugin
    | DeactivatePlugin
    | Revert
    | CancelPendingInvocation
    | StartSpan
    | FinishSpan
    | SetSpanAttribute
    | ChangePersistenceLevel
    | BeginRemoteTransaction
    | PreCommitRemoteTransaction
    | PreRollbackRemoteTransaction
    | CommittedRemoteTransaction
    | RolledBackRemoteTransaction
    | Snapshot
    | OplogProcessorCheckpoint
    | SetRetryPolicy
    | RemoveRetryPolicy
)

ENTRY_TYPES: tuple[type[BaseEntry], ...] = get_args(Entry)
"""All entries, in the order of their tags."""
