"""Saying things about a storage shortly."""

from __future__ import annotations

import threading
from functools import partial

from shem.storage.protocol import AgentRow, ComponentRow, Op, PutAgent, PutComponent, Storage


class World:
    """A storage with a few ways to say things shortly."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        environment = storage.environment("default", "default")
        assert environment is not None
        self.environment = environment

    def row(self, name: str, **changes: object) -> AgentRow:
        fields: dict[str, object] = {
            "agent": self.storage.next_agent(),
            "environment": self.environment,
            "component": "c0ffee",
            "type": "Counter",
            "name": name,
            "mode": "durable",
            "version": 0,
            "status": "idle",
            "created_at_ns": 1_700_000_000_123_456_789,
        }
        return AgentRow(**(fields | changes))  # type: ignore[arg-type]  # tests name the fields

    def agent(self, name: str, **changes: object) -> int:
        row = self.row(name, **changes)
        self.storage.commit([PutAgent(row=row)])
        return row.agent

    def component(self, name: str) -> str:
        row = ComponentRow(
            component=f"id-of-{name}", environment=self.environment, name=name, created_at_ns=5
        )
        self.storage.commit([PutComponent(row=row)])
        return row.component

    def submit(self, *lists: list[Op]) -> list[BaseException | None]:
        """Submit all lists so that they wait together; their outcomes, in the order of submission."""
        outcomes: dict[int, BaseException | None] = {}
        all_done = threading.Event()

        def done(number: int, error: BaseException | None) -> None:
            assert number not in outcomes, "done was called twice"
            outcomes[number] = error
            if len(outcomes) == len(lists):
                all_done.set()

        gate = threading.Event()

        def hold(_: BaseException | None) -> None:
            gate.wait(30)

        self.storage.submit([], hold)
        for number, ops in enumerate(lists):
            self.storage.submit(ops, partial(done, number))
        gate.set()
        assert all_done.wait(30)
        return [outcomes[number] for number in range(len(lists))]
