"""The REST interface of a real server against its own OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from tests.e2e.conftest import deploy, write_application

from shem.build.application import package
from shem.client import Client
from shem.testing import ServerProcess

SOURCE = '''
    import os
    import sys
    from shem_sdk import agent

    @agent
    class Note:
        """A note that can be written once."""

        def __init__(self, title: str) -> None:
            self.text = ""

        def write(self, text: str) -> str:
            if self.text:
                raise ValueError("it is written already")
            self.text = text
            return self.text

        def tear(self) -> None:
            print("torn to pieces", file=sys.stderr)
            os.abort()
'''
BASE = "/v1/apps/default/envs/default"
TITLE = 'a/b?c=d&e#f %41 "ü😀"'
AGENT = f"Note({json.dumps(TITLE, ensure_ascii=False)})"
NOTE = f"{BASE}/agents/{quote(AGENT, safe='')}"
VALUES = {
    "app": "default",
    "env": "default",
    "name": "notes",
    "n": "0",
    "type": "Note",
    "id": quote(AGENT, safe=""),
}


@pytest.fixture(scope="module")
def http(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with Client(server.url) as client:
        deploy(client, write_application(tmp_path_factory.mktemp("app"), SOURCE, name="notes"))
        client.invoke(AGENT, "write", ["x"])
    with httpx.Client(base_url=server.url, timeout=60) as opened:
        yield opened


@pytest.fixture(scope="module")
def described(http: httpx.Client) -> dict[str, Any]:
    """The OpenAPI document."""
    response = http.get("/openapi.json")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    document: dict[str, Any] = response.json()
    assert document["openapi"].startswith("3.1")
    return document


def misfits(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str = "$") -> Iterator[str]:
    """Where a value does not fit a schema, for the part of JSON Schema that the document uses."""
    if "$ref" in schema:
        for step in schema["$ref"].removeprefix("#/").split("/"):
            schema = root[step] if "$ref" in schema else schema[step]
        yield from misfits(value, schema, root, at)
        return
    if "anyOf" in schema:
        if all(any(True for _ in misfits(value, each, root, at)) for each in schema["anyOf"]):
            yield f"{at}: {value!r} fits none of {schema['anyOf']}"
        return
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "boolean": bool,
        "null": type(None),
    }
    kind = schema.get("type")
    if kind is not None and not isinstance(value, kinds[kind]):
        yield f"{at}: {value!r} is no {kind}"
        return
    if isinstance(value, dict) and "properties" in schema:
        yield from (f"{at}: {name} is missing" for name in schema.get("required", []) if name not in value)
        for name, inner in value.items():
            if name in schema["properties"]:
                yield from misfits(inner, schema["properties"][name], root, f"{at}.{name}")
            elif schema.get("title") != "Problem":  # which has members of its own for each kind of error
                yield f"{at}: {name} is not documented"
    for index, inner in enumerate(value if isinstance(value, list) else ()):
        yield from misfits(inner, schema.get("items", {}), root, f"{at}[{index}]")


def check(response: httpx.Response, described: Mapping[str, Any], path: str) -> None:
    """The answer is one that the document has for this operation."""
    answers = described["paths"][path][response.request.method.lower()]["responses"]
    answer = answers[str(response.status_code)]
    if "content" not in answer:
        assert response.content == b""
        return
    ((media_type, content),) = answer["content"].items()
    assert response.headers["content-type"].split(";")[0] == media_type
    if media_type.endswith("json"):
        assert list(misfits(response.json(), content["schema"], described)) == []


def problem(response: httpx.Response, status: int, code: str, described: Mapping[str, Any]) -> dict[str, Any]:
    """A refusal as RFC 9457 has it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert list(misfits(document, described["components"]["schemas"]["Problem"], described)) == []
    assert (document["status"], document["code"]) == (status, code)
    return document


def test_every_documented_get_answers_as_documented(http: httpx.Client, described: dict[str, Any]) -> None:
    asked = 0
    for path, operations in described["paths"].items():
        if "get" in operations:
            url = re.sub(r"{(\w+)}", lambda name: VALUES[name[1]], path)
            response = http.get(url)
            assert response.status_code == 200, (url, response.text)
            check(response, described, path)
            head = http.head(url)
            assert (head.status_code, head.content) == (200, b"")
            asked += 1
    assert asked >= 11


