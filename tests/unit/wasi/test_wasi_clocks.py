from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shem.wasi import clocks, poll
from shem.wasi.monotonic import MonotonicClock

SECOND = 1_000_000_000


def test_replayed_wall_time_is_the_recorded_one_and_no_clock_is_read(world):
    first = clocks.wall_now(world.ctx)
    ctx = world.restart(away_ns=3600 * SECOND)
    assert clocks.wall_now(ctx) == first
    assert world.clock.reads == 0
    assert clocks.wall_now(ctx)["seconds"] == first["seconds"] + 3600


def test_replayed_monotonic_time_is_the_recorded_one_and_no_clock_is_read(world):
    times = [clocks.monotonic_now(world.ctx)]
    world.clock.pass_ns(7)
    times.append(clocks.monotonic_now(world.ctx))
    assert times[1] - times[0] == 7
    ctx = world.restart(away_ns=SECOND)
    assert [clocks.monotonic_now(ctx), clocks.monotonic_now(ctx)] == times
    assert world.clock.reads == 0


def test_monotonic_time_goes_on_across_a_restart(world):
    before = clocks.monotonic_now(world.ctx)
    ctx = world.restart(away_ns=60 * SECOND)
    clocks.monotonic_now(ctx)
    assert clocks.monotonic_now(ctx) == before + 60 * SECOND


def test_monotonic_time_does_not_go_back_with_the_wall_clock(world):
    before = clocks.monotonic_now(world.ctx)
    world.clock.wall -= 3600 * SECOND
    world.clock.monotonic += 5
    assert clocks.monotonic_now(world.ctx) == before + 5
    ctx = world.restart(away_ns=-7200 * SECOND)
    assert [clocks.monotonic_now(ctx), clocks.monotonic_now(ctx)] == [before, before + 5]
    now = clocks.monotonic_now(ctx)
    assert now >= before + 5
    world.clock.pass_ns(9)
    assert clocks.monotonic_now(ctx) == now + 9


@given(
    st.lists(st.tuples(st.integers(-(10**12), 10**12), st.integers(0, 10**12), st.booleans()), max_size=30)
)
def test_monotonic_time_never_goes_back(steps):
    class Clock:
        wall, monotonic = 10**15, 0

        def wall_ns(self) -> int:
            return self.wall

        def monotonic_ns(self) -> int:
            return self.monotonic

    clock = Clock()
    line = MonotonicClock(clock)
    last = 0
    for wall_step, elapsed, restart in steps:
        clock.wall += wall_step
        clock.monotonic += elapsed
        if restart:
            seen, clock = line.seen_ns, Clock()
            clock.wall = 10**15 + wall_step
            line = MonotonicClock(clock)
            line.seen_ns = seen
        now = line.read_ns()
        line.saw(now)
        assert now >= last
        last = now


def test_a_sleep_goes_on_after_a_crash_where_it_was(world):
    pollable = clocks.subscribe_duration(world.ctx, 10 * SECOND)
    world.interrupt = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        poll.block(world.ctx, pollable)
    world.interrupt = None
    ctx = world.restart(away_ns=4 * SECOND)
    poll.block(ctx, clocks.subscribe_duration(ctx, 10 * SECOND))
    assert sum(world.waits) == 6 * SECOND


def test_a_sleep_that_ended_while_the_host_was_down_does_not_wait(world):
    clocks.subscribe_duration(world.ctx, 10 * SECOND)
    ctx = world.restart(away_ns=11 * SECOND)
    poll.block(ctx, clocks.subscribe_duration(ctx, 10 * SECOND))
    assert world.waits == []


def test_an_empty_duration_is_over_and_not_recorded(world):
    poll.block(world.ctx, clocks.subscribe_duration(world.ctx, 0))
    assert world.durability.recorded == []


def test_the_longest_duration_does_not_overflow(world):
    pollable = clocks.subscribe_duration(world.ctx, (1 << 64) - 1)
    assert poll.is_ready(world.ctx, pollable) is False


def test_time_zone_and_resolutions_are_constants(world):
    when = clocks.to_datetime(0)
    assert clocks.utc_offset(world.ctx, when) == 0
    assert clocks.display(world.ctx, when)["name"] == "UTC"
    assert clocks.wall_resolution(world.ctx) == {"seconds": 0, "nanoseconds": 1}
    assert clocks.monotonic_resolution(world.ctx) == 1
    assert world.durability.recorded == []
