"""Idempotency, triggers, errors of an agent, and a graceful stop, over real processes."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

import pytest
from tests.e2e.conftest import deploy, write_application

from shem.client import Client
from shem.client.errors import Unreachable
from shem.client.retry import Retry
from shem.errors import AgentError, Conflict, InvocationFailed, NotFound
from shem.testing import ServerProcess

SOURCE = '''
    import asyncio
    import os
    import sys
    import time
    from shem_sdk import agent

    @agent
    class Worker:
        """Does what tests ask for."""

        def __init__(self, name: str) -> None:
            if name == "refused":
                raise ValueError("no agent of that name")
            self.name, self.done = name, []

        def add(self, what: str) -> list[str]:
            self.done.append(what)
            return self.done

        def seen(self) -> list[str]:
            return self.done

        def broken(self, number: int) -> float:
            self.done.append("before")
            return 1 / number

        def sleepy(self, seconds: float) -> str:
            time.sleep(seconds)
            self.done.append("slept")
            return "slept"

        async def together(self, seconds: float) -> list[int]:
            async def one(number: int) -> int:
                await asyncio.sleep(seconds)
                return number
            return list(await asyncio.gather(*(one(number) for number in range(10))))

        def talk(self, lines: int) -> None:
            for number in range(lines):
                print("line", number)
            print("to stderr", file=sys.stderr)

        def watch(self, times: int) -> int:
            """Look at the clock so many times; how often it was seen to go on."""
            before = seen = 0
            for _ in range(times):
                now = time.time_ns()
                seen, before = seen + (now > before), now
            self.done.append("watched")
            return seen

        def forever(self) -> None:
            while True:
                pass

        def abort(self) -> None:
            print("about to abort", file=sys.stderr)
            os.abort()

        def doomed(self, times: int) -> None:
            for _ in range(times):
                time.time_ns()
            os.abort()

        def leave(self, code: int) -> None:
            os._exit(code)
'''


@pytest.fixture(scope="module", autouse=True)
def deployed(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> None:
    with Client(server.url) as client:
        deploy(client, write_application(tmp_path_factory.mktemp("app"), SOURCE, name="workers"))


def test_the_same_key_gives_the_same_result_also_after_a_restart(
    server: ServerProcess, client: Client
) -> None:
    first = client.invoke('Worker("keys")', "add", ["a"], key="k1")
    assert client.invoke('Worker("keys")', "add", ["a"], key="k1") == first
    server.kill()
    server.start()
    assert client.invoke('Worker("keys")', "add", ["a"], key="k1") == first
    assert client.invoke('Worker("keys")', "seen").result == ["a"]


def test_a_key_cannot_be_used_for_something_else(client: Client) -> None:
    client.invoke('Worker("misused")', "add", ["a"], key="k")
    with pytest.raises(Conflict, match="key"):
        client.invoke('Worker("misused")', "add", ["b"], key="k")
    with pytest.raises(Conflict, match="key"):
        client.invoke('Worker("misused")', "seen", key="k")


def test_an_exception_reaches_the_caller_with_its_traceback_and_the_agent_lives_on(client: Client) -> None:
    with pytest.raises(AgentError) as raised:
        client.invoke('Worker("broken")', "broken", [0])
    assert "division by zero" in raised.value.message
    traceback = str(raised.value.details["traceback"])
    assert "return 1 / number" in traceback
    assert "agents.py" in traceback
    assert "shem_sdk" not in traceback
    assert client.invoke('Worker("broken")', "seen").result == ["before"]


def test_an_exception_has_the_same_answer_when_the_request_is_repeated(
    server: ServerProcess, client: Client
) -> None:
    with pytest.raises(AgentError) as first:
        client.invoke('Worker("rebroken")', "broken", [0], key="k")
    server.kill()
    server.start()
    with pytest.raises(AgentError) as again:
        client.invoke('Worker("rebroken")', "broken", [0], key="k")
    assert (again.value.message, again.value.details["traceback"]) == (
        first.value.message,
        first.value.details["traceback"],
    )
    assert client.invoke('Worker("rebroken")', "seen").result == ["before"]


def test_an_agent_whose_constructor_refuses_does_not_exist(client: Client) -> None:
    with pytest.raises(AgentError, match="no agent of that name"):
        client.invoke('Worker("refused")', "seen")
    with pytest.raises(NotFound):
        client.get('Worker("refused")')


def test_triggered_invocations_survive_a_kill_and_run_once_in_order(
    server: ServerProcess, client: Client
) -> None:
    wanted = [str(number) for number in range(20)]
    for what in wanted:
        client.invoke('Worker("triggered")', "add", [what], key=what, trigger=True)
    server.kill()
    server.start()
    for what in wanted:
        client.invoke('Worker("triggered")', "add", [what], key=what, trigger=True)
    last = client.invoke('Worker("triggered")', "seen")
    assert last.result == wanted


def test_a_sleep_goes_on_after_a_crash_where_it_was(server: ServerProcess, client: Client) -> None:
    client.invoke('Worker("sleeper")', "seen")
    began = time.monotonic()
    client.invoke('Worker("sleeper")', "sleepy", [3.0], key="nap", trigger=True)
    while time.monotonic() - began < 1.5:  # half of the sleep passes before the crash
        assert client.get('Worker("sleeper")').status == "running"
    server.kill()
    server.start()
    assert client.invoke('Worker("sleeper")', "sleepy", [3.0], key="nap").result == "slept"
    assert 3.0 <= time.monotonic() - began < 4.5, "it did not begin to sleep anew"
    assert client.invoke('Worker("sleeper")', "seen").result == ["slept"]


def test_a_long_invocation_goes_on_after_a_crash_with_what_it_had_recorded(
    server: ServerProcess, client: Client
) -> None:
    client.invoke('Worker("watcher")', "seen")
    client.invoke('Worker("watcher")', "watch", [50_000], key="long", trigger=True)
    while client.get('Worker("watcher")').oplog_size < 5_000:
        pass
    server.kill()
    server.start()
    recorded = client.get('Worker("watcher")').oplog_size
    result = client.invoke('Worker("watcher")', "watch", [50_000], key="long").result
    assert 0 < recorded < 50_000, "it was killed in the middle"
    assert result > 0
    assert client.invoke('Worker("watcher")', "seen").result == ["watched"]
    assert client.get('Worker("watcher")').oplog_size >= 50_000
    server.kill()
    server.start()
    assert client.invoke('Worker("watcher")', "watch", [50_000], key="long").result == result
    assert client.invoke('Worker("watcher")', "seen").result == ["watched"], "all of it replays"


def test_coroutines_wait_at_the_same_time(client: Client) -> None:
    client.invoke('Worker("async")', "seen")
    began = time.monotonic()
    assert client.invoke('Worker("async")', "together", [0.3]).result == list(range(10))
    assert time.monotonic() - began < 2.0


def test_sleeping_agents_do_not_keep_others_waiting(client: Client) -> None:
    for number in range(16):
        client.invoke(f'Worker("napper{number}")', "sleepy", [1.5], trigger=True)
    began = time.monotonic()
    assert client.invoke('Worker("awake")', "add", ["x"]).result == ["x"]
    assert time.monotonic() - began < 1.4


def test_output_is_in_the_oplog_once_however_often_it_is_replayed(
    server: ServerProcess, client: Client
) -> None:
    client.invoke('Worker("talker")', "talk", [3])
    server.kill()
    server.start()
    client.invoke('Worker("talker")', "seen")
    lines = [
        entry.detail["message"] for entry in client.oplog('Worker("talker")').entries if entry.kind == "log"
    ]
    assert lines == ["line 0", "line 1", "line 2", "to stderr"]


def test_a_deleted_agent_starts_from_scratch(client: Client) -> None:
    client.invoke('Worker("deleted")', "add", ["x"])
    client.delete('Worker("deleted")')
    with pytest.raises(NotFound):
        client.get('Worker("deleted")')
    assert client.invoke('Worker("deleted")', "seen").result == []


def test_deleting_ends_an_agent_that_runs_forever(server: ServerProcess, client: Client) -> None:
    client.invoke('Worker("runaway")', "seen")
    answers: list[BaseException] = []

    def call() -> None:
        with Client(server.url) as own:
            try:
                own.invoke('Worker("runaway")', "forever")
            except NotFound as error:
                answers.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    while client.get('Worker("runaway")').status != "running":
        pass
    client.delete('Worker("runaway")')
    caller.join(20)
    assert len(answers) == 1


def test_listing_shows_agents_in_order_page_by_page(client: Client) -> None:
    for number in range(5):
        client.invoke(f'Worker("page{number}")', "seen")
    names = [view.id for view in client.agents(type="Worker")]
    assert [name for name in names if "page" in name] == [f'Worker("page{number}")' for number in range(5)]
    first = client.page(type="Worker", limit=2)
    assert [view.id for view in first.agents] == names[:2]
    assert [view.id for view in client.page(type="Worker", limit=2, cursor=first.cursor).agents] == names[2:4]


def test_stopping_lets_running_invocations_end_and_loses_nothing(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, Client(server.url) as client:
        deploy(client, write_application(tmp_path / "app", SOURCE, name="workers"))
        client.invoke('Worker("a")', "add", ["1"])
        client.invoke('Worker("long")', "seen")
        client.invoke('Worker("long")', "sleepy", [60.0], trigger=True)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 8, "a sleeping agent does not hold the server up"
        server.start()
        assert client.invoke('Worker("a")', "seen").result == ["1"]
        assert client.get('Worker("long")').pending + (client.get('Worker("long")').status == "running") >= 1


def test_a_trap_fails_the_agent_and_every_later_invocation_says_why(
    server: ServerProcess, client: Client
) -> None:
    client.invoke('Worker("aborting")', "add", ["x"])
    with pytest.raises(InvocationFailed, match="abort") as raised:
        client.invoke('Worker("aborting")', "abort")
    assert "about to abort" in str(raised.value.details["stderr"])
    assert client.get('Worker("aborting")').status == "failed"
    server.kill()
    server.start()
    with pytest.raises(InvocationFailed, match="abort") as later:
        client.invoke('Worker("aborting")', "seen")
    assert "about to abort" in str(later.value.details["stderr"])
    assert client.invoke('Worker("not aborting")', "seen").result == []


def test_a_trap_in_the_first_method_fails_the_agent_and_is_not_repeated(client: Client) -> None:
    with pytest.raises(InvocationFailed):
        client.invoke('Worker("stillborn")', "abort", key="k")
    assert client.get('Worker("stillborn")').status == "failed"
    kinds = [entry.kind for entry in client.oplog('Worker("stillborn")').entries]
    assert kinds.count("agent-invocation-started") == 2
    with pytest.raises(InvocationFailed):
        client.invoke('Worker("stillborn")', "abort", key="k")
    assert client.get('Worker("stillborn")').oplog_size == len(kinds)


def test_what_waits_is_kept_when_the_invocation_before_it_crashes_in_recovery(
    server: ServerProcess, client: Client
) -> None:
    client.invoke('Worker("doomed")', "seen")

    def call() -> None:
        with Client(server.url, retry=Retry(budget_s=0)) as own, contextlib.suppress(Unreachable):
            own.invoke('Worker("doomed")', "doomed", [200_000])

    caller = threading.Thread(target=call)
    caller.start()
    while client.get('Worker("doomed")').oplog_size < 2_000:
        pass
    client.invoke('Worker("doomed")', "add", ["x"], trigger=True)
    server.kill()
    caller.join()
    server.start()
    while client.get('Worker("doomed")').status != "failed":
        pass
    assert client.get('Worker("doomed")').pending == 1


def test_a_guest_that_exits_fails_the_agent(client: Client) -> None:
    with pytest.raises(InvocationFailed, match="exit"):
        client.invoke('Worker("leaving")', "leave", [3])
