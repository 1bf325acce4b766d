"""``wasi:io/error``: why a stream operation failed."""

from __future__ import annotations

from dataclasses import dataclass

from shem.wasi.context import WasiContext
from shem.wasi.version import VERSION
from shem.wasm.host import HostInterface

ERROR = HostInterface(f"wasi:io/error@{VERSION}")


@dataclass(frozen=True, slots=True)
class IoError:
    """The resource ``error``.

    Attributes:
        message: for people.
        filesystem_code: ``error-code`` of ``wasi:filesystem/types`` where a file operation failed.
    """

    message: str
    filesystem_code: str | None = None


def _capture(_ctx: WasiContext, error: IoError) -> list[str | None]:
    return [error.message, error.filesystem_code]


def _restore(_ctx: WasiContext, data: list[str]) -> IoError:
    return IoError(*data)


ERROR.resource("error", capture=_capture, restore=_restore)


@ERROR.function("[method]error.to-debug-string")
def to_debug_string(_ctx: WasiContext, error: IoError) -> str:
    return error.message
