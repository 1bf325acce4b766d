"""The client repeats what is safe to repeat, as long as its bounds allow, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shem.client import Client, Retry, TimedOut, Unreachable
from shem.client.errors import UnexpectedAnswer
from shem.client.retry import RETRY_AFTER_MAX_S
from shem.errors import (
    AgentError,
    BadInput,
    Conflict,
    NotFound,
    Overloaded,
    ShemError,
    Stopping,
    StorageUnavailable,
)
from shem.testing.rooms import Server

BOB = 'Counter("bob")'


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept_s: list[float] = []

    def wall_ns(self) -> int:
        return int(self.now_s * 1e9)

    def monotonic_ns(self) -> int:
        return int(self.now_s * 1e9)

    def sleep(self, wait_s: float) -> None:
        self.slept_s.append(wait_s)
        self.now_s += wait_s


Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Network(httpx.BaseTransport):
    """Answers in the order given; the last one from then on."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return answer(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


@pytest.fixture
def time() -> Time:
    return Time()


def client(http: httpx.BaseTransport, time: Time, **how: Any) -> Client:
    return Client("http://shem", http=http, clock=time, sleep=time.sleep, chance=lambda: 0.0, **how)


def refusal(code: str, status: int, **headers: str) -> httpx.Response:
    problem = {"code": code, "detail": code, "status": status}
    return httpx.Response(
        status, json=problem, headers={"content-type": "application/problem+json", **headers}
    )


INVOKED = httpx.Response(
    200, json={"result": 1, "agent_id": BOB, "idempotency_key": "k", "oplog_index": 1, "version": 0}
)
LOST = httpx.RemoteProtocolError("Server disconnected without sending a response.")
REFUSED = httpx.ConnectError("Connection refused")


def test_every_operation_gives_typed_data() -> None:
    server = Server()
    with Client("http://shem", http=server) as to:
        to.ready()
        assert to.deploy("counter", b'{"name":"counter"}', files=b"PK").version == 0
        assert to.deploy("counter", b'{"name":"counter"}', files=b"PK").unchanged
        assert server.registry.deployed == [("counter", b'{"name":"counter"}', None, b"PK")]
        assert to.components()[0].name == "counter"
        assert to.component("counter").versions == [0, 1]
        assert to.version("counter", 1).version == 1
        assert to.agent_types()[0].methods[0].parameters[0].default == 1
        assert to.agent_type("Counter").name == "Counter"
        assert to.create(BOB, {"A": "1"}).env == {"A": "1"}
        assert to.get(BOB).id == BOB
        assert to.invoke(BOB, "increment", [2], key="k").result == [2]
        assert to.invoke(BOB, "increment", {"by": 2}).result == {"by": 2}
        assert to.invoke(BOB, "increment", trigger=True).oplog_index is None
        assert to.oplog(BOB, start=3, count=2).next == 5
        to.delete(BOB)
        with pytest.raises(NotFound):
            to.get(BOB)


def test_lists_are_fetched_page_by_page() -> None:
    server = Server()
    with Client("http://shem", http=server) as to:
        for number in range(205):
            to.create(f"Counter({number})")
        assert [agent.id for agent in to.agents()] == [f"Counter({number})" for number in range(205)]
        assert [entry.index for entry in to.history(BOB)] == list(range(1, 1201))
        assert [entry.index for entry in to.history(BOB, start=10, count=600)] == list(range(10, 610))


@given(st.text(min_size=1).filter(lambda text: text not in (".", "..")))
def test_an_agent_id_arrives_as_it_is(name: str) -> None:
    server = Server()
    with Client("http://shem", http=server) as to:
        agent = f"Note({name})"
        assert to.invoke(agent, "m").agent_id == agent


def test_an_invocation_is_repeated_with_its_one_key(time: Time) -> None:
    network = Network(LOST, refusal("stopping", 503), REFUSED, refusal("overloaded", 429), INVOKED)
    with client(network, time) as to:
        assert to.invoke(BOB, "increment", [1]).result == 1
    assert len({request.headers["idempotency-key"] for request in network.requests}) == 1
    assert len(network.requests) == 5


def test_two_invocations_have_two_keys(time: Time) -> None:
    network = Network(INVOKED)
    with client(network, time) as to:
        to.invoke(BOB, "increment")
        to.invoke(BOB, "increment")
    assert len({request.headers["idempotency-key"] for request in network.requests}) == 2


