"""What replay is: recorded answers, the first difference, and the step from replay to live."""

from __future__ import annotations

from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shem.errors import Divergence
from shem.oplog import payload
from shem.oplog.entries import (
    AgentInvocationFinished,
    AgentInvocationStarted,
    AgentMode,
    Create,
    Entry,
    Error,
    ErrorKind,
    FunctionKind,
    HostCall,
    InvocationKind,
    Log,
    LogLevel,
)
from shem.oplog.journal import Journal

CLOCK = "wasi:clocks/wall-clock.now"
RANDOM = "wasi:random/random.get-random-u64"

Recorded: TypeAlias = list[tuple[int, Entry]]


def create() -> Create:
    return Create(1, "C()", "c", 0, AgentMode.DURABLE, 1, 1)


def started(method: str = "m") -> AgentInvocationStarted:
    return AgentInvocationStarted(1, InvocationKind.METHOD, "k", method, payload.NOTHING, 0)


def call(function: str, answer: object, request: bytes = payload.NOTHING) -> HostCall:
    return HostCall(1, function, request, payload.encode(answer), FunctionKind.READ_LOCAL)


def finished(result: object) -> AgentInvocationFinished:
    return AgentInvocationFinished(1, payload.encode(result), 0)


def line(text: str) -> Log:
    return Log(1, LogLevel.STDOUT, "", text)


def journal(*entries: Entry) -> Journal:
    return Journal(list(enumerate(entries, 1)), end=len(entries))


def test_recorded_answers_come_back_in_order_and_then_the_journal_is_live() -> None:
    log = journal(started(), call(CLOCK, 5), call(RANDOM, 7))
    assert log.feed_started() == (1, started())
    assert log.feed_call(CLOCK, payload.NOTHING) == call(CLOCK, 5)
    assert not log.is_live
    assert log.feed_call(RANDOM, payload.NOTHING) == call(RANDOM, 7)
    assert log.is_live
    assert log.feed_call(CLOCK, payload.NOTHING) is None
    assert log.append(call(CLOCK, 9)) == 4


def test_a_new_journal_is_live_and_counts_from_one() -> None:
    log = Journal()
    assert log.is_live
    assert log.append(create()) == 1
    assert log.drain() == (1, [create()])
    assert log.append(started()) == 2
    assert log.drain() == (2, [started()])
    assert log.drain() == (3, [])


@pytest.mark.parametrize(
    ("function", "request_", "got"),
    [
        (RANDOM, payload.NOTHING, "get-random-u64()"),
        (CLOCK, payload.encode((1,)), "wall-clock.now([1])"),
    ],
)
def test_another_call_than_recorded_diverges_and_names_both_sides(
    function: str, request_: bytes, got: str
) -> None:
    log = journal(started(), call(CLOCK, 5))
    log.feed_started()
    with pytest.raises(Divergence) as raised:
        log.feed_call(function, request_)
    assert raised.value.index == 2
    assert raised.value.expected == f"a call of {CLOCK}()"
    assert raised.value.got.endswith(got)


def test_a_call_where_the_end_is_recorded_diverges() -> None:
    log = journal(started(), finished(("ok", 3)))
    log.feed_started()
    with pytest.raises(
        Divergence, match=r"index 2: expected the invocation ended with \['ok', 3\], got a call of"
    ):
        log.feed_call(CLOCK, payload.NOTHING)


def test_an_end_where_a_call_is_recorded_diverges() -> None:
    log = journal(started(), call(CLOCK, 5), finished(("ok", 3)))
    log.feed_started()
    with pytest.raises(Divergence, match=r"index 2: expected a call of wasi:clocks/wall-clock.now"):
        log.feed_finished(payload.encode(("ok", 3)))


def test_another_result_than_recorded_diverges_and_names_both_results() -> None:
    log = journal(started(), finished(("ok", 3)))
    log.feed_started()
    with pytest.raises(Divergence) as raised:
        log.feed_finished(payload.encode(("ok", 4)))
    assert (raised.value.expected, raised.value.got) == (
        "the invocation ended with ['ok', 3]",
        "the invocation ended with ['ok', 4]",
    )


