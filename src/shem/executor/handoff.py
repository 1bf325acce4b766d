"""From worker and storage threads back to the event loop, many outcomes for one wake-up.

``loop.call_soon_threadsafe`` wakes the loop through a pipe. A group commit ends many turns at the same moment: they are
put into one queue, and only the first of them wakes the loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Handoff:
    """Calls made on other threads, carried out in order on the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[Callable[[], None]] = deque()
        self._woken = False

    def put(self, call: Callable[[], None]) -> None:
        """From any thread. ``call`` must not raise. After the loop has closed there is nobody left to tell."""
        self._calls.append(call)
        if not self._woken:
            self._woken = True
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._carry_out)

    def _carry_out(self) -> None:
        self._woken = False  # before the look at the queue: who comes after it wakes the loop again
        while self._calls:
            self._calls.popleft()()
