"""``wasi:cli``: environment, exit and the standard streams.

There is never a terminal, and standard input is at its end from the beginning.
"""

from __future__ import annotations

from typing import Any, NoReturn

from shem.wasi.context import WasiContext
from shem.wasi.streams import InputStream, OutputStream, StreamClosed
from shem.wasi.version import VERSION
from shem.wasm.host import HostInterface

ENVIRONMENT = HostInterface(f"wasi:cli/environment@{VERSION}")
EXIT = HostInterface(f"wasi:cli/exit@{VERSION}")
STDIN = HostInterface(f"wasi:cli/stdin@{VERSION}")
STDOUT = HostInterface(f"wasi:cli/stdout@{VERSION}")
STDERR = HostInterface(f"wasi:cli/stderr@{VERSION}")
TERMINAL_INPUT = HostInterface(f"wasi:cli/terminal-input@{VERSION}")
TERMINAL_OUTPUT = HostInterface(f"wasi:cli/terminal-output@{VERSION}")
TERMINAL_STDIN = HostInterface(f"wasi:cli/terminal-stdin@{VERSION}")
TERMINAL_STDOUT = HostInterface(f"wasi:cli/terminal-stdout@{VERSION}")
TERMINAL_STDERR = HostInterface(f"wasi:cli/terminal-stderr@{VERSION}")
CLI_INTERFACES = (
    ENVIRONMENT,
    EXIT,
    STDIN,
    STDOUT,
    STDERR,
    TERMINAL_INPUT,
    TERMINAL_OUTPUT,
    TERMINAL_STDIN,
    TERMINAL_STDOUT,
    TERMINAL_STDERR,
)

INITIAL_DIRECTORY = "/"


class Exited(BaseException):
    """The guest ended itself. No error: the agent's status becomes ``exited``."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exited with code {code}")
        self.code = code


@ENVIRONMENT.function("get-environment")
def get_environment(ctx: WasiContext) -> tuple[tuple[str, str], ...]:
    return ctx.environ


@ENVIRONMENT.function("get-arguments")
def get_arguments(ctx: WasiContext) -> tuple[str, ...]:
    return ctx.arguments


@ENVIRONMENT.function("initial-cwd")
def initial_cwd(_ctx: WasiContext) -> str:
    return INITIAL_DIRECTORY


@EXIT.function("exit")
def exit_(_ctx: WasiContext, status: tuple[str, None]) -> NoReturn:
    raise Exited(0 if status[0] == "ok" else 1)


@EXIT.function("exit-with-code")
def exit_with_code(_ctx: WasiContext, code: int) -> NoReturn:
    raise Exited(code)


class EmptyInput(InputStream, kind="empty"):
    """Standard input: at its end from the beginning."""

    __slots__ = ()

    def read(self, _ctx: WasiContext, _length: int) -> bytes:
        raise StreamClosed

    def drop(self, _ctx: WasiContext) -> None:
        """It holds nothing."""

    def capture(self) -> None:
        return None

    @classmethod
    def restore(cls, _ctx: WasiContext, _data: Any) -> EmptyInput:
        return _STDIN


class StandardOutput(OutputStream, kind="stdout"):
    """Standard output."""

    __slots__ = ()

    def write(self, ctx: WasiContext, data: bytes) -> None:
        ctx.stdout.write(ctx.durability, data)

    def drop(self, _ctx: WasiContext) -> None:
        """It holds nothing."""

    def capture(self) -> None:
        return None

    @classmethod
    def restore(cls, _ctx: WasiContext, _data: Any) -> StandardOutput:
        return _STDOUT


class StandardError(OutputStream, kind="stderr"):
    """Standard error."""

    __slots__ = ()

    def write(self, ctx: WasiContext, data: bytes) -> None:
        ctx.stderr.write(ctx.durability, data)

    def drop(self, _ctx: WasiContext) -> None:
        """It holds nothing."""

    def capture(self) -> None:
        return None

    @classmethod
    def restore(cls, _ctx: WasiContext, _data: Any) -> StandardError:
        return _STDERR


_STDIN, _STDOUT, _STDERR = EmptyInput(), StandardOutput(), StandardError()


@STDIN.function("get-stdin")
def get_stdin(_ctx: WasiContext) -> InputStream:
    return _STDIN


@STDOUT.function("get-stdout")
def get_stdout(_ctx: WasiContext) -> OutputStream:
    return _STDOUT


@STDERR.function("get-stderr")
def get_stderr(_ctx: WasiContext) -> OutputStream:
    return _STDERR


TERMINAL_INPUT.resource("terminal-input")
TERMINAL_OUTPUT.resource("terminal-output")


@TERMINAL_STDIN.function("get-terminal-stdin")
@TERMINAL_STDOUT.function("get-terminal-stdout")
@TERMINAL_STDERR.function("get-terminal-stderr")
def no_terminal(_ctx: WasiContext) -> None:
    return None
