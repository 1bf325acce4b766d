"""A process killed at any moment: what it acknowledged is there afterwards, and nothing is there by half."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from storage_writer_process import AGENTS, entries

from shem.storage.blobs import INCOMING, DirectoryBlobStore
from shem.storage.protocol import Storage
from shem.storage.sqlite import SqliteStorage

PROGRAM = Path(__file__).with_name("storage_writer_process.py")


@pytest.mark.parametrize(
    ("kills", "seed"),
    [(20, 20261122), pytest.param(1000, 7, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
)
def test_what_was_acknowledged_survives_sigkill_and_nothing_is_half_done(
    tmp_path: Path, kills: int, seed: int
) -> None:
    moments = random.Random(seed)
    acknowledged: dict[int, int] = {}
    blobs: set[str] = set()
    for _ in range(kills):
        for line in killed_after_lines(tmp_path, moments.randrange(1, 400)):
            match line.split():
                case [b"ack", agent, number]:
                    acknowledged[int(agent)] = max(int(number), acknowledged.get(int(agent), 0))
                case [b"blob", hash]:
                    blobs.add(hash.decode())
        if moments.random() < 0.5:  # else the next writer is the one who finds what the killed one left
            check(tmp_path, acknowledged, blobs)
    check(tmp_path, acknowledged, blobs)
    assert len(acknowledged) == AGENTS
    assert blobs


def killed_after_lines(directory: Path, lines: int) -> list[bytes]:
    """What the writer printed up to its death, which comes after about so many lines."""
    with subprocess.Popen([sys.executable, str(PROGRAM), str(directory)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        printed = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        printed += process.stdout.read().splitlines()
        assert process.wait(30) == -9, "the writer ended by itself"
    return printed


def check(directory: Path, acknowledged: dict[int, int], blobs: set[str]) -> None:
    storage = SqliteStorage(directory / "data")
    try:
        for agent, number in acknowledged.items():
            check_agent(storage, agent, number)
    finally:
        storage.close()
    store = DirectoryBlobStore(directory / "blobs")
    for hash in blobs:
        assert store.get(hash)
    assert list((directory / "blobs" / INCOMING).iterdir()) == []


def check_agent(storage: Storage, agent: int, acknowledged: int) -> None:
    last = storage.oplog_end(agent) // 3
    assert acknowledged <= last <= acknowledged + 1, "one list of an agent is under way at a time"
    whole = [entry for number in range(1, last + 1) for entry in entries(agent, number)]
    assert [entry for _, entry in storage.oplog(agent)] == whole
    assert [row.key for row in storage.inbox(agent)] == [str(last)]
    assert storage.result(agent, str(last - 1)) == 3 * last
    assert storage.result(agent, str(last)) is None
