"""The WASI 0.2 interfaces as durable host functions: a file per package, its contexts and resources apart.

What a guest can observe and what is not a function of its state goes through ``ctx.durability``. Files,
environment and handles are such functions, and are never recorded.
"""

from shem.wasi.cli import CLI_INTERFACES
from shem.wasi.clocks import CLOCK_INTERFACES
from shem.wasi.filesystem import FILESYSTEM_INTERFACES
from shem.wasi.io_error import ERROR
from shem.wasi.poll import POLL
from shem.wasi.random import RANDOM_INTERFACES
from shem.wasi.sockets import SOCKET_INTERFACES
from shem.wasi.streams import STREAMS
from shem.wasm.host import HostInterface

INTERFACES: tuple[HostInterface, ...] = (
    ERROR,
    POLL,
    STREAMS,
    *CLOCK_INTERFACES,
    *RANDOM_INTERFACES,
    *CLI_INTERFACES,
    *FILESYSTEM_INTERFACES,
    *SOCKET_INTERFACES,
)
"""All of them, to link a component with."""

__all__ = ["INTERFACES"]