def test_every_documented_query_parameter_is_taken(http: httpx.Client, described: dict[str, Any]) -> None:
    values: dict[str, str | int] = {
        "type": "Note",
        "status": "idle",
        "version": 0,
        "cursor": "0",
        "limit": 1,
        "from": 1,
        "count": 1,
    }
    for path, operations in described["paths"].items():
        names = [
            each["name"] for each in operations.get("get", {}).get("parameters", []) if each["in"] == "query"
        ]
        if names:
            url = re.sub(r"{(\w+)}", lambda name: VALUES[name[1]], path)
            response = http.get(url, params={name: values[name] for name in names})
            assert response.status_code == 200, response.text
            check(response, described, path)


def test_everything_that_changes_something_answers_as_documented(
    http: httpx.Client, described: dict[str, Any], tmp_path: Path
) -> None:
    environment = "/v1/apps/{app}/envs/{env}"
    source = "from shem_sdk import agent\n@agent\nclass Other:\n    def ping(self) -> str:\n        return 'pong'\n"
    built = package(write_application(tmp_path, source, name="other"))
    parts = {"manifest": ("manifest.json", built.manifest), "files": ("files.zip", built.files or b"")}
    for status, unchanged in ((201, False), (200, True)):
        deployed = http.post(f"{BASE}/components/other", files=parts)
        assert (deployed.status_code, deployed.json()["unchanged"]) == (status, unchanged)
    check(http.post(f"{BASE}/components/other", files=parts), described, f"{environment}/components/{{name}}")

    created = http.post(f"{BASE}/agents/Other()", json={"env": {"A": "1"}})
    assert (created.status_code, created.json()["env"]) == (201, {"A": "1"})
    assert http.get(created.headers["location"]).json() == created.json()
    check(created, described, f"{environment}/agents/{{id}}")

    key = {"Idempotency-Key": "k"}
    invoked = http.post(f"{BASE}/agents/Other()/invoke", json={"method": "ping"}, headers=key)
    assert (invoked.status_code, invoked.json()["result"], invoked.json()["idempotency_key"]) == (
        200,
        "pong",
        "k",
    )
    check(invoked, described, f"{environment}/agents/{{id}}/invoke")
    queued = http.post(f"{BASE}/agents/Other()/invoke", json={"method": "ping", "mode": "trigger"})
    assert queued.status_code == 202
    check(queued, described, f"{environment}/agents/{{id}}/invoke")

    deleted = http.delete(f"{BASE}/agents/Other()")
    assert deleted.status_code == 204
    check(deleted, described, f"{environment}/agents/{{id}}")


