"""``wasi:io/streams``: the interface, over streams of any kind.

A kind of stream is a subclass of ``InputStream`` or ``OutputStream``, with a few methods that never block;
the sixteen functions of the interface, with their blocking forms, are made of those here, once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from shem.wasi.context import WasiContext
from shem.wasi.io_error import IoError
from shem.wasi.poll import READY, Pollable, block
from shem.wasi.version import VERSION
from shem.wasm.errors import Trap
from shem.wasm.host import HostInterface

STREAMS = HostInterface(f"wasi:io/streams@{VERSION}")

READ_MAX_BYTES = 1 << 20
"""Most that one read gives; a guest that asks for more (up to 2^64) asks again."""

WRITE_MAX_BYTES = 1 << 20
"""What ``check-write`` permits for a stream that is always ready."""

BLOCKING_WRITE_MAX_BYTES = 4096
"""Most that the blocking forms of write take, by the interface's definition."""


class StreamClosed(Exception):
    """The stream has ended."""


class StreamFailed(Exception):
    """The operation failed."""

    def __init__(self, error: IoError) -> None:
        super().__init__(error.message)
        self.error = error


class _Stream(ABC):
    """What both directions have in common.

    Attributes:
        kind: name of the subclass in captured data, given as a class argument.
    """

    __slots__ = ()
    kind: ClassVar[str]

    def subscribe(self, _ctx: WasiContext) -> Pollable:
        """Ready when reading or writing gets on."""
        return READY

    @abstractmethod
    def drop(self, ctx: WasiContext) -> None:
        """The guest closes it: release what it holds."""

    @abstractmethod
    def capture(self) -> Any:
        """Plain data for ``restore``; raises ``NotCapturable`` for what cannot be put away."""

    @classmethod
    @abstractmethod
    def restore(cls, ctx: WasiContext, data: Any) -> Any:
        """The inverse of ``capture``."""


class InputStream(_Stream):
    """The resource ``input-stream``."""

    __slots__ = ()
    kinds: ClassVar[dict[str, type[InputStream]]] = {}

    def __init_subclass__(cls, kind: str) -> None:
        cls.kind = kind
        cls.kinds[kind] = cls

    @abstractmethod
    def read(self, ctx: WasiContext, length: int) -> bytes:
        """Up to ``length`` bytes (at most ``READ_MAX_BYTES``); empty when there are none yet.

        Raises:
            StreamClosed: there are none any more.
            StreamFailed: reading failed.
        """


class OutputStream(_Stream):
    """The resource ``output-stream``."""

    __slots__ = ()
    kinds: ClassVar[dict[str, type[OutputStream]]] = {}

    def __init_subclass__(cls, kind: str) -> None:
        cls.kind = kind
        cls.kinds[kind] = cls

    def permit(self, _ctx: WasiContext) -> int:
        """Bytes that ``write`` takes now, 0 when it has to wait.

        Raises:
            StreamClosed, StreamFailed: nothing can be written any more.
        """
        return WRITE_MAX_BYTES

    @abstractmethod
    def write(self, ctx: WasiContext, data: bytes) -> None:
        """Take all of ``data``, no more than ``permit`` gave.

        Raises:
            StreamClosed, StreamFailed: it was not written.
        """

    def flush(self, ctx: WasiContext) -> None:
        """Begin to hand on what was written; ``permit`` is 0 until that is done.

        Raises:
            StreamClosed, StreamFailed: what was written before could not be handed on.
        """
        self.permit(ctx)


def _refusal(error: StreamClosed | StreamFailed) -> tuple[str, Any]:
    if isinstance(error, StreamFailed):
        return "err", ("last-operation-failed", error.error)
    return "err", ("closed", None)


def _drop(ctx: WasiContext, stream: InputStream | OutputStream) -> None:
    stream.drop(ctx)


def _capture(_ctx: WasiContext, stream: InputStream | OutputStream) -> list[Any]:
    return [stream.kind, stream.capture()]


def _restore_input(ctx: WasiContext, data: list[Any]) -> InputStream:
    kind, state = data
    stream: InputStream = InputStream.kinds[kind].restore(ctx, state)
    return stream


def _restore_output(ctx: WasiContext, data: list[Any]) -> OutputStream:
    kind, state = data
    stream: OutputStream = OutputStream.kinds[kind].restore(ctx, state)
    return stream


STREAMS.resource("input-stream", drop=_drop, capture=_capture, restore=_restore_input)
STREAMS.resource("output-stream", drop=_drop, capture=_capture, restore=_restore_output)


@STREAMS.function("[method]input-stream.read")
def read(ctx: WasiContext, stream: InputStream, length: int) -> tuple[str, Any]:
    try:
        return "ok", stream.read(ctx, min(length, READ_MAX_BYTES))
    except (StreamClosed, StreamFailed) as error:
        return _refusal(error)


