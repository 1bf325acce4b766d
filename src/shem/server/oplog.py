"""The history of an agent."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from shem.server.call import Call
from shem.server.operation import ENVIRONMENT, Operation
from shem.server.reply import json_reply
from shem.views import OplogPage

PAGE_MAX_ENTRIES = 1000
"""A page is decoded in memory; an entry holds at most 64 KiB, larger payloads being in the blob store."""


class OplogQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """Entries from oplog index ``from`` on, which begins with 1."""

    start: Annotated[int, msgspec.Meta(ge=1)] = 1
    count: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX_ENTRIES)] = 100


async def read(call: Call) -> Response:
    query: OplogQuery = call.query
    entries = await call.rooms.executor.oplog(
        call.environment, call.path["id"], start=query.start, count=query.count
    )
    return json_reply(entries)


OPERATIONS = (
    Operation(
        method="GET",
        path=f"{ENVIRONMENT}/agents/{{id}}/oplog",
        handler=read,
        summary="The history of an agent, oldest entries first.",
        tag="agents",
        query=OplogQuery,
        answer=OplogPage,
    ),
)
