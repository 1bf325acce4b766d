"""The ASGI application: the table of all operations, and the routes made from it.

Paths are matched as they were sent, still percent-encoded: an agent id such as ``Note("a/b")`` is one segment
whose slash must not be taken for one of ours. Each segment is decoded after it was matched.
"""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter

import msgspec
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from shem.server import agents, components, documents, health, invoke, oplog
from shem.server.call import Documents, Rooms
from shem.server.lifecycle import Lifecycle
from shem.server.openapi import document
from shem.server.operation import Operation
from shem.server.resource import Resource, no_such_path
from shem.server.rooms import Executor, Registry

TABLE: tuple[Operation, ...] = (
    *invoke.OPERATIONS,
    *agents.OPERATIONS,
    *oplog.OPERATIONS,
    *components.OPERATIONS,
    *health.OPERATIONS,
    *documents.OPERATIONS,
)
"""Every operation; routes are tried in this order, so the path that is asked for most stands first."""


def create_app(executor: Executor, registry: Registry, lifecycle: Lifecycle | None = None) -> ASGIApp:
    """The application over an executor and a registry.

    Without a ``lifecycle`` it takes work at once and until its end.
    """
    description = document(TABLE)
    rooms = Rooms(
        executor,
        registry,
        lifecycle or Lifecycle(ready=True),
        Documents(msgspec.json.encode(description), documents.page(description).encode()),
    )
    routes = [
        Route(path, Resource(rooms, operations))
        for path, operations in groupby(sorted(TABLE, key=_position), key=attrgetter("path"))
    ]
    router = Router(routes, redirect_slashes=False, default=no_such_path)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raw_path: bytes | None = scope.get("raw_path")
            if raw_path is not None:
                scope["path"] = raw_path.partition(b"?")[0].decode("latin-1")
        await router(scope, receive, send)

    return app


def _position(operation: Operation) -> int:
    return next(i for i, other in enumerate(TABLE) if other.path == operation.path)
