"""Whether the process serves, and whether it takes work."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from shem.server.call import Call
from shem.server.operation import Operation
from shem.server.reply import json_reply


class Health(msgspec.Struct, frozen=True):
    ok: bool


async def healthz(call: Call) -> Response:
    return json_reply(Health(ok=True))


async def readyz(call: Call) -> Response:
    call.rooms.lifecycle.admit()
    return json_reply(Health(ok=True))


OPERATIONS = (
    Operation(
        method="GET",
        path="/healthz",
        handler=healthz,
        summary="Answers as soon as the process serves.",
        tag="health",
        answer=Health,
        work=False,
    ),
    Operation(
        method="GET",
        path="/readyz",
        handler=readyz,
        summary="Answers 200 once recovery is done and until the server stops, 503 else.",
        tag="health",
        answer=Health,
        work=False,
    ),
)
