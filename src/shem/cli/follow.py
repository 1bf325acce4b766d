"""Deploying a directory again and again: what ``shem dev`` does next to the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

from shem.cli.application import deploy_directory, outcome
from shem.cli.failure import report
from shem.cli.output import note, print_json
from shem.cli.usage import describe
from shem.client import Client
from shem.errors import ShemError

SETTLE_MS = 100
"""Editors write a file in several steps; what comes within this time is one change."""


async def follow(to: Client, directory: Path, state: Path, json: bool) -> None:
    """Deploy ``directory`` now and after each change, until cancelled; ``state`` is not watched."""
    changes = awatch(directory, watch_filter=sources(state), step=SETTLE_MS, debounce=10 * SETTLE_MS)
    await deploy_at_each(changes, to, directory, json)


def sources(state: Path) -> Callable[[Change, str], bool]:
    """Whether a change is one of sources: not of what tools leave behind, nor of what is below ``state``."""
    of_people = DefaultFilter()

    def wanted(change: Change, path: str) -> bool:
        return of_people(change, path) and not Path(path).resolve().is_relative_to(state)

    return wanted


async def deploy_at_each(changes: AsyncIterator[object], to: Client, directory: Path, json: bool) -> None:
    """Deploy now and after ``changes``; those that come during a deployment make one more."""
    changed = asyncio.Event()

    async def watch() -> None:
        async for _ in changes:
            changed.set()

    async def deploy() -> None:
        while True:
            changed.clear()
            await asyncio.to_thread(deploy_once, to, directory, json)
            await changed.wait()

    async with asyncio.TaskGroup() as both:
        # The watcher first: a change during the first deployment must not be missed.
        both.create_task(watch())
        both.create_task(deploy())


def deploy_once(to: Client, directory: Path, json: bool) -> None:
    """One deployment; a refusal is told on stderr, and the version before it stays."""
    try:
        version = deploy_directory(to, directory)
    except ShemError as error:
        report(error)
        note("waiting for a change; the version before stays")
        return
    if json:
        print_json(version)
    note(outcome(version))
    if not version.unchanged:
        for agent_type in version.agent_types:
            for line in describe(agent_type):
                note(line)
