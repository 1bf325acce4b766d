"""A full disk refuses work; it loses nothing, and work goes on when there is space again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.conftest import EXAMPLES, deploy

from shem.client import Client
from shem.client.retry import Retry
from shem.errors import StorageFull
from shem.testing import ServerProcess

SIZE_MB = 128
"""Room for the Python runtime, its base images and some thousand invocations."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of ``SIZE_MB`` of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "shem-test", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root, which CI has")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte free."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        block = bytes(1 << 20)
        while block:
            try:
                file.write(block)
            except OSError:
                block = block[: len(block) // 2]
    return ballast


def test_a_full_disk_refuses_work_and_work_goes_on_when_space_returns(small_disk: Path) -> None:
    with ServerProcess(small_disk / "data") as server, Client(server.url, retry=Retry(budget_s=0)) as client:
        deploy(client, EXAMPLES / "counter")
        acknowledged = 0
        for _ in range(20):
            acknowledged = client.invoke('Counter("full")', "increment", [1]).result
        ballast = fill(small_disk)
        refused = 0
        for attempt in range(5_000):
            try:
                acknowledged = client.invoke(
                    'Counter("full")', "increment", [1], key=f"full-{attempt}"
                ).result
            except StorageFull:
                refused += 1
                if refused == 3:
                    break
        assert refused == 3, "the disk was never full"
        with pytest.raises(StorageFull):
            client.invoke('Counter("new")', "increment", [1])
        os.unlink(ballast)
        assert client.invoke('Counter("full")', "value").result == acknowledged
        assert client.invoke('Counter("full")', "increment", [1]).result == acknowledged + 1
        assert client.invoke('Counter("new")', "increment", [1]).result == 1
        server.kill()
        server.start()
        assert client.invoke('Counter("full")', "value").result == acknowledged + 1
