"""A replayed agent is the live one: the same answers, and a machine that is the same byte for byte.

Real Python agents do what hypothesis thinks of: they compute, look at clocks and random numbers, write files,
print, wait and fail. Their oplog is then replayed into a fresh machine, by a host whose clock and randomness
are other ones.
"""

from __future__ import annotations

import os
import textwrap
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shem.agent import values
from shem.agent.execution import Agent, Execution, Surroundings
from shem.agent.schema import read_agent_types
from shem.agent.version import Version
from shem.build.archive import archive
from shem.build.runtime import python_runtime
from shem.clock import SystemClock
from shem.golem.guest import DataValue
from shem.oplog import codec
from shem.oplog.entries import AgentMode, Entry
from shem.registry.versions import Recipe, Versions
from shem.server.compose import cache_directory
from shem.storage.memory import MemoryBlobStore
from shem.storage.protocol import VersionRow
from shem.wasm.engine import Engine

SOURCE = """
import asyncio, datetime, os, random, secrets, sys, tempfile, time, uuid
from shem_sdk import agent

@agent
class Probe:
    def __init__(self, name: str) -> None:
        self.seen = [name, random.random()]

    def add(self, number: int) -> int:
        self.seen.append(number)
        return len(self.seen)

    def look(self) -> str:
        self.seen.append((time.time(), time.monotonic(), datetime.datetime.now().isoformat()))
        return repr(self.seen[-1])

    def roll(self, count: int) -> str:
        self.seen.append((uuid.uuid4(), secrets.token_hex(count), [random.randrange(99) for _ in range(count)]))
        return repr(self.seen[-1])

    def keep(self, name: str, text: str) -> list[str]:
        with open("/" + name, "a") as file:
            file.write(text)
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(text.encode())
        return [f"{entry.name} {entry.stat().st_size} {entry.stat().st_mtime_ns}"
                for entry in sorted(os.scandir("/"), key=lambda entry: entry.name) if entry.is_file()]

    def say(self, text: str) -> None:
        print(text)
        print(text, end="", file=sys.stderr)

    def fail(self, text: str) -> None:
        self.seen.append("failing")
        raise ValueError(text)

    async def wait(self, count: int) -> float:
        started = time.monotonic()
        await asyncio.gather(*(asyncio.sleep(0.001 * number) for number in range(count)))
        return time.monotonic() - started
"""

SURELY = 10_000_000_000
names = st.sampled_from(["a", "b"])
texts = st.text(alphabet="xyz\nö", max_size=20)
steps = st.one_of(
    st.tuples(st.just("add"), st.tuples(st.integers(-SURELY, SURELY))),
    st.tuples(st.just("look"), st.just(())),
    st.tuples(st.just("roll"), st.tuples(st.integers(0, 3))),
    st.tuples(st.just("keep"), st.tuples(names, texts)),
    st.tuples(st.just("say"), st.tuples(texts)),
    st.tuples(st.just("fail"), st.tuples(texts)),
    st.tuples(st.just("wait"), st.tuples(st.integers(0, 3))),
)
Step = tuple[str, tuple[Any, ...]]


class OtherClock:
    """Nobody's time: a replay that asked it would show."""

    def wall_ns(self) -> int:
        return 1

    def monotonic_ns(self) -> int:
        return 1


@dataclass
class World:
    version: Version
    blobs: MemoryBlobStore

    def execution(self, recorded: list[tuple[int, Entry]], *, live: bool = True) -> Execution:
        surroundings = Surroundings(
            clock=SystemClock() if live else OtherClock(),
            entropy=os.urandom if live else lambda size: b"\1" * size,
            blobs=self.blobs,
            wait=_wait,
        )
        agent_type = self.version.agent_types["Probe"]
        parameters = values.to_data_value(agent_type.constructor, ["p"])
        agent = Agent(1, 1, "Probe", 'Probe("p")', AgentMode.DURABLE, parameters, ())
        return Execution(self.version, agent, recorded, len(recorded), surroundings)

    def arguments(self, step: Step) -> DataValue:
        return values.arguments(self.version.agent_types["Probe"], step[0], step[1])


