"""A server process over an executor in memory, for tests of how it starts and ends.

Usage: served.py willing|busy|failing|in-use
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from shem.errors import DataDirectoryInUse, StorageCorrupt
from shem.server.house import House
from shem.server.run import run_server
from shem.testing.rooms import FakeExecutor, FakeRegistry


class Executor(FakeExecutor):
    """Finishes what runs when it is told to stop, or never, when it is ``busy``."""

    def __init__(self, behaviour: str) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self._behaviour = behaviour

    async def start(self) -> None:
        if self._behaviour == "failing":
            raise StorageCorrupt("entry 7 is damaged")

    async def stop(self) -> None:
        print("stopping", flush=True)
        if self._behaviour == "busy":
            await asyncio.Event().wait()
        await super().stop()


def main() -> int:
    behaviour = sys.argv[1]

    def open_house(data: Path) -> House:
        if behaviour == "in-use":
            raise DataDirectoryInUse(f"{data} is held by process 1")
        return House(Executor(behaviour), FakeRegistry(), lambda: print("closed", flush=True))

    try:
        run_server(Path("data"), port=0, open_house=open_house)
    except (StorageCorrupt, DataDirectoryInUse) as error:
        print(error.code, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
