"""Every operation answers as the interface says, and every refusal is a problem document."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import httpx
import pytest

from shem.errors import (
    AgentError,
    BadComponent,
    BadInput,
    Conflict,
    Divergence,
    InvocationFailed,
    NotAllowed,
    NotFound,
    Overloaded,
    ShemError,
    StorageFull,
    TooLarge,
)
from shem.server import components, invoke
from shem.server.app import TABLE, create_app
from shem.server.lifecycle import Lifecycle
from shem.testing.rooms import FakeExecutor, FakeRegistry, Server

BASE = "/v1/apps/default/envs/default"
COUNTER = f"{BASE}/agents/Counter(%22bob%22)"


class Asked(Server):
    """The server, asked by calling it."""

    def __call__(self, method: str, path: str, **how: Any) -> httpx.Response:
        with httpx.Client(transport=self, base_url="http://shem") as client:
            return client.request(method, path, **how)


@pytest.fixture
def server() -> Asked:
    return Asked()


def scope_of(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    }


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["code"] == code
    assert document["status"] == status
    assert document["type"] == f"urn:shem:error:{code}"
    assert document["title"]
    assert document["detail"]
    return document


def test_an_invocation_reaches_the_agent_and_its_result_comes_back(server: Asked) -> None:
    response = server(
        "POST",
        f"{COUNTER}/invoke",
        json={"method": "increment", "args": [2]},
        headers={"Idempotency-Key": "k1"},
    )
    assert response.status_code == 200
    assert response.json() == {
        "result": [2],
        "agent_id": 'Counter("bob")',
        "idempotency_key": "k1",
        "oplog_index": 1,
        "version": 0,
    }
    assert server.executor.invocations == [('Counter("bob")', "increment", [2], "k1", "await")]


def test_arguments_may_be_named_or_left_out(server: Asked) -> None:
    server("POST", f"{COUNTER}/invoke", json={"method": "increment", "args": {"by": 2}})
    server("POST", f"{COUNTER}/invoke", json={"method": "increment"})
    assert [args for _, _, args, _, _ in server.executor.invocations] == [{"by": 2}, []]


def test_a_trigger_is_accepted_without_a_result(server: Asked) -> None:
    response = server("POST", f"{COUNTER}/invoke", json={"method": "increment", "mode": "trigger"})
    assert response.status_code == 202
    assert response.json()["result"] is None
    assert server.executor.invocations[0][-1] == "trigger"


@pytest.mark.parametrize(
    "agent", ['Note("a/b")', 'Note("a/invoke")', 'Note("ü%2F?#")', 'Note("..")', "Pair(1,[2])"]
)
def test_an_agent_id_may_hold_any_text(server: Asked, agent: str) -> None:
    path = f"{BASE}/agents/{httpx.QueryParams({'id': agent})}".replace("id=", "").replace("+", "%20")
    response = server("POST", f"{path}/invoke", json={"method": "m"})
    assert response.json()["agent_id"] == agent


def test_a_body_that_is_not_json_is_refused_with_its_position(server: Asked) -> None:
    document = problem(server("POST", f"{COUNTER}/invoke", content=b'{"method": x}'), 400, "bad-input")
    assert "byte 11" in document["detail"]
    document = problem(server("POST", f"{COUNTER}/invoke", content=b'{"method": '), 400, "bad-input")
    assert "byte 11" in document["detail"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"method": 1}, "method"),
        ({"method": "m", "args": 3}, "args"),
        ({"method": "m", "mode": "later"}, "mode"),
        ({"method": "m", "argz": []}, "the top level"),
        ({}, "the top level"),
        ([], "the top level"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_with_the_path_of_the_value(
    server: Asked, body: object, path: str
) -> None:
    assert problem(server("POST", f"{COUNTER}/invoke", json=body), 400, "bad-input")["path"] == path
    assert server.executor.invocations == []


def test_json_nested_without_end_is_refused(server: Asked) -> None:
    problem(
        server("POST", f"{COUNTER}/invoke", content=b'{"method":"m","args":' + b"[" * 100_000),
        400,
        "bad-input",
    )


def test_an_idempotency_key_is_given_once_and_is_short_printable_text(server: Asked) -> None:
    for headers in (
        [("Idempotency-Key", "a"), ("Idempotency-Key", "b")],
        [("Idempotency-Key", "x" * (invoke.KEY_MAX_CHARACTERS + 1))],
        [("Idempotency-Key", "")],
        [("Idempotency-Key", "schlüssel".encode().decode("latin-1"))],
    ):
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        document = problem(
            server("POST", f"{COUNTER}/invoke", json={"method": "m"}, headers=raw), 400, "bad-input"
        )
        assert document["path"] == "idempotency-key"
    longest = "x" * invoke.KEY_MAX_CHARACTERS
    assert server(
        "POST", f"{COUNTER}/invoke", json={"method": "m"}, headers={"Idempotency-Key": longest}
    ).is_success


def test_a_body_beyond_its_bound_is_refused_before_it_is_read(
    server: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = {"content-length": str(invoke.INVOKE_BODY_MAX_BYTES + 1), "content-type": "application/json"}
    document = problem(server("POST", f"{COUNTER}/invoke", content=b"{}", headers=declared), 413, "too-large")
    assert document["limit_bytes"] == invoke.INVOKE_BODY_MAX_BYTES


def test_a_body_of_unknown_length_is_refused_when_it_passes_its_bound(server: Asked) -> None:
    async def scenario() -> list[Any]:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b" " * 65536, "more_body": True}

        async def send(message: Any) -> None:
            sent.append(message)

        await server.app(scope_of(f"{BASE}/agents/A(1)"), receive, send)
        return sent

    assert asyncio.run(scenario())[0]["status"] == 413


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadInput("args.by: expected int, got str", path="args.by"), 400),
        (NotAllowed("no"), 403),
        (NotFound("no agent type X"), 404),
        (Conflict("the key was used for something else"), 409),
        (TooLarge("512 bytes"), 413),
        (AgentError("ValueError: out", type="ValueError", traceback="line 1"), 422),
        (InvocationFailed("trapped", stderr="boom"), 500),
        (Divergence(7, "clock", "random"), 500),
    ],
)
def test_every_error_is_a_problem_document_with_its_details(
    server: Asked, error: ShemError, status: int
) -> None:
    server.executor.failure = error
    document = problem(server("POST", f"{COUNTER}/invoke", json={"method": "m"}), status, error.code)
    assert document["detail"] == error.message
    for name, value in error.details.items():
        assert document["error_type" if name == "type" else name] == value


@pytest.mark.parametrize("error", [Overloaded("full"), StorageFull("no space")])
def test_what_passes_by_itself_says_when_to_come_back(server: Asked, error: ShemError) -> None:
    server.executor.failure = error
    response = server("POST", f"{COUNTER}/invoke", json={"method": "m"})
    problem(response, error.status, error.code)
    assert int(response.headers["retry-after"]) >= 1


def test_an_unexpected_error_is_logged_and_tells_nothing_of_the_inside(
    server: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[dict[str, Any]] = []
    monkeypatch.setattr("shem.server.resource.log.error", lambda event, **facts: logged.append(facts))
    server.executor.failure = RuntimeError("password=hunter2")
    response = server("POST", f"{COUNTER}/invoke", json={"method": "m"})
    document = problem(response, 500, "internal-error")
    assert "hunter2" not in response.text
    assert logged[0]["incident"] == document["incident"]
    assert logged[0]["exc_info"] is server.executor.failure


def test_a_caller_that_hangs_up_changes_nothing() -> None:
    async def scenario() -> None:
        server = Asked()
        server.executor.gate = asyncio.Event()
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        await queue.put({"type": "http.request", "body": b'{"method":"m"}', "more_body": False})
        await queue.put({"type": "http.disconnect"})
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        asking = asyncio.ensure_future(server.app(scope_of(f"{BASE}/agents/A(1)/invoke"), queue.get, send))
        for _ in range(10):
            await asyncio.sleep(0)
        assert server.executor.invocations
        server.executor.gate.set()
        await asking
        assert server.executor.finished == ["m"]

    asyncio.run(scenario())


def test_an_agent_is_created_shown_listed_and_deleted(server: Asked) -> None:
    created = server("POST", COUNTER, json={"env": {"A": "1"}})
    assert created.status_code == 201
    assert created.headers["location"] == COUNTER
    assert server("GET", COUNTER).json() == created.json()
    assert created.json()["env"] == {"A": "1"}
    problem(server("POST", COUNTER), 409, "conflict")
    assert [agent["id"] for agent in server("GET", f"{BASE}/agents").json()["agents"]] == ['Counter("bob")']
    deleted = server("DELETE", COUNTER)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert problem(server("GET", COUNTER), 404, "not-found")["hint"]


def test_agents_come_in_pages(server: Asked) -> None:
    for number in range(5):
        server("POST", f"{BASE}/agents/Counter({number})")
    page = server("GET", f"{BASE}/agents?limit=3&type=Counter").json()
    assert len(page["agents"]) == 3
    rest = server("GET", f"{BASE}/agents?limit=3&cursor={page['cursor']}").json()
    assert [agent["id"] for agent in rest["agents"]] == ["Counter(3)", "Counter(4)"]
    assert rest["cursor"] is None


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("version=-1", "version"),
        ("limit=1&limit=2", "limit"),
        ("status=funny", "status"),
        ("colour=red", "the top level"),
    ],
)
def test_a_query_parameter_that_does_not_fit_is_refused(server: Asked, query: str, path: str) -> None:
    assert problem(server("GET", f"{BASE}/agents?{query}"), 400, "bad-input")["path"] == path


def test_a_word_that_is_none_of_those_possible_is_answered_with_those(server: Asked) -> None:
    document = problem(server("GET", f"{BASE}/agents?status=funny"), 400, "bad-input")
    assert "retrying, failed" in document["hint"]
    document = problem(
        server("POST", f"{COUNTER}/invoke", json={"method": "m", "mode": "soon"}), 400, "bad-input"
    )
    assert document["hint"] == "Possible: await, trigger."


def test_the_oplog_is_read_from_an_index(server: Asked) -> None:
    page = server("GET", f"{COUNTER}/oplog?from=5&count=2").json()
    assert [entry["index"] for entry in page["entries"]] == [5, 6]
    assert page["next"] == 7
    problem(server("GET", f"{COUNTER}/oplog?from=0"), 400, "bad-input")


def parts(**named: bytes | str) -> dict[str, Any]:
    return {name: (name, value) for name, value in named.items()}


def test_a_deployment_is_new_once_and_unchanged_after(server: Asked) -> None:
    package = parts(manifest='{"name":"counter"}', files=b"PK")
    first = server("POST", f"{BASE}/components/counter", files=package)
    assert (first.status_code, first.json()["version"]) == (201, 0)
    again = server("POST", f"{BASE}/components/counter", files=package)
    assert (again.status_code, again.json()["unchanged"]) == (200, True)
    assert server.registry.deployed == [("counter", b'{"name":"counter"}', None, b"PK")]


def test_the_manifest_may_be_a_plain_field(server: Asked) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="manifest"\r\n\r\n{"name":"counter"}\r\n'
        b'--b\r\nContent-Disposition: form-data; name="wasm"; filename="x"\r\n\r\n\0asm\r\n--b--\r\n'
    )
    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert server("POST", f"{BASE}/components/counter", content=body, headers=headers).status_code == 201
    assert server.registry.deployed == [("counter", b'{"name":"counter"}', b"\0asm", None)]


@pytest.mark.parametrize(
    "how",
    [
        {"json": {"name": "counter"}},
        {"files": parts(files=b"PK")},
        {"files": parts(manifest="{}", surprise=b"x")},
        {"files": [("manifest", ("m", b"{}")), ("manifest", ("m", b"{}"))]},
        {"content": b"no boundary", "headers": {"content-type": "multipart/form-data"}},
        {"content": b"--b\r\nbroken", "headers": {"content-type": "multipart/form-data; boundary=b"}},
        {"content": b"--x\r\n\r\n", "headers": {"content-type": "multipart/form-data; boundary=b"}},
    ],
)
def test_a_deployment_that_cannot_be_read_is_refused(server: Asked, how: dict[str, Any]) -> None:
    problem(server("POST", f"{BASE}/components/counter", **how), 400, "bad-input")
    assert server.registry.deployed == []


def test_a_deployment_beyond_its_bound_is_refused(server: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = {
        "content-length": str(components.DEPLOY_BODY_MAX_BYTES + 1),
        "content-type": "multipart/form-data; boundary=b",
    }
    problem(server("POST", f"{BASE}/components/counter", content=b"--b", headers=declared), 413, "too-large")


def test_a_component_that_cannot_run_is_refused_with_file_and_line(server: Asked) -> None:
    server.registry.failure = BadComponent("invalid syntax", file="counter.py", line=3)
    document = problem(
        server("POST", f"{BASE}/components/counter", files=parts(manifest="{}")), 422, "bad-component"
    )
    assert (document["file"], document["line"]) == ("counter.py", 3)


def test_components_versions_and_agent_types_are_shown(server: Asked) -> None:
    assert [each["name"] for each in server("GET", f"{BASE}/components").json()] == ["counter"]
    assert server("GET", f"{BASE}/components/counter").json()["versions"] == [0, 1]
    assert server("GET", f"{BASE}/components/counter/versions/1").json()["version"] == 1
    assert [each["name"] for each in server("GET", f"{BASE}/agent-types").json()] == ["Counter"]
    assert server("GET", f"{BASE}/agent-types/Counter").json()["constructor"][0]["name"] == "name"
    for missing in (
        "components/x",
        "components/counter/versions/9",
        "components/counter/versions/x",
        "agent-types/X",
    ):
        problem(server("GET", f"{BASE}/{missing}"), 404, "not-found")


def test_unknown_paths_environments_and_methods_are_told_apart(server: Asked) -> None:
    problem(server("GET", "/v1/nothing"), 404, "not-found")
    problem(server("GET", f"{BASE}/agents/"), 404, "not-found")
    problem(server("GET", "/v1/apps/default/envs/other/agents"), 404, "not-found")
    problem(server("GET", f"{BASE}/agents/%FF"), 400, "bad-input")
    refused = server("PUT", COUNTER)
    problem(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == "DELETE, GET, HEAD, POST"
    assert server("HEAD", "/healthz").status_code == 200


def test_work_is_refused_until_recovery_is_done_and_from_when_the_server_stops() -> None:
    executor = FakeExecutor()
    lifecycle = Lifecycle()
    server = Asked()
    server.app = create_app(executor, FakeRegistry(), lifecycle)

    def state() -> tuple[int, int, str]:
        answer = server("POST", f"{COUNTER}/invoke", json={"method": "m"})
        return (
            server("GET", "/healthz").status_code,
            server("GET", "/readyz").status_code,
            answer.json().get("code", ""),
        )

    assert state() == (200, 503, "starting")
    lifecycle.recovered()
    assert state() == (200, 200, "")
    lifecycle.stop()
    assert state() == (200, 503, "stopping")
    assert len(executor.invocations) == 1


def test_every_operation_is_described_and_every_reference_resolves(server: Asked) -> None:
    description = server("GET", "/openapi.json").json()
    described = {
        (method.upper(), path) for path, methods in description["paths"].items() for method in methods
    }
    assert described == {(each.method, each.path) for each in TABLE}
    references = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(description))
    assert set(references) <= description["components"]["schemas"].keys()
    operation_ids = [
        each["operationId"] for methods in description["paths"].values() for each in methods.values()
    ]
    assert len(set(operation_ids)) == len(operation_ids)


def test_every_operation_has_a_route(server: Asked) -> None:
    server.executor.failure = None
    for each in TABLE:
        path = re.sub(r"{\w+}", "default", each.path)
        response = server(each.method, path)
        assert response.status_code != 405
        assert "there is nothing at" not in response.text


def test_the_documents_are_one_page_that_needs_nothing_from_elsewhere(server: Asked) -> None:
    response = server("GET", "/docs")
    assert response.headers["content-type"].startswith("text/html")
    for each in TABLE:
        assert each.path in response.text
    assert "<script" not in response.text
    assert re.findall(r'(?:src|href)="([^"]*)"', response.text) == ["/openapi.json"]