def test_a_guest_that_ends_where_the_records_go_on_diverges_and_a_live_one_does_not() -> None:
    log = journal(started(), call(CLOCK, 5))
    log.feed_started()
    with pytest.raises(Divergence, match=r"index 2: expected a call of .*, got the guest ended: unreachable"):
        log.feed_crash("unreachable")
    log.feed_call(CLOCK, payload.NOTHING)
    log.feed_crash("unreachable")


def test_an_invocation_that_left_a_recorded_call_undone_diverges_at_the_next_one() -> None:
    log = journal(started(), call(CLOCK, 5))
    log.feed_started()
    with pytest.raises(Divergence, match="got the end of the invocation"):
        log.feed_started()


def test_a_log_line_is_taken_back_once_and_not_written_again() -> None:
    log = journal(started(), call(CLOCK, 5), line("one"), line("two"))
    log.feed_started()
    log.feed_call(CLOCK, payload.NOTHING)
    assert log.is_live, "log lines are no reason to stay in replay"
    assert log.feed_log()
    assert log.feed_log()
    assert not log.feed_log(), "a third line is new"


def test_log_lines_that_the_guest_no_longer_writes_do_not_swallow_later_ones() -> None:
    log = journal(started(), call(CLOCK, 5), line("one"))
    log.feed_started()
    log.feed_call(CLOCK, payload.NOTHING)
    log.append(call(RANDOM, 1))
    assert not log.feed_log(), "the recorded line stood before a call that was made without it"


def test_more_log_lines_than_recorded_are_dropped_in_replay() -> None:
    log = journal(started(), call(CLOCK, 5), finished(("ok", None)))
    log.feed_started()
    assert log.feed_log()
    assert log.feed_call(CLOCK, payload.NOTHING) is not None


def test_hints_are_not_matched() -> None:
    hint = Error(1, ErrorKind.TRANSIENT_ERROR, "broke", 1)
    log = journal(create(), hint, started(), hint, line("x"), call(CLOCK, 5), hint, finished(("ok", None)))
    log.feed_create()
    assert log.feed_started() == (3, started())
    assert log.feed_call(CLOCK, payload.NOTHING) == call(CLOCK, 5)
    assert log.feed_finished(payload.encode(("ok", None))) is not None
    assert log.is_live
    assert log.end == 8


def test_an_oplog_that_does_not_begin_with_its_creation_diverges() -> None:
    with pytest.raises(Divergence, match="index 1"):
        journal(started()).feed_create()
    with pytest.raises(Divergence, match="the end of the oplog"):
        journal().feed_create()


Guest: TypeAlias = list[list[tuple[str, int]]]
guests = st.lists(
    st.lists(st.tuples(st.sampled_from([CLOCK, RANDOM, "log"]), st.integers(0, 9)), max_size=5), max_size=4
)


def run(log: Journal, guest: Guest) -> list[object]:
    """Drive a journal as an execution does; what the guest observed."""
    seen: list[object] = []
    for number, calls in enumerate(guest):
        if log.feed_started() is None:
            log.append(started(str(number)))
        for function, world in calls:
            if function == "log":
                if not log.feed_log():
                    log.append(line(str(world)))
                continue
            recorded = log.feed_call(function, payload.NOTHING)
            if recorded is None:
                log.append(recorded := call(function, world))
            assert isinstance(recorded.response, bytes)
            seen.append(payload.decode(recorded.response))
        if log.feed_finished(payload.encode(("ok", number))) is None:
            log.append(finished(("ok", number)))
    return seen


@given(guests, st.data())
def test_a_crash_at_any_index_changes_nothing_that_was_observed_and_nothing_that_is_written(
    guest: Guest, data: st.DataObject
) -> None:
    log = Journal()
    seen = run(log, guest)
    _, entries = log.drain()
    cut = data.draw(st.integers(0, len(entries)))
    recorded: Recorded = list(enumerate(entries[:cut], 1))
    again = Journal(recorded, end=cut)
    assert run(again, guest) == seen
    start, rest = again.drain()
    assert start == cut + 1
    assert entries[:cut] + rest == entries
    assert again.is_live
