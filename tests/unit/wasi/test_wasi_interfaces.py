"""Everything that WASI 0.2 defines in these packages is offered, under names that link."""

from __future__ import annotations

import inspect

import pytest

from shem.wasi import INTERFACES


def methods(resource: str, names: str) -> str:
    return "".join(f" [method]{resource}.{name}" for name in names.split())


FUNCTIONS = {
    "wasi:io/error": "[method]error.to-debug-string",
    "wasi:io/poll": "[method]pollable.ready [method]pollable.block poll",
    "wasi:io/streams": """
        [method]input-stream.read [method]input-stream.blocking-read [method]input-stream.skip
        [method]input-stream.blocking-skip [method]input-stream.subscribe
        [method]output-stream.check-write [method]output-stream.write
        [method]output-stream.blocking-write-and-flush [method]output-stream.flush
        [method]output-stream.blocking-flush [method]output-stream.subscribe
        [method]output-stream.write-zeroes [method]output-stream.blocking-write-zeroes-and-flush
        [method]output-stream.splice [method]output-stream.blocking-splice""",
    "wasi:clocks/wall-clock": "now resolution",
    "wasi:clocks/monotonic-clock": "now resolution subscribe-instant subscribe-duration",
    "wasi:clocks/timezone": "display utc-offset",
    "wasi:random/random": "get-random-bytes get-random-u64",
    "wasi:random/insecure": "get-insecure-random-bytes get-insecure-random-u64",
    "wasi:random/insecure-seed": "insecure-seed",
    "wasi:cli/environment": "get-environment get-arguments initial-cwd",
    "wasi:cli/exit": "exit exit-with-code",
    "wasi:cli/stdin": "get-stdin",
    "wasi:cli/stdout": "get-stdout",
    "wasi:cli/stderr": "get-stderr",
    "wasi:cli/terminal-input": "",
    "wasi:cli/terminal-output": "",
    "wasi:cli/terminal-stdin": "get-terminal-stdin",
    "wasi:cli/terminal-stdout": "get-terminal-stdout",
    "wasi:cli/terminal-stderr": "get-terminal-stderr",
    "wasi:filesystem/preopens": "get-directories",
    "wasi:filesystem/types": """
        [method]descriptor.read-via-stream [method]descriptor.write-via-stream
        [method]descriptor.append-via-stream [method]descriptor.advise [method]descriptor.sync-data
        [method]descriptor.get-flags [method]descriptor.get-type [method]descriptor.set-size
        [method]descriptor.set-times [method]descriptor.read [method]descriptor.write
        [method]descriptor.read-directory [method]descriptor.sync [method]descriptor.create-directory-at
        [method]descriptor.stat [method]descriptor.stat-at [method]descriptor.set-times-at
        [method]descriptor.link-at [method]descriptor.open-at [method]descriptor.readlink-at
        [method]descriptor.remove-directory-at [method]descriptor.rename-at [method]descriptor.symlink-at
        [method]descriptor.unlink-file-at [method]descriptor.is-same-object
        [method]descriptor.metadata-hash [method]descriptor.metadata-hash-at
        [method]directory-entry-stream.read-directory-entry filesystem-error-code""",
    "wasi:sockets/network": "network-error-code",
    "wasi:sockets/instance-network": "instance-network",
    "wasi:sockets/tcp-create-socket": "create-tcp-socket",
    "wasi:sockets/udp-create-socket": "create-udp-socket",
    "wasi:sockets/ip-name-lookup": """
        resolve-addresses [method]resolve-address-stream.resolve-next-address
        [method]resolve-address-stream.subscribe""",
    "wasi:sockets/tcp": methods(
        "tcp-socket",
        """
        start-bind finish-bind start-connect finish-connect start-listen finish-listen accept local-address
        remote-address is-listening address-family set-listen-backlog-size keep-alive-enabled
        set-keep-alive-enabled keep-alive-idle-time set-keep-alive-idle-time keep-alive-interval
        set-keep-alive-interval keep-alive-count set-keep-alive-count hop-limit set-hop-limit
        receive-buffer-size set-receive-buffer-size send-buffer-size set-send-buffer-size subscribe shutdown
        """,
    ),
    "wasi:sockets/udp": methods(
        "udp-socket",
        """
        start-bind finish-bind stream local-address remote-address address-family unicast-hop-limit
        set-unicast-hop-limit receive-buffer-size set-receive-buffer-size send-buffer-size
        set-send-buffer-size subscribe
        """,
    )
    + methods("incoming-datagram-stream", "receive subscribe")
    + methods("outgoing-datagram-stream", "check-send send subscribe"),
}
RESOURCES = {
    "wasi:io/error": {"error"},
    "wasi:io/poll": {"pollable"},
    "wasi:io/streams": {"input-stream", "output-stream"},
    "wasi:cli/terminal-input": {"terminal-input"},
    "wasi:cli/terminal-output": {"terminal-output"},
    "wasi:filesystem/types": {"descriptor", "directory-entry-stream"},
    "wasi:sockets/network": {"network"},
    "wasi:sockets/tcp": {"tcp-socket"},
    "wasi:sockets/udp": {"udp-socket", "incoming-datagram-stream", "outgoing-datagram-stream"},
    "wasi:sockets/ip-name-lookup": {"resolve-address-stream"},
}
OFFERED = {interface.name.partition("@")[0]: interface for interface in INTERFACES}


def test_the_interfaces_are_those_of_wasi_and_each_comes_once():
    assert sorted(OFFERED) == sorted(FUNCTIONS)
    assert len(OFFERED) == len(INTERFACES)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_interface_has_its_functions_and_resources(name):
    assert set(OFFERED[name].functions) == set(FUNCTIONS[name].split())
    assert set(OFFERED[name].resources) == RESOURCES.get(name, set())


def test_every_function_takes_the_context_first():
    for interface in INTERFACES:
        for function in interface.functions.values():
            first = next(iter(inspect.signature(function).parameters))
            assert first in ("ctx", "_ctx")


def test_there_is_no_network(world):
    create = OFFERED["wasi:sockets/tcp-create-socket"].functions["create-tcp-socket"]
    resolve = OFFERED["wasi:sockets/ip-name-lookup"].functions["resolve-addresses"]
    network = OFFERED["wasi:sockets/instance-network"].functions["instance-network"](world.ctx)
    assert create(world.ctx, "ipv4") == ("err", "not-supported")
    assert resolve(world.ctx, network, "example.com") == ("err", "access-denied")
    resource = OFFERED["wasi:sockets/network"].resources["network"]
    assert resource.restore(world.ctx, resource.capture(world.ctx, network)) is network
