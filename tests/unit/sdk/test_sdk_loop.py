"""asyncio works in an agent, without sockets or threads, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from shem_sdk.loop import Loop, Stuck


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


def test_sleeps_run_at_the_same_time(loop: Loop) -> None:
    async def main() -> list[int]:
        async def one(number: int) -> int:
            await asyncio.sleep(0.02)
            return number

        return await asyncio.gather(*(one(n) for n in range(20)))

    began = time.monotonic()
    assert loop.finish(main()) == list(range(20))
    assert 0.02 <= time.monotonic() - began < 0.3


def test_timeouts_cancel(loop: Loop) -> None:
    async def main() -> None:
        await asyncio.wait_for(asyncio.Event().wait(), 0.01)

    with pytest.raises(TimeoutError):
        loop.finish(main())


def test_a_task_group_ends_its_tasks(loop: Loop) -> None:
    async def main() -> list[str]:
        done = []

        async def work(name: str) -> None:
            await asyncio.sleep(0)
            done.append(name)

        async with asyncio.TaskGroup() as group:
            group.create_task(work("a"))
            group.create_task(work("b"))
        return done

    assert loop.finish(main()) == ["a", "b"]


def test_time_goes_on_while_tasks_are_busy(loop: Loop) -> None:
    async def main() -> float:
        running = asyncio.get_running_loop()
        began = running.time()
        while (passed := running.time() - began) < 0.005:  # noqa: ASYNC110  # being busy is what is tested
            await asyncio.sleep(0)
        return passed

    assert 0.005 <= loop.finish(main()) < 0.5


def test_a_coroutine_that_never_waits_never_asks_for_the_time(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> float:
        raise AssertionError("the host was asked for the time")

    monkeypatch.setattr(asyncio.BaseEventLoop, "time", refuse)

    async def main() -> int:
        await asyncio.sleep(0)
        return 1

    assert loop.finish(main()) == 1


def test_waiting_for_nothing_is_an_error_and_the_loop_lives_on(loop: Loop) -> None:
    async def main() -> None:
        await loop.create_future()

    async def after() -> int:
        await asyncio.sleep(0.001)
        return 2

    with pytest.raises(Stuck):
        loop.finish(main())
    assert loop.finish(after()) == 2


def test_tasks_left_behind_are_cancelled(loop: Loop) -> None:
    seen = []

    async def left() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main() -> asyncio.Task[None]:
        task = asyncio.create_task(left())
        await asyncio.sleep(0)
        return task

    assert loop.finish(main()).cancelled()
    assert seen == ["cancelled"]
    assert not asyncio.all_tasks(loop)


def test_generators_left_behind_are_closed_and_later_methods_may_use_them(loop: Loop) -> None:
    closed = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    kept = []

    async def main() -> int:
        generator = numbers()
        kept.append(generator)
        return await anext(generator)

    assert [loop.finish(main()), loop.finish(main())] == [1, 1]
    assert closed == [True, True]


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_what_a_coroutine_raises_comes_out(loop: Loop, error: type[BaseException]) -> None:
    async def main() -> None:
        await asyncio.sleep(0)
        raise error("x")

    async def after() -> int:
        return 3

    with pytest.raises(error):
        loop.finish(main())
    assert loop.finish(after()) == 3


def test_a_lock_is_good_for_many_methods(loop: Loop) -> None:
    lock = asyncio.Lock()

    async def main() -> int:
        async def hold() -> int:
            async with lock:
                await asyncio.sleep(0)
                return 1

        return sum(await asyncio.gather(hold(), hold()))

    assert [loop.finish(main()) for _ in range(3)] == [2, 2, 2]
