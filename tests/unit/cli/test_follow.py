"""``shem dev`` deploys at once and at every change, goes on after an error, and misses nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from watchfiles import Change

from shem.cli import follow
from shem.client import Client
from shem.errors import BadComponent
from shem.testing.rooms import Server
from shem.views import VersionView


class Directory:
    """A directory that changes during each of its first ``changes`` deployments, and never again."""

    def __init__(self, changes: int, *, broken_at: frozenset[int] = frozenset()) -> None:
        self.server = Server()
        self.deployments = 0
        self._changes, self._broken_at = changes, broken_at
        self._changed: asyncio.Queue[None] = asyncio.Queue()
        self._quiet = asyncio.Event()

    async def changes(self) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        while True:
            await self._changed.get()
            yield None

    def deploy(self, to: Client, directory: Path) -> VersionView:
        number = self.deployments
        self.deployments += 1
        if number < self._changes:
            self._loop.call_soon_threadsafe(self._changed.put_nowait, None)
        try:
            if number in self._broken_at:
                raise BadComponent("invalid syntax", file="counter.py", line=number)
            return to.deploy("counter", b"%d" % number)
        finally:
            if number == self._changes:
                self._loop.call_soon_threadsafe(self._quiet.set)

    async def follow(self) -> None:
        """Until it is quiet."""
        with Client("http://shem", http=self.server) as to:
            following = asyncio.create_task(follow.deploy_at_each(self.changes(), to, Path(), json=False))
            await self._quiet.wait()
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following


def test_a_change_during_a_deployment_makes_another(monkeypatch: pytest.MonkeyPatch) -> None:
    directory = Directory(changes=3)
    monkeypatch.setattr(follow, "deploy_directory", directory.deploy)
    asyncio.run(asyncio.wait_for(directory.follow(), timeout=30))
    assert [manifest for _, manifest, _, _ in directory.server.registry.deployed] == [b"0", b"1", b"2", b"3"]


def test_what_cannot_be_deployed_is_told_and_the_next_change_is_deployed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = Directory(changes=2, broken_at=frozenset({0, 1}))
    monkeypatch.setattr(follow, "deploy_directory", directory.deploy)
    asyncio.run(asyncio.wait_for(directory.follow(), timeout=30))
    assert [manifest for _, manifest, _, _ in directory.server.registry.deployed] == [b"2"]
    told = capsys.readouterr().err
    assert "error[bad-component] invalid syntax (counter.py:1)" in told
    assert "the version before stays" in told
    assert "counter version 0 is deployed" in told


def test_the_server_s_own_state_is_no_source_but_what_is_named_alike_is(tmp_path: Path) -> None:
    wanted = follow.sources(tmp_path / "state")
    for name, expected in (
        ("state/shem.db", False),
        ("state", False),
        ("state_machine.py", True),
        ("pack/a.py", True),
        ("__pycache__/a.pyc", False),
        ("a.py~", False),
    ):
        assert wanted(Change.modified, str(tmp_path / name)) is expected, name
