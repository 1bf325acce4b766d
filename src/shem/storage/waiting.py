"""Waiting for the outcome of a submission."""

from __future__ import annotations

import threading
from collections.abc import Callable

from shem.storage.protocol import Done


def wait(submit: Callable[[Done], None]) -> None:
    """Call ``submit`` with a callback and return when it was called; raises what it was called with."""
    finished = threading.Event()
    outcome: list[BaseException | None] = []

    def done(error: BaseException | None) -> None:
        outcome.append(error)
        finished.set()

    submit(done)
    finished.wait()
    if outcome[0] is not None:
        raise outcome[0]
