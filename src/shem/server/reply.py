"""Answers: JSON as the views say, errors as problem documents."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from shem.errors import ShemError
from shem.problems import retry_after_s, to_problem

_encode = msgspec.json.Encoder(enc_hook=str).encode


class Reply(Response):
    """A body of a known type, its headers made ready at once: this is on the path of every invocation."""

    def __init__(
        self,
        body: bytes,
        status: int = 200,
        media_type: bytes = b"application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        self.body = body
        self.status_code = status
        self.background = None
        self.raw_headers = [(b"content-length", b"%d" % len(body)), (b"content-type", media_type)]
        for name, value in (headers or {}).items():
            self.raw_headers.append((name.encode(), value.encode("latin-1")))


def json_reply(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """``value`` as JSON."""
    return Reply(_encode(value), status, headers=headers)


def no_content() -> Response:
    """204."""
    return Response(status_code=204)


def problem_reply(error: ShemError, headers: dict[str, str] | None = None) -> Reply:
    """The problem document of an error, with Retry-After where repeating may help."""
    wait_s = retry_after_s(error)
    if wait_s is not None:
        headers = {**(headers or {}), "retry-after": str(wait_s)}
    return Reply(_encode(to_problem(error)), error.status, b"application/problem+json", headers)
