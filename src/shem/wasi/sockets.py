"""``wasi:sockets``: declared, so that everything links, and refused, so that no agent has a network.

Creating a socket answers ``not-supported`` and looking up a name ``access-denied``: programs that only try
whether there is a network (most do, when they are imported) go on without. As no socket can exist, no method
of one can be reached.
"""

from __future__ import annotations

from typing import NoReturn

from shem.wasi.context import WasiContext
from shem.wasi.io_error import IoError
from shem.wasi.version import VERSION
from shem.wasm.errors import Trap
from shem.wasm.host import HostInterface

NETWORK = HostInterface(f"wasi:sockets/network@{VERSION}")
INSTANCE_NETWORK = HostInterface(f"wasi:sockets/instance-network@{VERSION}")
TCP = HostInterface(f"wasi:sockets/tcp@{VERSION}")
TCP_CREATE_SOCKET = HostInterface(f"wasi:sockets/tcp-create-socket@{VERSION}")
UDP = HostInterface(f"wasi:sockets/udp@{VERSION}")
UDP_CREATE_SOCKET = HostInterface(f"wasi:sockets/udp-create-socket@{VERSION}")
IP_NAME_LOOKUP = HostInterface(f"wasi:sockets/ip-name-lookup@{VERSION}")
SOCKET_INTERFACES = (
    NETWORK,
    INSTANCE_NETWORK,
    TCP,
    TCP_CREATE_SOCKET,
    UDP,
    UDP_CREATE_SOCKET,
    IP_NAME_LOOKUP,
)

_TCP_SOCKET = (
    "start-bind",
    "finish-bind",
    "start-connect",
    "finish-connect",
    "start-listen",
    "finish-listen",
    "accept",
    "local-address",
    "remote-address",
    "is-listening",
    "address-family",
    "set-listen-backlog-size",
    "keep-alive-enabled",
    "set-keep-alive-enabled",
    "keep-alive-idle-time",
    "set-keep-alive-idle-time",
    "keep-alive-interval",
    "set-keep-alive-interval",
    "keep-alive-count",
    "set-keep-alive-count",
    "hop-limit",
    "set-hop-limit",
    "receive-buffer-size",
    "set-receive-buffer-size",
    "send-buffer-size",
    "set-send-buffer-size",
    "subscribe",
    "shutdown",
)
_UDP_SOCKET = (
    "start-bind",
    "finish-bind",
    "stream",
    "local-address",
    "remote-address",
    "address-family",
    "unicast-hop-limit",
    "set-unicast-hop-limit",
    "receive-buffer-size",
    "set-receive-buffer-size",
    "send-buffer-size",
    "set-send-buffer-size",
    "subscribe",
)


class Network:
    """The resource ``network``: the one there is."""

    __slots__ = ()


_NETWORK = Network()


def _declare(interface: HostInterface, resource: str, methods: tuple[str, ...]) -> None:
    """A resource of which there never is one."""
    interface.resource(resource)
    for method in methods:
        interface.function(f"[method]{resource}.{method}")(_unreachable)


def _unreachable(_ctx: WasiContext, *_arguments: object) -> NoReturn:
    raise Trap("a socket was used although none can be created")


NETWORK.resource("network", capture=lambda _ctx, _network: None, restore=lambda _ctx, _data: _NETWORK)
_declare(TCP, "tcp-socket", _TCP_SOCKET)
_declare(UDP, "udp-socket", _UDP_SOCKET)
_declare(UDP, "incoming-datagram-stream", ("receive", "subscribe"))
_declare(UDP, "outgoing-datagram-stream", ("check-send", "send", "subscribe"))
_declare(IP_NAME_LOOKUP, "resolve-address-stream", ("resolve-next-address", "subscribe"))


@INSTANCE_NETWORK.function("instance-network")
def instance_network(_ctx: WasiContext) -> Network:
    return _NETWORK


@NETWORK.function("network-error-code")
def network_error_code(_ctx: WasiContext, _error: IoError) -> None:
    return None


@TCP_CREATE_SOCKET.function("create-tcp-socket")
@UDP_CREATE_SOCKET.function("create-udp-socket")
def create_socket(_ctx: WasiContext, _address_family: str) -> tuple[str, str]:
    return "err", "not-supported"


@IP_NAME_LOOKUP.function("resolve-addresses")
def resolve_addresses(_ctx: WasiContext, _network: Network, _name: str) -> tuple[str, str]:
    return "err", "access-denied"
