"""Invoking an agent: the path that almost every request takes."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from shem.errors import BadInput
from shem.server.call import Call
from shem.server.operation import ENVIRONMENT, Operation
from shem.server.reply import json_reply
from shem.server.rooms import Mode
from shem.views import Invoked

INVOKE_BODY_MAX_BYTES = 16 << 20
"""Arguments are recorded in the oplog and read again in replay; larger things belong in the agent's files."""

KEY_MAX_CHARACTERS = 256
"""Room for any UUID, hash or composed key; each key is kept as long as its agent lives."""


class Invocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``args`` by position or by name; mode ``trigger`` answers once the invocation is durably queued."""

    method: str
    args: list[Any] | dict[str, Any] = []
    mode: Mode = "await"


async def invoke(call: Call) -> Response:
    """Queue an invocation and, in mode ``await``, wait for its result; it goes on if the caller hangs up."""
    key = idempotency_key(call)
    wanted = await call.json(Invocation)
    done = await call.rooms.executor.invoke(
        call.environment, call.path["id"], wanted.method, wanted.args, key=key, mode=wanted.mode
    )
    return json_reply(done, 202 if wanted.mode == "trigger" else 200)


def idempotency_key(call: Call) -> str | None:
    """The key of the request, None where there is none. Raises ``BadInput``."""
    key = call.header(b"idempotency-key")
    if key is None:
        return None
    if not key:
        raise BadInput("the Idempotency-Key is empty", path="idempotency-key")
    if len(key) > KEY_MAX_CHARACTERS:
        raise BadInput(
            f"the Idempotency-Key has {len(key)} characters, at most {KEY_MAX_CHARACTERS} are allowed",
            path="idempotency-key",
        )
    if not key.isascii() or not key.isprintable():
        raise BadInput("the Idempotency-Key holds what is not printable ASCII", path="idempotency-key")
    return key


OPERATIONS = (
    Operation(
        method="POST",
        path=f"{ENVIRONMENT}/agents/{{id}}/invoke",
        handler=invoke,
        summary="Invoke a method of an agent, which is created when it does not exist.",
        tag="agents",
        headers={
            "Idempotency-Key": "The same key always gives the same result. Without one the server makes one."
        },
        body=Invocation,
        body_max_bytes=INVOKE_BODY_MAX_BYTES,
        answer=Invoked,
        also={202: "The invocation is durably queued (mode trigger)."},
    ),
)
