"""Lists are applied whole or not at all, in order, each with its own outcome, from any number of threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shem.errors import Stopping
from shem.storage.protocol import (
    AppendOplog,
    DeleteAgent,
    Fenced,
    PutAgent,
    PutInbox,
    PutResult,
    SetStatus,
    TakeInbox,
)

THREADS = 8


def test_an_empty_list_is_done(world):
    world.storage.commit([])
    assert world.submit([], []) == [None, None]


def test_a_list_that_fails_at_its_end_leaves_nothing(world):
    agent, doomed = world.agent("a"), world.agent("doomed")
    world.storage.commit(
        [
            PutInbox(agent=agent, key="queued", payload=b"1"),
            PutInbox(agent=agent, key="queued too", payload=b"2"),
            PutResult(agent=agent, key="ended", index=1),
        ]
    )
    new = world.row("new")
    with pytest.raises(Fenced):
        world.storage.commit(
            [
                AppendOplog(agent=agent, start=1, entries=[b"1", b"2"]),
                TakeInbox(agent=agent, key="queued"),
                PutInbox(agent=agent, key="more", payload=b""),
                PutResult(agent=agent, key="k", index=2),
                SetStatus(agent=agent, status="failed"),
                DeleteAgent(agent=doomed),
                PutAgent(row=new),
                AppendOplog(agent=new.agent, start=1, entries=[b"1"]),
                PutResult(agent=agent, key="ended", index=2),
            ]
        )
    assert world.storage.oplog(agent) == []
    assert [row.key for row in world.storage.inbox(agent)] == ["queued", "queued too"]
    assert world.storage.result(agent, "k") is None
    assert world.storage.agent(agent).status == "idle"
    assert world.storage.agent(doomed) is not None
    assert world.storage.agent_named(world.environment, "doomed") is not None
    assert world.storage.agent(new.agent) is None


def test_operations_see_the_ones_before_them_in_the_list(world):
    row = world.row("a")
    world.storage.commit(
        [
            PutAgent(row=row),
            AppendOplog(agent=row.agent, start=1, entries=[b"1"]),
            AppendOplog(agent=row.agent, start=2, entries=[b"2"]),
            PutInbox(agent=row.agent, key="k", payload=b"p"),
            TakeInbox(agent=row.agent, key="k"),
            PutInbox(agent=row.agent, key="k", payload=b"again"),
        ]
    )
    assert world.storage.oplog_end(row.agent) == 2
    assert [each.payload for each in world.storage.inbox(row.agent)] == [b"again"]


def test_an_operation_before_what_it_needs_fails(world):
    row = world.row("a")
    with pytest.raises(Fenced):
        world.storage.commit([AppendOplog(agent=row.agent, start=1, entries=[b"1"]), PutAgent(row=row)])
    assert world.storage.agent(row.agent) is None


def test_of_many_waiting_lists_only_the_faulty_ones_fail(world):
    agents = [world.agent(str(number)) for number in range(40)]
    faulty = {0, 7, 8, 21, 39}
    lists = [
        [AppendOplog(agent=agent, start=2 if number in faulty else 1, entries=[b"x"])]
        for number, agent in enumerate(agents)
    ]
    outcomes = world.submit(*lists)
    assert {number for number, error in enumerate(outcomes) if isinstance(error, Fenced)} == faulty
    assert [world.storage.oplog_end(agent) for agent in agents] == [int(n not in faulty) for n in range(40)]


def test_waiting_lists_are_applied_in_order(world):
    agent = world.agent("a")
    outcomes = world.submit(
        [PutInbox(agent=agent, key="k", payload=b"")],
        [PutInbox(agent=agent, key="k", payload=b"")],
        [TakeInbox(agent=agent, key="k"), PutResult(agent=agent, key="k", index=1)],
        [PutInbox(agent=agent, key="k", payload=b"")],
        [AppendOplog(agent=agent, start=1, entries=[b"1"])],
        [AppendOplog(agent=agent, start=2, entries=[b"2"])],
        [AppendOplog(agent=agent, start=2, entries=[b"other"])],
        [DeleteAgent(agent=agent)],
        [AppendOplog(agent=agent, start=3, entries=[b"3"])],
        [PutAgent(row=world.row("a"))],
    )
    assert [type(error) for error in outcomes] == [
        type(None),
        Fenced,
        type(None),
        Fenced,
        type(None),
        type(None),
        Fenced,
        type(None),
        Fenced,
        type(None),
    ]


def test_outcomes_come_in_the_order_of_submission(world):
    agent = world.agent("a")
    seen: list[int] = []
    finished = threading.Event()
    for number in range(100):
        start = number + 1 if number % 7 else 50_000  # every seventh fails, and so do all after the first gap
        world.storage.submit(
            [AppendOplog(agent=agent, start=start, entries=[b"x"])],
            lambda _, number=number: (seen.append(number), finished.set() if number == 99 else None),
        )
    assert finished.wait(30)
    assert seen == list(range(100))


def test_a_list_is_read_when_it_is_submitted(world):
    agent = world.agent("a")
    gate, done = threading.Event(), threading.Event()
    world.storage.submit([], lambda _: gate.wait(30))
    entries = [b"1"]
    ops = [AppendOplog(agent=agent, start=1, entries=entries)]
    world.storage.submit(ops, lambda _: done.set())
    entries.append(b"2")
    ops.clear()
    gate.set()
    assert done.wait(30)
    assert world.storage.oplog(agent) == [(1, b"1")]


def test_a_callback_that_raises_harms_nobody(world, caplog):
    def explode(_: BaseException | None) -> None:
        raise ValueError("a callback's own fault")

    agent = world.agent("a")
    world.storage.submit([AppendOplog(agent=agent, start=1, entries=[b"1"])], explode)
    world.storage.commit([AppendOplog(agent=agent, start=2, entries=[b"2"])])
    assert world.storage.oplog_end(agent) == 2
    assert "a callback's own fault" in caplog.text


def test_reads_see_what_done_acknowledged(world):
    agent = world.agent("a")
    seen: list[int] = []
    finished = threading.Event()

    def done(error: BaseException | None, number: int) -> None:
        assert error is None
        seen.append(world.storage.oplog_end(agent) - number)
        if number == 200:
            finished.set()

    for number in range(1, 201):
        world.storage.submit(
            [AppendOplog(agent=agent, start=number, entries=[b"x"])],
            lambda error, number=number: done(error, number),
        )
    assert finished.wait(30)
    assert min(seen) >= 0


def test_eight_threads_lose_nothing_and_see_their_own_writes(world):
    shared = world.agent("shared")

    def work(thread: int) -> int:
        own = world.agent(f"own {thread}")
        wins = 0
        for number in range(1, 61):
            world.storage.commit(
                [
                    AppendOplog(agent=own, start=2 * number - 1, entries=[b"%d" % number, b"end"]),
                    PutResult(agent=own, key=str(number), index=2 * number),
                ]
            )
            assert world.storage.oplog_end(own) == 2 * number
            assert world.storage.result(own, str(number)) == 2 * number
            try:  # everybody fights for the same index: one wins
                world.storage.commit([AppendOplog(agent=shared, start=number, entries=[b"%d" % thread])])
                wins += 1
            except Fenced:
                pass
        assert world.storage.oplog(own)[118:] == [(119, b"60"), (120, b"end")]
        return wins

    with ThreadPoolExecutor(THREADS) as pool:
        wins = sum(pool.map(work, range(THREADS)))
    assert world.storage.oplog_end(shared) == wins


def test_keys_from_eight_threads_are_all_different(storage):
    with ThreadPoolExecutor(THREADS) as pool:
        keys = list(pool.map(lambda _: [storage.next_agent() for _ in range(500)], range(THREADS)))
    assert len({key for each in keys for key in each}) == THREADS * 500


def test_readers_never_see_half_a_list(world):
    agent = world.agent("a")
    stop = threading.Event()

    def watch() -> int:
        looks = 0
        while not stop.is_set():
            end = world.storage.oplog_end(agent)
            assert end % 3 == 0
            entries = world.storage.oplog(agent)
            assert len(entries) >= end
            assert len(entries) % 3 == 0
            looks += 1
        return looks

    with ThreadPoolExecutor(2) as pool:
        watchers = [pool.submit(watch) for _ in range(2)]
        for number in range(100):
            world.storage.commit([AppendOplog(agent=agent, start=3 * number + 1, entries=[b"1", b"2", b"3"])])
        stop.set()
        assert all(watcher.result(30) for watcher in watchers)


def test_close_finishes_what_was_submitted_and_refuses_the_rest(world):
    agent = world.agent("a")
    outcomes: list[BaseException | None] = []
    for number in range(1, 301):
        world.storage.submit([AppendOplog(agent=agent, start=number, entries=[b"x"])], outcomes.append)
    world.storage.close()
    assert outcomes == [None] * 300
    world.storage.submit([], outcomes.append)
    assert isinstance(outcomes.pop(), Stopping)
    with pytest.raises(Stopping):
        world.storage.commit([])
    with pytest.raises(Stopping):
        world.storage.agent(agent)
    world.storage.close()
