"""The event loop of an agent: asyncio without sockets, threads and signals, none of which a guest has.

What is left of ``select`` is sleeping until the next timer, so ``sleep``, ``gather``, ``wait_for``,
``timeout``, ``TaskGroup``, queues and locks work. One loop lives as long as its agent, because locks and
futures that an agent keeps belong to the loop they were first used on. It only runs while a method runs:
tasks that a method leaves behind are cancelled before its result is given, for nothing would run them later
and an agent at rest must be at rest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stuck(RuntimeError):
    """A method waits for something that nothing in the agent will ever do."""


class _Sleep:
    """Stands where asyncio expects a selector."""

    def select(self, timeout: float | None) -> list[object]:
        if timeout is None:
            raise Stuck("the method waits for something that can never happen: no task and no timer is left")
        if timeout > 0:
            time.sleep(timeout)
        return []


class Loop(asyncio.BaseEventLoop):
    """See the head of the file."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Sleep()
        self._no_timers = False

    def time(self) -> float:
        """Monotonic seconds.

        After each turn asyncio asks for the time to find due timers. Where there are none the answer does not
        matter, and it is given without a call to the host, which would have to be recorded.
        """
        if self._no_timers:
            self._no_timers = False
            return 0.0
        return super().time()

    def _process_events(self, event_list: list[object]) -> None:
        # asyncio calls this right before it asks for the time.
        self._no_timers = not self._scheduled  # type: ignore[attr-defined]  # typeshed leaves private names out

    def _write_to_self(self) -> None:
        """There are no other threads that would have to wake this one."""

    def finish(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, then cancel what it left behind.

        Raises:
            Stuck: it can never end.
        """
        main = self.create_task(coroutine)
        try:
            return self.run_until_complete(main)
        finally:
            self._cancel_all()

    def _cancel_all(self) -> None:
        left = asyncio.all_tasks(self)
        for task in left:
            task.cancel()
        if left:
            self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        if self._asyncgens:  # type: ignore[attr-defined]  # typeshed leaves private names out
            self.run_until_complete(self.shutdown_asyncgens())
            self._asyncgens_shutdown_called = False  # the next method may use generators again


def make_default() -> None:
    """Let ``asyncio.run`` and ``asyncio.Runner``, in methods that are not async, make loops of this kind too.

    A policy would be the documented way, and is deprecated since Python 3.14.
    """
    asyncio.new_event_loop = asyncio.events.new_event_loop = Loop
