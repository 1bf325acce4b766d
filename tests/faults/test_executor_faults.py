"""Whatever the storage does at whatever call: an invocation that is repeated until it is answered happens once.

The same program of requests runs against a storage that fails at its n-th call, for every n and in every way: the
call does not happen, happens without anybody hearing of it, or is the last thing that the process does. The client
repeats what is not answered; after a crash a new executor goes on with what the old one left.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shem.agent import recorder
from shem.build.application import package
from shem.clock import SystemClock
from shem.errors import ShemError
from shem.executor.executor import Executor, Mode
from shem.executor.history import History
from shem.executor.turn import Turns
from shem.executor.workers import Workers
from shem.registry.artifacts import Artifacts
from shem.registry.registry import Registry
from shem.registry.versions import Versions
from shem.server.compose import cache_directory
from shem.storage.faulty import Fault, FaultPlan, FaultyStorage, Kind
from shem.storage.memory import MemoryBlobStore, MemoryStorage
from shem.storage.protocol import Storage
from shem.wasm.engine import Engine

COUNTER = Path(__file__).parents[2] / "examples" / "counter"
ATTEMPTS = 40


@dataclass(frozen=True)
class Request:
    agent: str
    method: str
    args: list[Any]
    key: str
    mode: Mode = "await"


PROGRAM = [
    Request('Counter("a")', "increment", [1], "k1"),
    Request('Counter("a")', "increment", [10], "k2", "trigger"),
    Request('Counter("a")', "observe", [], "k3"),
    Request('Counter("b")', "increment", [100], "k4", "trigger"),
    Request('Counter("a")', "increment", [1000], "k5"),
    Request('Counter("a")', "increment", [1000], "k5"),
]


@dataclass(frozen=True)
class World:
    """What outlives a crash, but for the storage: the deployed application."""

    registry: Registry
    blobs: MemoryBlobStore


@pytest.fixture(autouse=True, params=[1, recorder.UNWRITTEN_MAX])
def unwritten_max(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many entries wait for a commit: with 1, an invocation is interrupted after each thing it observes."""
    monkeypatch.setattr(recorder, "UNWRITTEN_MAX", request.param)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    storage, blobs, clock = MemoryStorage(), MemoryBlobStore(), SystemClock()
    versions = Versions(blobs, Engine(cache_directory() / "compiled"), tmp_path_factory.mktemp("images"))
    registry = Registry(storage, versions, Artifacts(blobs, cache_directory() / "runtime"), clock)
    built = package(COUNTER)
    env = _executor(World(registry, blobs), storage).environment("default", "default")
    asyncio.run(registry.deploy(env, built.name, built.manifest, built.wasm, built.files))
    yield World(registry, blobs)
    storage.close()


def _executor(world: World, storage: Storage) -> Executor:
    workers = Workers(active=2)

    def wait(unwind: threading.Event, timeout_ns: int) -> None:
        with workers.lent():
            unwind.wait(timeout_ns / 1e9)

    turns = Turns(
        storage=storage,
        blobs=world.blobs,
        clock=SystemClock(),
        entropy=os.urandom,
        wait=wait,
        types=world.registry.types,
        versions=world.registry.ready,
        history=History(storage, world.blobs, world.registry),
    )
    return Executor(storage, world.registry, turns, workers)


async def _send(executor: Executor, request: Request) -> Any:
    """One attempt; its result."""
    env = executor.environment("default", "default")
    answer = await executor.invoke(
        env, request.agent, request.method, request.args, key=request.key, mode=request.mode
    )
    return answer.result


async def _tell(world: World, plan: FaultPlan) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the program under a plan of faults: what was answered, and what the agents say in the end."""
    inner = MemoryStorage()
    executor = _executor(world, FaultyStorage(inner, plan))
    answered: dict[str, Any] = {}
    crashed = not await _started(executor, plan)
    if crashed:
        executor = _executor(world, inner)
        await executor.start()
    for request in PROGRAM:
        for _ in range(ATTEMPTS):
            if plan.crashed.is_set() and not crashed:
                crashed = True
                await executor.stop()
                executor = _executor(world, inner)
                await executor.start()
            try:
                result = await _send(executor, request)
            except ShemError as error:
                if not error.retryable:
                    raise
                continue
            if request.key in answered:
                assert answered[request.key] == result, "a repeated request has the same answer"
            answered[request.key] = result
            break
        else:
            raise AssertionError(f"{request} was not answered in {ATTEMPTS} attempts")
    await executor.stop()
    final = _executor(world, inner)
    await final.start()
    told = {
        "a": await _send(final, Request('Counter("a")', "value", [], "end-a")),
        "b": await _send(final, Request('Counter("b")', "value", [], "end-b")),
        "observed": await _send(final, Request('Counter("a")', "observed", [], "end-o")),
    }
    await final.stop()
    inner.close()
    return answered, told


async def _started(executor: Executor, plan: FaultPlan) -> bool:
    """Start, as often as it takes; False when the process has died of it."""
    for _ in range(ATTEMPTS):
        try:
            await executor.start()
            return True
        except ShemError as error:
            if not error.retryable:
                raise
            if plan.crashed.is_set():
                await executor.stop()
                return False
    raise AssertionError("the executor did not start")


def _check(answered: dict[str, Any], told: dict[str, Any]) -> None:
    assert answered["k1"] == 1
    assert answered["k5"] == 1011
    assert (told["a"], told["b"]) == (1011, 100)
    assert told["observed"] == answered["k3"]
    assert len(told["observed"]) == 1


def _calls(world: World) -> FaultPlan:
    plan = FaultPlan()
    _check(*asyncio.run(_tell(world, plan)))
    return plan


@pytest.mark.parametrize("kind", [Kind.FAIL, Kind.LOSE, Kind.CRASH_BEFORE, Kind.CRASH_AFTER])
def test_a_fault_at_any_write_loses_nothing_and_doubles_nothing(world: World, kind: Kind) -> None:
    writes = _calls(world).writes
    assert writes >= 6
    for number in range(1, writes + 1):
        _check(*asyncio.run(_tell(world, FaultPlan(writes={number: Fault(kind)}))))


@pytest.mark.parametrize("kind", [Kind.FAIL, Kind.CRASH_BEFORE])
def test_a_fault_at_any_read_loses_nothing_and_doubles_nothing(world: World, kind: Kind) -> None:
    reads = _calls(world).reads
    assert reads >= 10
    for number in range(1, reads + 1):
        _check(*asyncio.run(_tell(world, FaultPlan(reads={number: Fault(kind)}))))
