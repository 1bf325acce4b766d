"""The process that test_storage_kill.py kills: writes for ever and prints what is acknowledged.

A line is ``ack AGENT NUMBER`` (list NUMBER of AGENT is durable) or ``blob HASH``. It goes out with one
``write``, so it is whole or absent.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import partial
from pathlib import Path

from shem.storage.blobs import DirectoryBlobStore
from shem.storage.protocol import AgentRow, AppendOplog, Op, PutAgent, PutInbox, PutResult, TakeInbox
from shem.storage.sqlite import SqliteStorage

AGENTS = 8


def entries(agent: int, number: int) -> list[bytes]:
    """Three entries of list ``number``, one of them several pages long."""
    return [b"%d:%d:%d" % (agent, number, part) * (1 if part else 1 + number % 500) for part in range(3)]


def blob(agent: int, number: int) -> bytes:
    return b"blob %d %d" % (agent, number) * 1000


def operations(agent: int, number: int) -> list[Op]:
    """List ``number`` = 1, 2 ... of an agent: takes key number-1 out of the inbox, and puts key number in."""
    return [
        AppendOplog(agent=agent, start=3 * number - 2, entries=entries(agent, number)),
        PutResult(agent=agent, key=str(number - 1), index=3 * number),
        TakeInbox(agent=agent, key=str(number - 1)),
        PutInbox(agent=agent, key=str(number), payload=b"%d" % number),
    ]


def main(directory: Path) -> None:
    storage = SqliteStorage(directory / "data")
    blobs = DirectoryBlobStore(directory / "blobs")
    environment = storage.environment("default", "default")
    assert environment is not None

    def acknowledged(agent: int, number: int, error: BaseException | None) -> None:
        if error is not None:
            os.write(2, f"list {number} of {agent}: {error!r}\n".encode())
            os._exit(1)
        os.write(1, b"ack %d %d\n" % (agent, number))
        storage.submit(operations(agent, number + 1), partial(acknowledged, agent, number + 1))

    for slot in range(AGENTS):
        row = storage.agent_named(environment, f"agent {slot}")
        if row is None:
            row = AgentRow(
                agent=storage.next_agent(),
                environment=environment,
                component="c",
                type="T",
                name=f"agent {slot}",
                mode="durable",
                version=0,
                status="running",
                created_at_ns=0,
            )
            storage.commit([PutAgent(row=row)])
        number = storage.oplog_end(row.agent) // 3 + 1
        if number > 1:  # what the writer before did not live to acknowledge is durable all the same
            os.write(1, b"ack %d %d\n" % (row.agent, number - 1))
        storage.submit(operations(row.agent, number), partial(acknowledged, row.agent, number))
    number = 0
    while threading.main_thread().is_alive():
        number += 1
        hash = blobs.put(blob(os.getpid(), number))
        os.write(1, f"blob {hash}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