def test_an_agent_id_is_one_segment_whatever_is_in_it(http: httpx.Client) -> None:
    assert http.get(NOTE).json()["id"] == AGENT
    assert [each["id"] for each in http.get(f"{BASE}/agents?type=Note").json()["agents"]].count(AGENT) == 1
    assert http.post(f"{NOTE}/invoke", json={"method": "write", "args": {"text": "y"}}).status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/", None, 404, "not-found"),
        ("GET", "/v1/apps/default", None, 404, "not-found"),
        ("GET", "/healthz/", None, 404, "not-found"),
        ("GET", "/v1/apps/no/envs/such/agents", None, 404, "not-found"),
        ("GET", f"{BASE}/agents/Note(%22no%22)", None, 404, "not-found"),
        ("GET", f"{BASE}/agents/Note(%22no%22)/oplog", None, 404, "not-found"),
        ("DELETE", f"{BASE}/agents/Note(%22no%22)", None, 404, "not-found"),
        ("GET", f"{BASE}/components/no", None, 404, "not-found"),
        ("GET", f"{BASE}/components/notes/versions/1", None, 404, "not-found"),
        ("GET", f"{BASE}/agent-types/No", None, 404, "not-found"),
        ("POST", f"{BASE}/agents/No()/invoke", {"method": "x"}, 404, "not-found"),
        ("POST", f"{NOTE}/invoke", {"method": "x"}, 404, "not-found"),
        ("PUT", NOTE, None, 405, "method-not-allowed"),
        ("POST", "/healthz", None, 405, "method-not-allowed"),
        ("GET", f"{BASE}/agents?limit=0", None, 400, "bad-input"),
        ("GET", f"{BASE}/agents?status=funny", None, 400, "bad-input"),
        ("GET", f"{BASE}/agents?colour=red", None, 400, "bad-input"),
        ("GET", f"{BASE}/agents?cursor=x", None, 400, "bad-input"),
        ("GET", f"{NOTE}/oplog?from=0", None, 400, "bad-input"),
        ("GET", f"{BASE}/agents/%ff", None, 400, "bad-input"),
        ("POST", f"{BASE}/agents/Note(/invoke", {"method": "write"}, 400, "bad-input"),
        ("POST", f"{NOTE}/invoke", {"method": "write", "args": [1]}, 400, "bad-input"),
        ("POST", f"{NOTE}/invoke", {"method": "write", "mode": "soon"}, 400, "bad-input"),
        ("POST", f"{NOTE}/invoke", {"method": "write", "args": ["x" * (16 << 20)]}, 413, "too-large"),
        ("POST", f"{BASE}/agents/Note(%22{'x' * 600}%22)/invoke", {"method": "write"}, 413, "too-large"),
        ("POST", NOTE, {"env": {}}, 409, "conflict"),
        ("POST", NOTE, {"env": {"A": 1}}, 400, "bad-input"),
        ("POST", f"{NOTE}/invoke", {"method": "write", "args": ["again"]}, 422, "agent-error"),
        ("POST", f"{BASE}/components/notes", {}, 400, "bad-input"),
    ],
)
def test_every_refusal_is_a_problem_document(
    http: httpx.Client,
    described: dict[str, Any],
    method: str,
    path: str,
    body: object,
    status: int,
    code: str,
) -> None:
    response = http.request(method, path, json=body)
    document = problem(response, status, code, described)
    assert document["detail"]
    if status == 405:
        assert response.headers["allow"]


def test_a_key_for_something_else_is_a_conflict(http: httpx.Client, described: dict[str, Any]) -> None:
    url, key = f"{BASE}/agents/Note(%22key%22)/invoke", {"Idempotency-Key": "k"}
    assert http.post(url, json={"method": "write", "args": ["x"]}, headers=key).status_code == 200
    problem(http.post(url, json={"method": "write", "args": ["y"]}, headers=key), 409, "conflict", described)


def test_the_guest_s_own_words_come_with_its_failure(http: httpx.Client, described: dict[str, Any]) -> None:
    url = f"{BASE}/agents/Note(%22torn%22)/invoke"
    assert http.post(url, json={"method": "write", "args": ["x"]}).status_code == 200
    for call in ({"method": "tear"}, {"method": "write", "args": ["y"]}):
        document = problem(http.post(url, json=call), 500, "invocation-failed", described)
        assert "torn to pieces" in document["stderr"]


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        ({"files": b"PK"}, 400, "bad-input"),
        ({"manifest": b"{"}, 400, "bad-input"),
        ({"manifest": b'{"name":"notes","language":"cobol"}'}, 400, "bad-input"),
        ({"manifest": b'{"name":"other-name","agents":["a"]}', "files": b"PK"}, 400, "bad-input"),
        ({"manifest": b'{"name":"notes","agents":["a"]}', "files": b"no zip"}, 422, "bad-component"),
        ({"manifest": b'{"name":"notes","language":"wasm"}', "wasm": b"no wasm"}, 422, "bad-component"),
        ({"manifest": b'{"name":"notes","agents":["a"]}', "colour": b"red"}, 400, "bad-input"),
    ],
)
def test_a_bad_deployment_is_refused_and_leaves_what_there_was(
    http: httpx.Client, described: dict[str, Any], parts: dict[str, bytes], status: int, code: str
) -> None:
    files = {name: (name, data) for name, data in parts.items()}
    problem(http.post(f"{BASE}/components/notes", files=files), status, code, described)
    assert http.get(f"{BASE}/components/notes").json()["versions"] == [0]
