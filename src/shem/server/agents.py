"""Agents: create, look at, list, delete."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from shem.server.call import Call
from shem.server.operation import ENVIRONMENT, Operation
from shem.server.reply import json_reply, no_content
from shem.views import AgentPage, AgentView

PAGE_MAX_AGENTS = 1000
"""A page is built in memory and in one go; a thousand agents are about half a megabyte of JSON."""

Status = Literal["running", "idle", "suspended", "interrupted", "retrying", "failed", "exited"]
"""What an agent's oplog says it is doing."""


class NewAgent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``env`` are the agent's own environment variables, over those of its component."""

    env: dict[str, str] = {}


class AgentQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which agents; ``cursor`` is that of the page before."""

    type: str | None = None
    status: Status | None = None
    version: Annotated[int, msgspec.Meta(ge=0)] | None = None
    cursor: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX_AGENTS)] = 100


async def create(call: Call) -> Response:
    wanted = await call.json(NewAgent)
    agent = await call.rooms.executor.create(call.environment, call.path["id"], wanted.env)
    return json_reply(agent, 201, {"location": call.scope["path"]})


async def get(call: Call) -> Response:
    return json_reply(await call.rooms.executor.get(call.environment, call.path["id"]))


async def page(call: Call) -> Response:
    query: AgentQuery = call.query
    agents = await call.rooms.executor.list(
        call.environment,
        type=query.type,
        status=query.status,
        version=query.version,
        cursor=query.cursor,
        limit=query.limit,
    )
    return json_reply(agents)


async def delete(call: Call) -> Response:
    await call.rooms.executor.delete(call.environment, call.path["id"])
    return no_content()


OPERATIONS = (
    Operation(
        method="GET",
        path=f"{ENVIRONMENT}/agents",
        handler=page,
        summary="List agents in the order of their creation, a page at a time.",
        tag="agents",
        query=AgentQuery,
        answer=AgentPage,
    ),
    Operation(
        method="POST",
        path=f"{ENVIRONMENT}/agents/{{id}}",
        handler=create,
        summary="Create an agent without invoking it.",
        tag="agents",
        body=NewAgent,
        answer=AgentView,
        status=201,
    ),
    Operation(
        method="GET",
        path=f"{ENVIRONMENT}/agents/{{id}}",
        handler=get,
        summary="One agent: its type, version, status and size.",
        tag="agents",
        answer=AgentView,
    ),
    Operation(
        method="DELETE",
        path=f"{ENVIRONMENT}/agents/{{id}}",
        handler=delete,
        summary="Delete an agent with everything that belongs to it.",
        tag="agents",
        status=204,
    ),
)
