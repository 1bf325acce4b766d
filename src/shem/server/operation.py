"""An operation of the REST interface: one row of the table that routes and documents are made from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec
from starlette.responses import Response

from shem.server.call import Call

Handler: TypeAlias = Callable[[Call], Awaitable[Response]]
Method = Literal["GET", "POST", "PUT", "DELETE"]

ENVIRONMENT = "/v1/apps/{app}/envs/{env}"

SMALL_BODY_MAX_BYTES = 1 << 20
"""For bodies of settings and names: a thousand environment variables of a kilobyte each."""


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The operation takes no query parameters; any that comes is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path.

    Attributes:
        path: template with ``{name}`` for each segment that varies; a segment holds any text, also slashes.
        handler: gets the request, gives the answer; raises errors of ``shem.errors``.
        summary: one sentence for the documents.
        tag: the resource it belongs to.
        query: struct whose fields are the query parameters.
        headers: request headers that mean something, with their description.
        body: struct of the JSON body, or the names of the parts of a multipart body with their description.
        body_max_bytes: a larger body is refused with ``TooLarge`` before it is read to the end.
        answer: type of the JSON answer; None for an answer without a body.
        status: HTTP status of success.
        also: other statuses of success with the same answer, and what they mean.
        work: True where the server must be ready, false where it answers at any time.
    """

    method: Method
    path: str
    handler: Handler
    summary: str
    tag: str
    query: type[msgspec.Struct] = NoQuery
    headers: dict[str, str] | None = None
    body: type[msgspec.Struct] | dict[str, str] | None = None
    body_max_bytes: int = SMALL_BODY_MAX_BYTES
    answer: Any = None
    media_type: str = "application/json"
    status: int = 200
    also: dict[int, str] | None = None
    work: bool = True
