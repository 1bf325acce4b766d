"""/openapi.json for programs and /docs for people: one page, no scripts, nothing fetched from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

import msgspec
from starlette.responses import Response

from shem.server.call import Call
from shem.server.operation import Operation
from shem.server.reply import Reply

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, pre { font-family: ui-monospace, monospace; font-size: 0.92em }
details { border-top: 1px solid #8885; padding: 0.4rem 0 }
summary { cursor: pointer } summary b { display: inline-block; width: 4.5rem }
pre { background: #8881; padding: 0.6rem; overflow-x: auto; border-radius: 4px }
td { padding: 0.1rem 1rem 0.1rem 0; vertical-align: top }
"""


async def openapi(call: Call) -> Response:
    return Reply(call.rooms.documents.openapi)


async def docs(call: Call) -> Response:
    return Reply(call.rooms.documents.page, media_type=b"text/html; charset=utf-8")


OPERATIONS = (
    Operation(
        method="GET",
        path="/openapi.json",
        handler=openapi,
        summary="This interface as an OpenAPI document.",
        tag="documents",
        answer=dict,
        work=False,
    ),
    Operation(
        method="GET",
        path="/docs",
        handler=docs,
        summary="This interface as a page.",
        tag="documents",
        answer=str,
        media_type="text/html",
        work=False,
    ),
)


def page(description: dict[str, Any]) -> str:
    """The OpenAPI document as HTML: operations by tag, then the schemas that they name."""
    info = description["info"]
    by_tag: dict[str, list[str]] = {}
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(path, method, operation))
    sections = "".join(f"<h2>{escape(tag.capitalize())}</h2>{''.join(rows)}" for tag, rows in by_tag.items())
    schemas = "".join(
        f"<details><summary><code>{escape(name)}</code></summary>{_json(schema)}</details>"
        for name, schema in sorted(description["components"]["schemas"].items())
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['description'])} "
        f'Also as <a href="/openapi.json">OpenAPI</a>.</p>{sections}<h2>Schemas</h2>{schemas}</body></html>'
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{parameter['in']}</td>"
        f"<td><code>{escape(_short(parameter['schema']))}</code></td>"
        f"<td>{escape(parameter.get('description', ''))}</td></tr>"
        for parameter in operation["parameters"]
    )
    body = operation.get("requestBody")
    return (
        f"<details><summary><b>{method.upper()}</b><code>{escape(path)}</code><br>{escape(operation['summary'])}"
        f"</summary><table>{rows}</table>{'<p>Body</p>' + _json(body['content']) if body else ''}"
        f"<p>Answers</p>{_json(operation['responses'])}</details>"
    )


def _short(schema: dict[str, Any]) -> str:
    return " | ".join(str(part.get("type", "")) for part in schema.get("anyOf", [schema]))


def _json(value: Any) -> str:
    return f"<pre>{escape(msgspec.json.format(msgspec.json.encode(value)).decode(), quote=False)}</pre>"
