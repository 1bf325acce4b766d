"""Clients that count on a server that crashes: what was acknowledged must be there in the end."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Any

from shem.client import Client
from shem.client.retry import Retry
from shem.errors import ShemError

PATIENT = Retry(budget_s=120.0, first_contact_s=120.0, first_ms=10.0, longest_ms=50.0)
"""Clients outlive every restart of the server, and are back as soon as it is."""


class CountingLoad:
    """Threads that increment counters, repeating each request with its idempotency key until it is answered.

    Needs agents of a type ``Counter(name)`` with ``increment(by) -> value`` and ``value()``.

    Args:
        url: of the server.
        seed: of what is incremented when.
        clients: threads, each with connections of its own.
        counters: agents that they share.
    """

    def __init__(self, url: str, seed: int, *, clients: int = 8, counters: int = 20) -> None:
        self.agents = [f'Counter("load-{number}")' for number in range(counters)]
        self.acknowledged: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._url, self._seed = url, seed
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._drive, args=(number,)) for number in range(clients)]

    @property
    def total(self) -> int:
        """Increments acknowledged so far."""
        return sum(self.acknowledged.values())

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait_for_progress(self, more: int) -> None:
        """Until so many more increments are acknowledged, or a client has given up."""
        wanted = self.total + more
        while self.total < wanted and not self.wrong:
            time.sleep(0.001)

    def stop(self) -> None:
        """No new increments; returns when the last ones are answered."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def check(self, client: Client) -> dict[str, Any]:
        """Compare the counters with what was acknowledged; differences go to ``wrong``. Returns the values."""
        values = {agent: client.invoke(agent, "value").result for agent in self.agents}
        for agent, value in values.items():
            if value != self.acknowledged[agent]:
                self.wrong.append(
                    f"{agent} stands at {value}, {self.acknowledged[agent]} increments were acknowledged"
                )
        return values

    def _drive(self, number: int) -> None:
        chance = random.Random(self._seed * 1000 + number)
        with Client(self._url, retry=PATIENT) as client:
            while not self._stop.is_set():
                agent = chance.choice(self.agents)
                try:
                    client.invoke(agent, "increment", [1])
                except ShemError as error:
                    self.wrong.append(
                        f"{agent}: an increment was answered with {error.code}: {error.message}"
                    )
                    return
                with self._lock:
                    self.acknowledged[agent] += 1