@STREAMS.function("[method]input-stream.blocking-read")
def blocking_read(ctx: WasiContext, stream: InputStream, length: int) -> tuple[str, Any]:
    block(ctx, stream.subscribe(ctx))
    return read(ctx, stream, length)


@STREAMS.function("[method]input-stream.skip")
def skip(ctx: WasiContext, stream: InputStream, length: int) -> tuple[str, Any]:
    tag, value = read(ctx, stream, length)
    return (tag, len(value)) if tag == "ok" else (tag, value)


@STREAMS.function("[method]input-stream.blocking-skip")
def blocking_skip(ctx: WasiContext, stream: InputStream, length: int) -> tuple[str, Any]:
    block(ctx, stream.subscribe(ctx))
    return skip(ctx, stream, length)


@STREAMS.function("[method]input-stream.subscribe")
def subscribe_input(ctx: WasiContext, stream: InputStream) -> Pollable:
    return stream.subscribe(ctx)


@STREAMS.function("[method]output-stream.check-write")
def check_write(ctx: WasiContext, stream: OutputStream) -> tuple[str, Any]:
    try:
        return "ok", stream.permit(ctx)
    except (StreamClosed, StreamFailed) as error:
        return _refusal(error)


@STREAMS.function("[method]output-stream.write")
def write(ctx: WasiContext, stream: OutputStream, contents: bytes) -> tuple[str, Any]:
    """Raises ``Trap`` for more than ``check-write`` permits, as the interface demands."""
    try:
        if len(contents) > stream.permit(ctx):
            raise Trap("output-stream.write was called with more bytes than check-write permits")
        stream.write(ctx, contents)
    except (StreamClosed, StreamFailed) as error:
        return _refusal(error)
    return "ok", None


@STREAMS.function("[method]output-stream.blocking-write-and-flush")
def blocking_write_and_flush(ctx: WasiContext, stream: OutputStream, contents: bytes) -> tuple[str, Any]:
    """Raises ``Trap`` for more than 4096 bytes."""
    if len(contents) > BLOCKING_WRITE_MAX_BYTES:
        raise Trap(f"a blocking write takes at most {BLOCKING_WRITE_MAX_BYTES} bytes")
    try:
        rest = contents
        while rest:
            block(ctx, stream.subscribe(ctx))
            permit = stream.permit(ctx)
            stream.write(ctx, rest[:permit])
            rest = rest[permit:]
    except (StreamClosed, StreamFailed) as error:
        return _refusal(error)
    return blocking_flush(ctx, stream)


@STREAMS.function("[method]output-stream.flush")
def flush(ctx: WasiContext, stream: OutputStream) -> tuple[str, Any]:
    try:
        stream.flush(ctx)
    except (StreamClosed, StreamFailed) as error:
        return _refusal(error)
    return "ok", None


@STREAMS.function("[method]output-stream.blocking-flush")
def blocking_flush(ctx: WasiContext, stream: OutputStream) -> tuple[str, Any]:
    try:
        stream.flush(ctx)
        block(ctx, stream.subscribe(ctx))
        stream.permit(ctx)
    except (StreamClosed, StreamFailed) as error:
        return _refusal(error)
    return "ok", None


@STREAMS.function("[method]output-stream.subscribe")
def subscribe_output(ctx: WasiContext, stream: OutputStream) -> Pollable:
    return stream.subscribe(ctx)


@STREAMS.function("[method]output-stream.write-zeroes")
def write_zeroes(ctx: WasiContext, stream: OutputStream, length: int) -> tuple[str, Any]:
    """Raises ``Trap`` for more than ``check-write`` permits."""
    if length > WRITE_MAX_BYTES:
        raise Trap("output-stream.write-zeroes was called with more bytes than check-write permits")
    return write(ctx, stream, bytes(length))


@STREAMS.function("[method]output-stream.blocking-write-zeroes-and-flush")
def blocking_write_zeroes_and_flush(ctx: WasiContext, stream: OutputStream, length: int) -> tuple[str, Any]:
    """Raises ``Trap`` for more than 4096 bytes."""
    return blocking_write_and_flush(ctx, stream, bytes(min(length, BLOCKING_WRITE_MAX_BYTES + 1)))


@STREAMS.function("[method]output-stream.splice")
def splice(ctx: WasiContext, stream: OutputStream, source: InputStream, length: int) -> tuple[str, Any]:
    try:
        permit = stream.permit(ctx)
        moved = source.read(ctx, min(length, permit, READ_MAX_BYTES))
        stream.write(ctx, moved)
    except (StreamClosed, StreamFailed) as error:
        return _refusal(error)
    return "ok", len(moved)


@STREAMS.function("[method]output-stream.blocking-splice")
def blocking_splice(
    ctx: WasiContext, stream: OutputStream, source: InputStream, length: int
) -> tuple[str, Any]:
    block(ctx, stream.subscribe(ctx))
    block(ctx, source.subscribe(ctx))
    return splice(ctx, stream, source, length)
