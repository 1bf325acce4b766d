"""A world for host functions: a recorder that replays, and a clock that moves when a guest waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import pytest

from shem.wasi.context import WasiContext
from shem.wasi.vfs import FileSystem, Quota, Tree

T = TypeVar("T")


@dataclass
class HandClock:
    """Moves only when it is told to, or when the guest waits."""

    wall: int = 1_700_000_000_000_000_000
    monotonic: int = 5_000_000_000
    reads: int = 0

    def wall_ns(self) -> int:
        self.reads += 1
        return self.wall

    def monotonic_ns(self) -> int:
        self.reads += 1
        return self.monotonic

    def pass_ns(self, ns: int) -> None:
        self.wall += ns
        self.monotonic += ns


@dataclass
class FakeDurability:
    """Records like an oplog; ``recorded`` is fed back first. Tuples come back as lists, as from any codec."""

    clock: HandClock
    recorded: list[tuple[str, Any, Any, int]] = field(default_factory=list)
    position: int = 0
    performed: int = 0
    logs: list[tuple[str, str, str]] = field(default_factory=list)
    now: int = 0

    @property
    def is_live(self) -> bool:
        return self.position == len(self.recorded)

    def local(self, function: str, request: object, perform: Callable[[], T]) -> T:
        asked = plain(request)
        if not self.is_live:
            recorded_function, recorded_request, answer, self.now = self.recorded[self.position]
            assert (function, asked) == (recorded_function, recorded_request), "divergence"
            self.position += 1
            return answer
        answer = perform()
        self.performed += 1
        self.now = self.clock.wall
        self.recorded.append((function, asked, plain(answer), self.now))
        self.position += 1
        return answer

    def log(self, level: str, context: str, message: str) -> None:
        self.logs.append((level, context, message))

    def now_ns(self) -> int:
        return self.now


def plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


class World:
    """One agent's life: ``ctx`` now, ``restart`` for the next process with the same oplog."""

    def __init__(self, mounts: Mapping[str, Tree], quota: Quota) -> None:
        self.mounts, self.quota = mounts, quota
        self.clock = HandClock()
        self.waits: list[int] = []
        self.entropy_seed = 0
        self.interrupt: BaseException | None = None
        self.durability = FakeDurability(self.clock)
        self.ctx = self._context()

    def _context(self) -> WasiContext:
        return WasiContext(
            durability=self.durability,
            clock=self.clock,
            entropy=self._entropy,
            wait=self._wait,
            environ=(("HOME", "/"),),
            arguments=("guest",),
            files=FileSystem(self.mounts, self.durability.now_ns, quota=self.quota),
        )

    def _entropy(self, count: int) -> bytes:
        self.entropy_seed += 1
        return bytes((self.entropy_seed * 31 + index) % 256 for index in range(count))

    def _wait(self, ns: int) -> None:
        if self.interrupt is not None:
            raise self.interrupt
        self.waits.append(ns)
        self.clock.pass_ns(ns)

    def restart(self, *, away_ns: int = 0, replay: bool = True, state: Any = None) -> WasiContext:
        """A new process: the monotonic clock of the machine starts anew, the wall clock has gone on."""
        self.clock = HandClock(wall=self.clock.wall + away_ns, monotonic=77)
        self.waits = []
        recorded = self.durability.recorded
        position = 0 if replay else len(recorded)
        self.durability = FakeDurability(
            self.clock, recorded, position, now=0 if replay else self.durability.now
        )
        self.ctx = self._context()
        if state is not None:
            self.ctx.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(state)))
        return self.ctx


@pytest.fixture(scope="session")
def make_world() -> Callable[..., World]:
    def make(mounts: Mapping[str, Tree] | None = None, quota: Quota | None = None) -> World:
        return World(mounts or {}, quota or Quota())

    return make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
