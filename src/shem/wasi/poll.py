"""``wasi:io/poll``: waiting, for any kind of thing that can be waited for.

Which pollables a guest found ready, and in which order, is what it *observed*: ``poll`` records that list and
nothing else. Whether a pollable is ready can often be told from the agent's state alone (a file is always
ready, a deadline that the guest has seen pass stays passed); a call that has nothing else to ask is neither
recorded nor waits.

A room that has something to wait for (a promise, an HTTP response) adds a subclass of ``Pollable``, and its
pollables mix with all others in one call.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from shem.wasi.context import WasiContext
from shem.wasi.version import VERSION
from shem.wasm.errors import Trap
from shem.wasm.host import HostInterface

POLL = HostInterface(f"wasi:io/poll@{VERSION}")

WAIT_MAX_NS = 3_600_000_000_000
"""Longest single wait, one hour: what has no deadline of its own is looked at again then, woken or not."""


class Pollable(ABC):
    """The resource ``pollable``.

    Attributes:
        kind: name of the subclass in captured data, given as a class argument.
    """

    __slots__ = ()
    kind: ClassVar[str]
    kinds: ClassVar[dict[str, type[Pollable]]] = {}

    def __init_subclass__(cls, kind: str) -> None:
        cls.kind = kind
        cls.kinds[kind] = cls

    def is_settled(self, _ctx: WasiContext) -> bool:
        """Whether the agent's state alone says that it is ready, and will stay so."""
        return False

    @abstractmethod
    def is_ready(self, ctx: WasiContext) -> bool:
        """Whether it is ready now. Only asked while live; the answer gets recorded."""

    def wakes_at_ns(self) -> int | None:
        """The agent's monotonic time at which it becomes ready by itself; None when that takes an event."""
        return None

    @abstractmethod
    def observed(self, ctx: WasiContext) -> None:
        """The guest learns that it is ready: update the state, live and in replay alike."""

    @abstractmethod
    def describe(self) -> object:
        """What it waits for, as a plain value that is the same in replay."""

    @abstractmethod
    def capture(self) -> Any:
        """Plain data for ``restore``; raises ``NotCapturable`` for what cannot be put away."""

    @classmethod
    @abstractmethod
    def restore(cls, ctx: WasiContext, data: Any) -> Pollable:
        """The inverse of ``capture``."""


class Ready(Pollable, kind="ready"):
    """Always ready: files, standard output, what has ended."""

    __slots__ = ()

    def is_settled(self, _ctx: WasiContext) -> bool:
        return True

    def is_ready(self, _ctx: WasiContext) -> bool:
        return True

    def observed(self, _ctx: WasiContext) -> None:
        """Nothing changes by it."""

    def describe(self) -> object:
        return "ready"

    def capture(self) -> None:
        return None

    @classmethod
    def restore(cls, _ctx: WasiContext, _data: Any) -> Ready:
        return READY


READY = Ready()


class Deadline(Pollable, kind="deadline"):
    """Ready from a moment of the agent's monotonic time on."""

    __slots__ = ("at_ns",)

    def __init__(self, at_ns: int) -> None:
        self.at_ns = at_ns

    def is_settled(self, ctx: WasiContext) -> bool:
        return ctx.monotonic.seen_ns >= self.at_ns

    def is_ready(self, ctx: WasiContext) -> bool:
        return ctx.monotonic.read_ns() >= self.at_ns

    def wakes_at_ns(self) -> int:
        return self.at_ns

    def observed(self, ctx: WasiContext) -> None:
        ctx.monotonic.saw(self.at_ns)

    def describe(self) -> object:
        return self.at_ns

    def capture(self) -> int:
        return self.at_ns

    @classmethod
    def restore(cls, _ctx: WasiContext, data: int) -> Deadline:
        return cls(data)


def _capture(_ctx: WasiContext, pollable: Pollable) -> list[Any]:
    return [pollable.kind, pollable.capture()]


def _restore(ctx: WasiContext, data: list[Any]) -> Pollable:
    kind, state = data
    return Pollable.kinds[kind].restore(ctx, state)


POLL.resource("pollable", capture=_capture, restore=_restore)


@POLL.function("[method]pollable.ready")
def is_ready(ctx: WasiContext, pollable: Pollable) -> bool:
    if pollable.is_settled(ctx):
        return True
    ready: bool = ctx.durability.local(
        "wasi:io/poll.pollable.ready", pollable.describe(), lambda: pollable.is_ready(ctx)
    )
    if ready:
        pollable.observed(ctx)
    return ready


@POLL.function("[method]pollable.block")
def block(ctx: WasiContext, pollable: Pollable) -> None:
    poll(ctx, (pollable,))


@POLL.function("poll")
def poll(ctx: WasiContext, pollables: Sequence[Pollable]) -> list[int]:
    """Wait until one is ready; the indices of all that are then.

    Raises:
        Trap: the list is empty.
    """
    if not pollables:
        raise Trap("poll was called with an empty list")
    settled = [index for index, pollable in enumerate(pollables) if pollable.is_settled(ctx)]
    if len(settled) == len(pollables):
        return settled
    ready: list[int] = ctx.durability.local(
        "wasi:io/poll.poll", [pollable.describe() for pollable in pollables], lambda: _wait(ctx, pollables)
    )
    for index in ready:
        pollables[index].observed(ctx)
    return ready


def _wait(ctx: WasiContext, pollables: Sequence[Pollable]) -> list[int]:
    while True:
        ready = [index for index, pollable in enumerate(pollables) if pollable.is_ready(ctx)]
        if ready:
            return ready
        deadlines = [at_ns for pollable in pollables if (at_ns := pollable.wakes_at_ns()) is not None]
        ctx.wait(
            min(WAIT_MAX_NS, max(0, min(deadlines) - ctx.monotonic.read_ns())) if deadlines else WAIT_MAX_NS
        )
