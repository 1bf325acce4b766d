"""Every error that leaves a room of the house, in one tree, by whose fault it is.

    ShemError
    ├── CallerError                 the request is wrong; repeating it changes nothing
    │   ├── BadInput          400   a value, an id or a file does not fit; says which and what was expected
    │   ├── NotAllowed        403
    │   ├── NotFound          404
    │   ├── Conflict          409   it exists already, or its state forbids the request
    │   └── TooLarge          413   beyond a documented limit
    ├── GuestError                  the user's code is wrong
    │   ├── BadComponent      422   a component cannot be deployed: broken wasm, a syntax error, a bad agent type
    │   ├── AgentError        422   the agent refused the invocation and lives on (an exception in a method)
    │   ├── InvocationFailed  500   the guest trapped; the agent has failed
    │   └── Divergence        500   replay did something else than what is recorded
    └── PlatformError               Shem or the machine below it
        ├── StorageCorrupt    500   what was read is not what was written; names the agent and the oplog index
        ├── StorageFull       503   no space left; nothing acknowledged is lost; works again when space returns
        ├── StorageUnavailable 503  any other failure of the storage
        ├── DataDirectoryInUse 503  another server holds the data directory; says which
        ├── Overloaded        429   a queue is at its bound
        ├── Starting          503   the server still recovers; repeat the request in a moment
        └── Stopping          503   the server is shutting down; repeat the request with the same idempotency key

``code`` is stable and machine-readable; ``status`` is the HTTP status that the REST interface answers with.
"""

from __future__ import annotations

from typing import ClassVar


class ShemError(Exception):
    """Base of all errors. ``message`` is one sentence that says what is wrong and where; ``hint`` what to do.

    ``details`` holds JSON-compatible extra facts (``path``, ``index``, ``traceback``, ``stderr``...); they appear as
    members of the problem document.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str | None = None, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


class CallerError(ShemError):
    """The request is wrong."""

    code = "bad-request"
    status = 400


class BadInput(CallerError):
    """A value, an id or a file does not fit what was expected there."""

    code = "bad-input"


class NotAllowed(CallerError):
    """The caller may not do this."""

    code = "not-allowed"
    status = 403


class NotFound(CallerError):
    """What the request names does not exist."""

    code = "not-found"
    status = 404


class Conflict(CallerError):
    """It exists already, or its present state forbids the request."""

    code = "conflict"
    status = 409


class TooLarge(CallerError):
    """Beyond a documented limit."""

    code = "too-large"
    status = 413


class GuestError(ShemError):
    """The user's code is wrong."""

    code = "guest-error"


class BadComponent(GuestError):
    """A component that cannot be deployed; the version before it stays."""

    code = "bad-component"
    status = 422


class AgentError(GuestError):
    """The agent refused the invocation (for Python: an exception left the method) and lives on."""

    code = "agent-error"
    status = 422


class InvocationFailed(GuestError):
    """The guest trapped; ``details`` has ``stderr``. The agent has failed."""

    code = "invocation-failed"


class Divergence(GuestError):
    """Replay did something else than what is recorded.

    Args:
        index: the oplog index of the first difference.
        expected: what the oplog holds there, in words.
        got: what the guest did, in words.
    """

    code = "divergence"

    def __init__(self, index: int, expected: str, got: str) -> None:
        super().__init__(
            f"replay diverged at oplog index {index}: expected {expected}, got {got}",
            hint="Other code wrote the agent's history, or the guest depends on something that is not recorded.",
            index=index,
            expected=expected,
            got=got,
        )
        self.index, self.expected, self.got = index, expected, got


class PlatformError(ShemError):
    """Shem, or the machine below it."""

    code = "platform-error"


class StorageCorrupt(PlatformError):
    """What was read is not what was written."""

    code = "storage-corrupt"


class StorageUnavailable(PlatformError):
    """The storage failed; what was not acknowledged may or may not have happened."""

    code = "storage-unavailable"
    status = 503
    retryable = True


class StorageFull(StorageUnavailable):
    """No space left on the device that holds the data directory."""

    code = "storage-full"


class DataDirectoryInUse(PlatformError):
    """Another server holds the data directory."""

    code = "data-directory-in-use"
    status = 503


class Overloaded(PlatformError):
    """A queue is at its bound."""

    code = "overloaded"
    status = 429
    retryable = True


class Stopping(PlatformError):
    """The server is shutting down."""

    code = "stopping"
    status = 503
    retryable = True


class Starting(PlatformError):
    """The server recovers its agents and takes no work yet."""

    code = "starting"
    status = 503
    retryable = True
