from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shem.wasi import clocks
from shem.wasi.poll import POLL, READY, WAIT_MAX_NS, Deadline, block, is_ready, poll
from shem.wasm.errors import Trap

SECOND = 1_000_000_000


def deadline_in(world, ns):
    return Deadline(world.ctx.monotonic.read_ns() + ns)


def test_an_empty_list_traps(world):
    with pytest.raises(Trap, match="empty list"):
        poll(world.ctx, [])


def test_what_the_state_tells_is_not_recorded(world):
    assert poll(world.ctx, [READY, READY]) == [0, 1]
    assert is_ready(world.ctx, READY) is True
    assert world.durability.recorded == []


def test_a_poll_waits_for_the_nearest_and_names_all_that_are_ready(world):
    far, near, same = deadline_in(world, 9 * SECOND), deadline_in(world, SECOND), deadline_in(world, SECOND)
    assert poll(world.ctx, [far, near, same]) == [1, 2]
    assert world.waits == [SECOND]


def test_a_ready_stream_does_not_keep_a_poll_from_seeing_the_time(world):
    timer = deadline_in(world, SECOND)
    assert poll(world.ctx, [READY, timer]) == [0]
    world.clock.pass_ns(SECOND)
    assert poll(world.ctx, [READY, timer]) == [0, 1]


def test_replay_does_not_wait(world):
    pollables = [deadline_in(world, 5 * SECOND), deadline_in(world, 2 * SECOND)]
    live = poll(world.ctx, pollables)
    ctx = world.restart(away_ns=-SECOND)
    assert poll(ctx, pollables) == live
    assert world.waits == []
    assert world.clock.reads == 0


def test_time_has_come_once_the_guest_saw_the_deadline_pass(world):
    timer = deadline_in(world, 5 * SECOND)
    block(world.ctx, timer)
    ctx = world.restart(away_ns=-3600 * SECOND)
    block(ctx, timer)
    assert clocks.monotonic_now(ctx) >= timer.at_ns
    assert is_ready(ctx, timer) is True
    assert [entry[0] for entry in world.durability.recorded] == [
        "wasi:io/poll.poll",
        "wasi:clocks/monotonic-clock.now",
    ]


def test_an_unwound_wait_leaves_no_record(world):
    world.interrupt = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        block(world.ctx, deadline_in(world, SECOND))
    assert world.durability.recorded == []


def test_a_far_deadline_is_waited_for_in_pieces(world):
    block(world.ctx, deadline_in(world, 2 * WAIT_MAX_NS + 1))
    assert world.waits == [WAIT_MAX_NS, WAIT_MAX_NS, 1]


def test_pollables_survive_capture_and_restore(world):
    resource = POLL.resources["pollable"]
    for pollable in (READY, Deadline(12345)):
        restored = resource.restore(world.ctx, resource.capture(world.ctx, pollable))
        assert restored.describe() == pollable.describe()


STEP = st.one_of(
    st.tuples(st.just("now"), st.just(0)),
    st.tuples(st.just("subscribe"), st.integers(0, 10**10)),
    st.tuples(st.just("poll"), st.integers(1, 7)),
    st.tuples(st.just("ready"), st.integers(0, 7)),
    st.tuples(st.just("pass"), st.integers(0, 10**10)),
)


@settings(max_examples=50)
@given(steps=st.lists(STEP, max_size=25), away=st.integers(-(10**12), 10**12))
def test_replay_shows_the_guest_exactly_what_it_saw_live(make_world, steps, away):
    world = make_world()

    def live(ctx, clock):
        seen, pollables = [], [READY]
        for step, argument in steps:
            match step:
                case "now":
                    seen.append(clocks.monotonic_now(ctx))
                case "subscribe":
                    pollables.append(clocks.subscribe_duration(ctx, argument))
                case "poll":
                    seen.append(poll(ctx, pollables[-argument:]))
                case "ready":
                    seen.append(is_ready(ctx, pollables[argument % len(pollables)]))
                case "pass":
                    clock.pass_ns(argument)
        return seen, ctx.capture()

    first = live(world.ctx, world.clock)
    ctx = world.restart(away_ns=away)
    assert live(ctx, world.clock) == first
    assert world.durability.performed == 0
