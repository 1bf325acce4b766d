"""Every entry can be shown as JSON, and says in it what a person looks for."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from oplog_strategies import PLAIN, TEXT

from shem.oplog import describe, payload
from shem.oplog.entries import (
    AgentInvocationFinished,
    AgentInvocationStarted,
    AgentMode,
    AgentRef,
    Create,
    External,
    FunctionKind,
    HostCall,
    InvocationKind,
    Jump,
    Log,
    LogLevel,
    Region,
    SetRetryPolicy,
    Snapshot,
    Span,
    StartSpan,
    Trace,
)
from shem.wasm.types import Some


def value(*nodes: Any) -> Any:
    return ("tuple", [("component-model", {"nodes": list(nodes)})])


def started(argument: Any) -> Any:
    entry = AgentInvocationStarted(
        1,
        InvocationKind.METHOD,
        "key",
        "increment",
        payload.encode(argument),
        0,
        trace=Trace("t", (), ((Span("s"),),)),
    )
    return describe.detail(entry)


def finished(result: Any) -> Any:
    return describe.detail(AgentInvocationFinished(2, payload.encode(result), 0, started=1))["result"]


@given(PLAIN, PLAIN, TEXT)
def test_whatever_a_host_function_says_is_json(request: Any, response: Any, function: str) -> None:
    entry = HostCall(1, function, payload.encode(request), payload.encode(response), FunctionKind.READ_LOCAL)
    shown = describe.detail(entry)
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown


CASES = st.sampled_from(["list-value", "variant-value", "option-value", "result-value", "enum-value", "x"])


@given(st.recursive(CASES | st.integers(-3, 9) | st.floats(), lambda inner: st.lists(inner, max_size=4)))
def test_whatever_a_guest_says_is_json(nodes: Any) -> None:
    for shown in (started(value(nodes)), started(nodes), finished(("ok", nodes)), finished(nodes)):
        json.dumps(shown, allow_nan=False)


def test_an_invocation_shows_its_arguments_and_its_result() -> None:
    shown = started(value(("option-value", 1), ("prim-s64", 5)))
    assert (shown["invocation"], shown["method"], shown["input"]) == ("method", "increment", [5])
    assert finished(("ok", value(("prim-s64", 5)))) == {"ok": 5}
    assert finished(("ok", ("tuple", []))) == {"ok": []}
    assert finished(("ok", None)) == {"ok": None}


def test_values_of_guests_are_shown_without_their_nodes() -> None:
    nodes = [
        ("record-value", [1, 2, 3, 4, 5, 6, 7]),
        ("list-value", [8, 8]),
        ("variant-value", (1, 8)),
        ("enum-value", 2),
        ("option-value", None),
        ("result-value", ("err", None)),
        ("flags-value", [True, False]),
        ("prim-float64", float("nan")),
        ("prim-string", "x"),
    ]
    assert started(value(*nodes))["input"] == [
        [["x", "x"], {"case": 1, "value": "x"}, {"case": 2}, None, {"err": None}, [True, False], "NaN"]
    ]
    multimodal = ("multimodal", [("text", ("unstructured-text", ("url", "u")))])
    assert started(multimodal)["input"] == [{"text": ["unstructured-text", ["url", "u"]]}]


def test_an_exception_is_shown_by_its_fields() -> None:
    error = {
        "value": {"nodes": [("record-value", [1, 2]), ("prim-string", "ValueError"), ("prim-string", "no")]},
        "typ": {
            "nodes": [{"name": None, "owner": None, "type": ("record-type", [("type", 1), ("message", 1)])}]
        },
    }
    assert finished(("err", ("custom-error", error))) == {"err": {"type": "ValueError", "message": "no"}}
    assert finished(("err", ("invalid-method", "x"))) == ["err", ["invalid-method", "x"]]


def test_a_value_that_grows_when_it_is_shown_is_cut() -> None:
    bomb = [("list-value", [index + 1] * 10) for index in range(30)]
    assert len(json.dumps(started(value(*bomb, ("prim-s64", 1))))) < 200_000
    chain = [("option-value", index + 1) for index in range(5000)]
    assert started(value(*chain))["input"] == [describe.CUT]
    assert started(value(("list-value", [7])))["input"] == [[describe.CUT]]


def test_what_is_at_its_default_is_left_out() -> None:
    create = Create(1, "A()", "c", 0, AgentMode.DURABLE, 1, 2, env=(("A", "1"),), parent=AgentRef("c", "B()"))
    assert describe.detail(create) == {
        "agent": "A()",
        "component": "c",
        "version": 0,
        "mode": "durable",
        "environment": 1,
        "instance": 2,
        "env": {"A": "1"},
        "parent": {"component": "c", "agent": "B()"},
    }
    assert describe.detail(Log(1, LogLevel.WARN, "", "m")) == {"level": "warn", "context": "", "message": "m"}


def test_parts_of_entries_are_shown_by_name() -> None:
    batched = FunctionKind.WRITE_REMOTE_BATCHED
    external = HostCall(1, "f", payload.NOTHING, External("abc", 70_000), batched, 3)
    assert describe.detail(external) == {
        "function": "f",
        "request": [],
        "response": {"sha256": "abc", "bytes": 70_000},
        "function_kind": "write-remote-batched",
        "begin": 3,
    }
    span = StartSpan(1, "s", attributes=(("a", "b"),))
    assert describe.detail(Jump(1, Region(2, 3))) == {"region": {"start": 2, "end": 3}}
    assert describe.detail(span) == {"span": "s", "attributes": {"a": "b"}}
    assert describe.detail(Snapshot(1, b"\xc1", "x/y")) == {"data": {"base64": "wQ=="}, "mime_type": "x/y"}
    policy = SetRetryPolicy(1, payload.encode({"name": "n", "some": Some(None)}))
    assert describe.detail(policy) == {"policy": {"name": "n", "some": {"some": None}}}
