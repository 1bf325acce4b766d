"""Components, their versions, and the agent types that these define."""

from __future__ import annotations

import structlog
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response

from shem.errors import BadInput, NotFound
from shem.server.call import Call
from shem.server.operation import ENVIRONMENT, Operation
from shem.server.reply import json_reply
from shem.views import AgentTypeView, ComponentView, VersionView

log = structlog.get_logger("shem.server")

DEPLOY_BODY_MAX_BYTES = 256 << 20
"""Ten times the largest component known, a language runtime with its libraries; it is held in memory once."""

MANIFEST_MAX_BYTES = 1 << 20
"""A manifest is names and settings."""

PARTS = {
    "manifest": "JSON: name, language, agents, env.",
    "wasm": "The component, for language wasm.",
    "files": "A zip of the application's files.",
}


async def deploy(call: Call) -> Response:
    environment = call.environment
    parts = await read_parts(call)
    if "manifest" not in parts:
        raise BadInput("the part manifest is missing", path="manifest", hint="Send multipart/form-data.")
    name = call.path["name"]
    version = await call.rooms.registry.deploy(
        environment,
        name,
        parts["manifest"],
        parts.get("wasm"),
        parts.get("files"),
        lambda line: log.info(line, component=name),
    )
    return json_reply(version, 200 if version.unchanged else 201)


async def read_parts(call: Call) -> dict[str, bytes]:
    """The parts of a multipart body. Raises ``BadInput`` for any that is unknown or doubled, ``TooLarge``."""
    if not (call.header(b"content-type") or "").lower().startswith("multipart/form-data"):
        raise BadInput("a deployment is multipart/form-data", path="content-type", hint="Use `shem deploy`.")
    request = Request(call.scope, call.bounded())
    parser = MultiPartParser(
        request.headers,
        request.stream(),
        max_files=len(PARTS),
        max_fields=len(PARTS),
        max_part_size=MANIFEST_MAX_BYTES,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise BadInput(f"the multipart body cannot be read: {getattr(error, 'message', error)}") from None
    parts: dict[str, bytes] = {}
    try:
        for name, value in form.multi_items():
            if name not in PARTS:
                raise BadInput(f"the part {name} is unknown", path=name, hint=f"Known: {', '.join(PARTS)}.")
            if name in parts:
                raise BadInput(f"the part {name} is given twice", path=name)
            parts[name] = await value.read() if isinstance(value, UploadFile) else value.encode()
    finally:
        await form.close()
    return parts


async def components(call: Call) -> Response:
    return json_reply(await call.rooms.registry.components(call.environment))


async def component(call: Call) -> Response:
    return json_reply(await call.rooms.registry.component(call.environment, call.path["name"]))


async def version(call: Call) -> Response:
    number = call.path["n"]
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise NotFound(f"{number!r} is not the number of a version", hint="Versions are 0, 1, 2 ...")
    return json_reply(await call.rooms.registry.version(call.environment, call.path["name"], int(number)))


async def agent_types(call: Call) -> Response:
    return json_reply(await call.rooms.registry.agent_types(call.environment))


async def agent_type(call: Call) -> Response:
    return json_reply(await call.rooms.registry.agent_type(call.environment, call.path["type"]))


OPERATIONS = (
    Operation(
        method="POST",
        path=f"{ENVIRONMENT}/components/{{name}}",
        handler=deploy,
        summary="Deploy a new version of a component; one identical to the newest changes nothing.",
        tag="components",
        body=PARTS,
        body_max_bytes=DEPLOY_BODY_MAX_BYTES,
        answer=VersionView,
        status=201,
        also={200: "Nothing has changed; this is the newest version."},
    ),
    Operation(
        method="GET",
        path=f"{ENVIRONMENT}/components",
        handler=components,
        summary="All components of the environment.",
        tag="components",
        answer=list[ComponentView],
    ),
    Operation(
        method="GET",
        path=f"{ENVIRONMENT}/components/{{name}}",
        handler=component,
        summary="One component with its newest version.",
        tag="components",
        answer=ComponentView,
    ),
    Operation(
        method="GET",
        path=f"{ENVIRONMENT}/components/{{name}}/versions/{{n}}",
        handler=version,
        summary="One version of a component.",
        tag="components",
        answer=VersionView,
    ),
    Operation(
        method="GET",
        path=f"{ENVIRONMENT}/agent-types",
        handler=agent_types,
        summary="All agent types of the environment, each as its newest version defines it.",
        tag="agent types",
        answer=list[AgentTypeView],
    ),
    Operation(
        method="GET",
        path=f"{ENVIRONMENT}/agent-types/{{type}}",
        handler=agent_type,
        summary="One agent type: its constructor and its methods.",
        tag="agent types",
        answer=AgentTypeView,
    ),
)