def _wait(unwind: threading.Event, timeout_ns: int) -> None:
    unwind.wait(timeout_ns / 1e9)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    blobs = MemoryBlobStore()
    runtime = python_runtime(cache_directory() / "runtime")
    recipe = Recipe(
        name="probe",
        wasm=blobs.put(runtime.wasm),
        library=blobs.put(runtime.library),
        files=blobs.put(archive({"probe.py": textwrap.dedent(SOURCE).encode()})),
        agents=("probe",),
    )
    versions = Versions(blobs, Engine(cache_directory() / "compiled"), tmp_path_factory.mktemp("images"))
    types = read_agent_types(versions.discover(recipe, 1_800_000_000_000_000_000, lambda line: None))
    row = VersionRow(
        component="c",
        version=0,
        wasm=recipe.wasm,
        files=recipe.files,
        manifest=msgspec.json.encode(recipe),
        agent_types=b"[]",
        created_at_ns=1_800_000_000_000_000_000,
    )
    return World(versions.ready(row, types), blobs)


def lived(world: World, program: list[Step]) -> tuple[Execution, list[Entry]]:
    """A live agent after a program, and its oplog."""
    execution = world.execution([])
    assert execution.create() == ("ok", None)
    for number, step in enumerate(program):
        tag, _ = execution.invoke(str(number), step[0], world.arguments(step)).result
        assert tag == ("err" if step[0] == "fail" else "ok")
    return execution, execution.journal.drain()[1]


def machine(execution: Execution, path: Path) -> tuple[Any, bytes]:
    """All that an agent is: memory, globals, handles, files, clock."""
    image = execution._instance.capture(execution.context.capture())
    image.save(path)
    return image.metadata, path.read_bytes()


def stored(entries: list[Entry]) -> list[tuple[int, Entry]]:
    """The oplog as it comes back from the storage."""
    return [(index, codec.decode(codec.encode(entry), index)) for index, entry in enumerate(entries, 1)]


several = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@several
@given(st.lists(steps, max_size=10))
def test_a_replayed_agent_is_the_live_one_byte_for_byte(
    world: World, tmp_path: Path, program: list[Step]
) -> None:
    live, entries = lived(world, program)
    replayed = world.execution(stored(entries), live=False)
    assert replayed.recover() is None
    assert replayed.journal.is_live
    assert replayed.journal.drain()[1] == []
    expected, expected_bytes = machine(live, tmp_path / "live")
    got, got_bytes = machine(replayed, tmp_path / "replayed")
    assert got == expected
    assert got_bytes == expected_bytes
    live.close()
    replayed.close()


@several
@given(st.lists(steps, min_size=1, max_size=6), st.integers(0, 999))
def test_an_agent_that_is_cut_off_at_any_entry_goes_on_from_there(
    world: World, program: list[Step], per_mille: int
) -> None:
    live, entries = lived(world, program)
    live.close()
    cut = (
        1 + per_mille * len(entries) // 1000
    )  # how many entries waiting makes depends on the machine's clock
    recovered = world.execution(stored(entries[:cut]))
    completed = recovered.recover()
    assert recovered.journal.end >= cut
    done = len([entry for entry in entries[:cut] if entry.kind == "agent-invocation-finished"])
    begun = len([entry for entry in entries[:cut] if entry.kind == "agent-invocation-started"])
    assert (completed is not None) is (begun > done), "exactly the invocation that was under way is completed"
    for number in range(max(begun - 1, 0), len(program)):
        step = program[number]
        recovered.invoke(str(number), step[0], world.arguments(step))
    _, rest = recovered.journal.drain()
    whole = world.execution(stored([*entries[:cut], *rest]), live=False)
    assert whole.recover() is None, "what was recovered and went on is a history like any other"
    recovered.close()
    whole.close()
