"""The OpenAPI document, made from the table of operations and the structs that they name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args

import msgspec

from shem import __version__
from shem.server.operation import Operation

_REF = "#/components/schemas/{name}"
_PROBLEM = "Problem"


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457. ``code`` is stable and for programs; other members give facts (``path``, ``stderr`` ...)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str | None = None


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """OpenAPI 3.1 for ``operations``."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    _, schemas = msgspec.json.schema_components([*_structs(operations), Problem], ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Shem", "version": __version__, "description": "Durable agents over REST."},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _structs(operations: Sequence[Operation]) -> list[Any]:
    found: dict[Any, None] = {}
    for operation in operations:
        if operation.answer is not None:
            found[operation.answer] = None
        if isinstance(operation.body, type):
            found[operation.body] = None
    return list(found)


def _operation(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": f"{operation.method.lower()}-{operation.handler.__name__.replace('_', '-')}",
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [*_path(operation), *_query(operation), *_headers(operation)],
        "responses": _responses(operation),
    }
    body = _body(operation)
    if body is not None:
        made["requestBody"] = body
    return made


def _path(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]


def _query(operation: Operation) -> list[dict[str, Any]]:
    _, schemas = msgspec.json.schema_components([operation.query], ref_template=_REF)
    properties: dict[str, Any] = schemas[operation.query.__name__]["properties"]
    return [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]


def _headers(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
        for name, text in (operation.headers or {}).items()
    ]


def _body(operation: Operation) -> dict[str, Any] | None:
    if operation.body is None:
        return None
    if isinstance(operation.body, dict):
        properties = {
            name: {"type": "string", "contentMediaType": "application/octet-stream", "description": text}
            for name, text in operation.body.items()
        }
        schema = {"type": "object", "properties": properties, "required": ["manifest"]}
        return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    required = any(field.required for field in msgspec.structs.fields(operation.body))
    return {"required": required, "content": {"application/json": {"schema": _schema(operation.body)}}}


def _responses(operation: Operation) -> dict[str, Any]:
    answers = {operation.status: "Done.", **(operation.also or {})}
    return {
        **{str(status): _answer(operation, text) for status, text in answers.items()},
        "default": _refusal(),
    }


def _answer(operation: Operation, text: str) -> dict[str, Any]:
    if operation.answer is None:
        return {"description": text}
    return {"description": text, "content": {operation.media_type: {"schema": _schema(operation.answer)}}}


def _refusal() -> dict[str, Any]:
    schema = {"$ref": _REF.format(name=_PROBLEM)}
    return {"description": "Refused or failed.", "content": {"application/problem+json": {"schema": schema}}}


def _schema(kind: Any) -> dict[str, Any]:
    if kind is str:
        return {"type": "string"}
    if kind is dict:
        return {"type": "object"}
    items = get_args(kind)
    if items:
        return {"type": "array", "items": _schema(items[0])}
    return {"$ref": _REF.format(name=kind.__name__)}
