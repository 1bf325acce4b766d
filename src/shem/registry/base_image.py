"""The base image of a version: its machine right after the agent types were asked for.

For a Python application that is the moment when the interpreter runs and the user's modules are imported;
every agent of the version starts there. The image is a cache: it can be made again at any time and must
then be the same byte for byte, because agents' histories were recorded on top of it. So everything that
could differ is fixed here: the clock stands at the version's creation time and moves only when the guest
waits, random bytes are a stream keyed by what was deployed, and there is no network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TypeVar

from shem.wasi.context import WasiContext
from shem.wasi.vfs import FileSystem, Tree

T = TypeVar("T")


class StandingClock:
    """A clock that moves only when somebody waits on it."""

    def __init__(self, wall_ns: int) -> None:
        self._wall_ns = wall_ns

    def wall_ns(self) -> int:
        return self._wall_ns

    def monotonic_ns(self) -> int:
        return self._wall_ns

    def wait(self, timeout_ns: int) -> None:
        self._wall_ns += timeout_ns


class KeyedEntropy:
    """Random bytes that depend on nothing but the key: BLAKE2b in counter mode."""

    def __init__(self, key: bytes) -> None:
        self._key, self._block, self._left = hashlib.blake2b(key).digest(), 0, b""

    def __call__(self, size: int) -> bytes:
        while len(self._left) < size:
            self._left += hashlib.blake2b(self._block.to_bytes(8, "little"), key=self._key).digest()
            self._block += 1
        taken, self._left = self._left[:size], self._left[size:]
        return taken


class Unrecorded:
    """A durability seam that records nothing: what happens here happens the same way every time."""

    is_live = True

    def __init__(self, clock: StandingClock, output: Callable[[str], None]) -> None:
        self._clock, self._output = clock, output

    def local(self, function: str, request: object, perform: Callable[[], T]) -> T:
        return perform()

    def log(self, level: str, context: str, message: str) -> None:
        self._output(message)

    def now_ns(self) -> int:
        return self._clock.wall_ns()


def preparing_context(
    *,
    created_at_ns: int,
    key: str,
    mounts: Mapping[str, Tree],
    environ: Mapping[str, str],
    output: Callable[[str], None],
) -> WasiContext:
    """The world in which a base image is made.

    Args:
        created_at_ns: when the version was deployed; what the guest's clocks show.
        key: of the random stream.
        mounts, environ: as for the version's agents.
        output: gets each line that the guest writes.
    """
    clock = StandingClock(created_at_ns)
    durability = Unrecorded(clock, output)
    return WasiContext(
        durability=durability,
        clock=clock,
        entropy=KeyedEntropy(key.encode()),
        wait=clock.wait,
        environ=tuple(environ.items()),
        arguments=(),
        files=FileSystem(mounts, durability.now_ns),
    )
