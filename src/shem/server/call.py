"""One request on its way to a room of the house: path, query, headers and body, checked as they are read."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Literal, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope

from shem.errors import BadInput, TooLarge
from shem.registry.environment import Environment
from shem.server.lifecycle import Lifecycle
from shem.server.rooms import Executor, Registry

Body = TypeVar("Body", bound=msgspec.Struct)


class Documents(msgspec.Struct, frozen=True):
    """What describes the interface: an OpenAPI document and an HTML page, as they are sent."""

    openapi: bytes
    page: bytes


class Rooms(msgspec.Struct, frozen=True):
    """What every operation works with."""

    executor: Executor
    registry: Registry
    lifecycle: Lifecycle
    documents: Documents


class Call:
    """A request.

    Attributes:
        path: the varying segments of the path, decoded.
        query: the query parameters as the struct that the operation names.
    """

    __slots__ = ("_max_bytes", "path", "query", "receive", "rooms", "scope")

    def __init__(
        self,
        rooms: Rooms,
        scope: Scope,
        receive: Receive,
        path: dict[str, str],
        query_type: type[msgspec.Struct],
        max_bytes: int,
    ) -> None:
        self.rooms, self.scope, self.path, self._max_bytes = rooms, scope, path, max_bytes
        self.receive = receive
        self.query: Any = read_query(scope["query_string"], query_type)

    @property
    def environment(self) -> Environment:
        """The environment that the path names. Raises ``NotFound``."""
        return self.rooms.executor.environment(self.path["app"], self.path["env"])

    def header(self, name: bytes) -> str | None:
        """A header that may come once. ``name`` in lower case. Raises ``BadInput`` where it comes twice."""
        values = [value for key, value in self.scope["headers"] if key == name]
        if len(values) > 1:
            raise BadInput(f"the header {name.decode()} is given {len(values)} times", path=name.decode())
        return values[0].decode("latin-1") if values else None

    async def body(self) -> bytes:
        """The whole body. Raises ``TooLarge``, and ``BadInput`` where the caller hangs up before its end."""
        receive = self.bounded()
        message = await receive()
        chunk: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            return chunk
        chunks = [chunk]
        while message.get("more_body", False):
            message = await receive()
            chunks.append(message.get("body", b""))
        return b"".join(chunks)

    async def json(self, kind: type[Body]) -> Body:
        """The body as ``kind``; no body at all is ``{}``. Raises ``BadInput`` and ``TooLarge``."""
        return read_json(await self.body(), kind)

    def bounded(self) -> Receive:
        """``receive`` that refuses a body beyond the operation's bound as soon as that is known."""
        declared = self.header(b"content-length")
        if declared is not None and declared.isdigit():
            self._check(int(declared))
        total_bytes = 0

        async def receive() -> MutableMapping[str, Any]:
            nonlocal total_bytes
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise BadInput("the connection ended before the body was complete")
            total_bytes += len(message.get("body", b""))
            self._check(total_bytes)
            return message

        return receive

    def _check(self, total_bytes: int) -> None:
        if total_bytes > self._max_bytes:
            raise TooLarge(
                f"the body is larger than {self._max_bytes} bytes",
                limit_bytes=self._max_bytes,
            )


def read_json(data: bytes, kind: type[Body]) -> Body:
    """``data`` as ``kind``. Raises ``BadInput`` that names the byte or the path of what is wrong."""
    try:
        return msgspec.json.decode(data or b"{}", type=kind)
    except msgspec.ValidationError as error:
        reason, path = _split(error)
        raise BadInput(
            f"the body does not fit: {reason} at {path}", hint=_choices(kind, path), path=path
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error) if "byte" in str(error) else f"{error} (byte {len(data)})"
        raise BadInput(
            f"the body is not JSON: {reason}", hint="Send a JSON object in UTF-8 as the body."
        ) from None


def read_query(query_string: bytes, kind: type[Body]) -> Body:
    """A query string as ``kind``. Raises ``BadInput`` for what is unknown, doubled or does not fit."""
    values: dict[str, str] = {}
    if query_string:
        try:
            pairs = parse_qsl(
                query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100
            )
        except ValueError as error:
            raise BadInput(f"the query string cannot be read: {error}") from None
        for name, value in pairs:
            if name in values:
                raise BadInput(f"the query parameter {name} is given more than once", path=name)
            values[name] = value
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        reason, path = _split(error)
        raise BadInput(
            f"a query parameter does not fit: {reason} at {path}", hint=_choices(kind, path), path=path
        ) from None


def _split(error: msgspec.ValidationError) -> tuple[str, str]:
    """``Expected `str`, got `int` - at `$.method``` in its two halves, without the dollar sign."""
    reason, _, place = str(error).partition(" - at `$")
    return reason.replace("`", ""), place.rstrip("`").lstrip(".") or "the top level"


def _choices(kind: type[msgspec.Struct], path: str) -> str | None:
    """A hint with what is possible for a field that takes one of some words; None for any other."""
    for field in msgspec.structs.fields(kind):
        if field.encode_name == path:
            parts = (field.type, *get_args(field.type))
            words = [word for part in parts if get_origin(part) is Literal for word in get_args(part)]
            return f"Possible: {', '.join(words)}." if words else None
    return None
