"""The server process: from an empty machine to listening, and from a signal to a clean end.

Start: data directory, then the socket, then recovery. The socket is open while agents recover, so that a load
balancer or a person can tell "recovers" (``/healthz`` yes, ``/readyz`` no) from "is not there".

End: the first SIGTERM or SIGINT refuses new work and lets what runs finish for a while; the second ends the
process at once, which costs nothing but a recovery: everything acknowledged is durable already.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import structlog
import uvicorn

from shem.errors import Conflict
from shem.server.app import create_app
from shem.server.house import House
from shem.server.lifecycle import Lifecycle
from shem.server.log import configure_log

log = structlog.get_logger("shem.server")

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8421

DRAIN_S = 12
"""How long answers may take to go out after a signal: the executor's grace for guests, and a little."""

KEEP_ALIVE_S = 75
"""Longer than the idle timeout of common connection pools and proxies (60 s), so that they close first."""

BACKLOG = 2048
"""Connections that wait to be accepted; a restart meets all clients at once."""

SWITCH_INTERVAL_S = 0.0005
"""How long one Python thread may keep the others waiting. Loop, guests' host functions and the storage's writer
hand work to one another all the time: next to a busy thread a commit takes 0.9 ms with this, 5.5 ms with
Python's default."""

Beside: TypeAlias = Callable[[str], Awaitable[None]]
"""Runs next to the server from when it is ready, with its address; cancelled when the server stops."""


def run_server(
    data: Path,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    open_house: Callable[[Path], House],
    beside: Beside | None = None,
) -> None:
    """Serve the data directory until a signal ends it.

    Args:
        data: made when it does not exist.
        port: 0 takes a free one; the address that it became is announced on stderr.
        open_house: locks and opens the data directory.

    Raises:
        DataDirectoryInUse: another server holds ``data``.
        Conflict: something else listens there.
    """
    configure_log()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    house = open_house(data)
    try:
        listener = listen(host, port)
        lifecycle = Lifecycle()
        config = uvicorn.Config(
            create_app(house.executor, house.registry, lifecycle),
            loop="auto",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=DRAIN_S,
        )
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(_serve(house, _Server(config), listener, lifecycle, data, beside))
    finally:
        house.close()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ``Conflict`` where the address is taken or is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    # A restarted server must not wait for the connections of the one before to time out.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise Conflict(
            f"cannot listen on {host} port {port}: {reason}",
            hint="Choose another with --port; --port 0 takes a free one.",
        ) from None
    return listener


def address(listener: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """uvicorn, with the signals left to the house."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(
    house: House,
    server: _Server,
    listener: socket.socket,
    lifecycle: Lifecycle,
    data: Path,
    beside: Beside | None,
) -> None:
    ended = _end_on_signals()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await _unless(ended, house.executor.start())
        if not ended.is_set():
            lifecycle.recovered()
            url = address(listener)
            print(f"shem listening on {url} (data: {data})", file=sys.stderr, flush=True)
            if beside is not None:
                await _unless(ended, beside(url))
            await _unless(ended, asyncio.shield(serving))
    finally:
        lifecycle.stop()
        server.should_exit = True
        # At the same time: requests end because the executor answers them, not because the server waits.
        await asyncio.gather(serving, house.executor.stop())


async def _unless(ended: asyncio.Event, work: Awaitable[None]) -> None:
    """Wait for ``work`` or until the process is told to end; raises what ``work`` raises."""
    task = asyncio.ensure_future(work)
    signalled = asyncio.create_task(ended.wait())
    await asyncio.wait({task, signalled}, return_when=asyncio.FIRST_COMPLETED)
    task.cancel()
    signalled.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _end_on_signals() -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets; the second ends the process."""
    ended = asyncio.Event()

    def end(signum: int) -> None:
        if ended.is_set():
            os._exit(128 + signum)
        log.info("stopping", signal=signal.Signals(signum).name)
        ended.set()

    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, end, signum)
    return ended
