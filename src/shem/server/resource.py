"""One path of the REST interface: picks the operation by method and turns whatever it raises into an answer.

An operation is called straight from the router. There is no stack of middleware around it: on the path of an
invocation each layer costs as much as decoding the request.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from urllib.parse import unquote

import structlog
from starlette.types import Receive, Scope, Send

from shem.errors import BadInput, CallerError, NotFound, PlatformError, ShemError
from shem.server.call import Call, Rooms
from shem.server.operation import Operation
from shem.server.reply import Reply, problem_reply

log = structlog.get_logger("shem.server")


class MethodNotAllowed(CallerError):
    """The path exists, the method does not."""

    code = "method-not-allowed"
    status = 405


class InternalError(PlatformError):
    """A fault of Shem itself; what it was is in the log, not in the answer."""

    code = "internal-error"


class Resource:
    """The ASGI endpoint of one path with all its operations."""

    def __init__(self, rooms: Rooms, operations: Iterable[Operation]) -> None:
        self._rooms = rooms
        self._operations: dict[str, Operation] = {operation.method: operation for operation in operations}
        self._allow = ", ".join(sorted({*self._operations, *({"HEAD"} if "GET" in self._operations else ())}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        operation = self._operations.get("GET" if method == "HEAD" else method)
        if operation is None:
            reply = problem_reply(
                MethodNotAllowed(f"{method} is not possible here", hint=f"Possible: {self._allow}."),
                {"allow": self._allow},
            )
            await reply(scope, receive, send)
            return
        try:
            if operation.work:
                self._rooms.lifecycle.admit()
            call = Call(
                self._rooms,
                scope,
                receive,
                decode(scope["path_params"]),
                operation.query,
                operation.body_max_bytes,
            )
            response = await operation.handler(call)
        except ShemError as error:
            response = problem_reply(error)
        except Exception as error:  # noqa: BLE001  # the last line of defence: logged, and answered without internals
            response = _unexpected(error, scope)
        await response(scope, receive, send)


async def no_such_path(scope: Scope, receive: Receive, send: Send) -> None:
    """What answers every path that no operation has."""
    reply = problem_reply(
        NotFound(f"there is nothing at {scope['path']}", hint="GET /openapi.json lists every path.")
    )
    await reply(scope, receive, send)


def decode(segments: dict[str, str]) -> dict[str, str]:
    """Path segments as text. Raises ``BadInput`` where the percent-encoding is not UTF-8."""
    try:
        return {name: unquote(value, errors="strict") for name, value in segments.items()}
    except UnicodeDecodeError:
        raise BadInput("the path is not UTF-8 after percent-decoding") from None


def _unexpected(error: Exception, scope: Scope) -> Reply:
    incident = secrets.token_hex(6)
    log.error(
        "unexpected error", incident=incident, method=scope["method"], path=scope["path"], exc_info=error
    )
    return problem_reply(
        InternalError(
            f"an unexpected error happened in the server (incident {incident})",
            hint="The server's log has the cause under the incident number.",
            incident=incident,
        )
    )