def test_retry_after_is_honoured_up_to_a_bound(time: Time) -> None:
    answer = refusal("overloaded", 429, **{"retry-after": "7"})
    with client(Network(answer, INVOKED), time) as to:
        to.invoke(BOB, "increment")
    assert time.slept_s == [7.0]
    too_long = refusal("overloaded", 429, **{"retry-after": str(int(RETRY_AFTER_MAX_S) + 1)})
    with client(Network(too_long), time) as to, pytest.raises(Overloaded):
        to.invoke(BOB, "increment")
    assert time.slept_s == [7.0]


def test_it_gives_up_when_its_budget_is_spent(time: Time) -> None:
    with (
        client(Network(refusal("stopping", 503)), time, retry=Retry(budget_s=10)) as to,
        pytest.raises(Stopping),
    ):
        to.invoke(BOB, "increment")
    assert 5 < time.now_s <= 10


def test_a_server_that_was_never_there_is_not_waited_for_long(time: Time) -> None:
    with client(Network(REFUSED), time) as to, pytest.raises(Unreachable, match="http://shem"):
        to.get(BOB)
    assert time.now_s <= 1


def test_creating_is_not_repeated_when_it_may_have_happened(time: Time) -> None:
    for answer, error in ((LOST, Unreachable), (refusal("storage-unavailable", 503), StorageUnavailable)):
        network = Network(answer)
        with client(network, time) as to, pytest.raises(error):
            to.create(BOB)
        assert len(network.requests) == 1
    network = Network(REFUSED, refusal("starting", 503), refusal("conflict", 409))
    with client(network, time) as to, pytest.raises(Conflict):
        to.create(BOB)
    assert len(network.requests) == 3


def test_a_delete_whose_answer_was_lost_is_done_when_nothing_is_found(time: Time) -> None:
    server = Server()
    with client(server, time) as to:
        to.create(BOB)
        server.lost = 1
        to.delete(BOB)
        assert server.executor.agents == {}
        with pytest.raises(NotFound):
            to.delete(BOB)


def test_what_the_caller_or_the_guest_did_wrong_is_raised_at_once(time: Time) -> None:
    server = Server()
    server.executor.failure = AgentError("ValueError: no", traceback="line 1", type="ValueError")
    with client(server, time) as to, pytest.raises(AgentError, match="ValueError: no") as caught:
        to.invoke(BOB, "increment")
    assert caught.value.details == {"traceback": "line 1", "type": "ValueError"}
    assert len(server.executor.invocations) == 1


def test_no_answer_in_time_is_a_timeout_of_its_own(time: Time) -> None:
    network = Network(httpx.ReadTimeout("late"))
    with client(network, time) as to, pytest.raises(TimedOut):
        to.invoke(BOB, "increment")
    assert len(network.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(502, text="<html>bad gateway"),
        httpx.Response(200, text="<html>welcome"),
        httpx.Response(200, json={"result": 1}),
        httpx.Response(404, content=b"{", headers={"content-type": "application/problem+json"}),
        httpx.Response(302, headers={"location": "http://elsewhere"}),
    ],
)
def test_an_answer_that_is_not_of_a_server_of_ours_is_told_as_such(
    time: Time, answer: httpx.Response
) -> None:
    with client(Network(answer), time) as to, pytest.raises(UnexpectedAnswer):
        to.invoke(BOB, "increment")


@pytest.mark.parametrize("url", ["http://shem:port", "ftp://shem", "nothing", ""])
def test_an_address_that_is_none_is_told_as_such(url: str) -> None:
    with pytest.raises(BadInput, match="not the address"):
        Client(url)


def waits(retry: Retry, chance: float) -> Iterator[float]:
    elapsed_s, failures = 0.0, 1
    while (wait_s := retry.wait_s(failures, elapsed_s, asked_s=None, chance=chance, met=True)) is not None:
        yield wait_s
        elapsed_s += wait_s
        failures += 1


@given(
    st.builds(Retry, budget_s=st.floats(0, 100), first_ms=st.floats(1, 1000), longest_ms=st.floats(1, 5000)),
    st.floats(0, 1),
)
def test_waits_grow_stay_in_their_bounds_and_end_within_the_budget(retry: Retry, chance: float) -> None:
    all_waits = list(waits(retry, chance))
    assert sum(all_waits) <= retry.budget_s * (1 + 1e-9)
    assert all(wait_s <= retry.longest_ms / 1000 for wait_s in all_waits)
    assert all_waits == sorted(all_waits)


def test_errors_of_the_client_are_errors_of_the_house() -> None:
    assert issubclass(Unreachable, ShemError)
    assert issubclass(TimedOut, ShemError)
