"""Invocations: latency, throughput, new agents, recovery, memory and disk. Prints one JSON line.

Starts a server of its own on a fresh data directory and ends it. Every answer is checked; a wrong one is an error.

    python -m bench.invoke [--quick]
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from bench.http import Connection, deploy
from bench.measure import disk_bytes, percentile, pss_mb, rss_mb
from shem.testing import ServerProcess

COUNTER = str(Path(__file__).parent.parent / "examples" / "counter")
CLIENTS = 64


class WrongAnswer(Exception):
    """A benchmark whose answers are wrong measures nothing."""


def expect(got: object, wanted: object, what: str) -> None:
    if got != wanted:
        raise WrongAnswer(f"{what}: got {got!r}, expected {wanted!r}")


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds that one call took."""
    begin = time.perf_counter()
    await call()
    return (time.perf_counter() - begin) * 1e3


async def sequential(port: int, count: int) -> list[float]:
    """One client, one agent, one after the other."""
    connection = await Connection.open(port)
    times = []
    for n in range(1, count + 1):
        begin = time.perf_counter()
        got = await connection.invoke('Counter("sequential")', "increment", 1)
        times.append((time.perf_counter() - begin) * 1e3)
        expect(got, n, "sequential increment")
    connection.close()
    return times[count // 10 :]  # without the warm-up


async def concurrent(port: int, each: int) -> tuple[float, list[float]]:
    """64 clients over 64 agents: invocations per second, and each one's milliseconds."""
    times: list[float] = []

    async def client(number: int) -> None:
        connection = await Connection.open(port)
        for n in range(2, each + 2):
            begin = time.perf_counter()
            got = await connection.invoke(f'Counter("c{number}")', "increment", 1)
            times.append((time.perf_counter() - begin) * 1e3)
            expect(got, n, "concurrent increment")
        connection.close()

    first = await Connection.open(port)
    for number in range(CLIENTS):
        expect(await first.invoke(f'Counter("c{number}")', "increment", 1), 1, "first increment")
    first.close()
    begin = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return CLIENTS * each / (time.perf_counter() - begin), times


async def new_agents(port: int, count: int) -> list[float]:
    """The first answer of agents that did not exist."""
    connection = await Connection.open(port)
    times = []
    for n in range(count):
        begin = time.perf_counter()
        got = await connection.invoke(f'Counter("new{n}")', "increment", 1)
        times.append((time.perf_counter() - begin) * 1e3)
        expect(got, 1, "first increment of a new agent")
    connection.close()
    return times


async def history(port: int, count: int) -> None:
    """One agent with so many invocations, sent by pipelined clients."""
    connections = [await Connection.open(port) for _ in range(8)]

    async def client(connection: Connection) -> None:
        for _ in range(count // len(connections)):
            await connection.invoke('Counter("old")', "increment", 1)
        connection.close()

    await asyncio.gather(*map(client, connections))


async def first_answer(port: int, count: int) -> float:
    """Milliseconds from the first request to its answer."""
    connection = await Connection.open(port)
    begin = time.perf_counter()
    got = await connection.invoke('Counter("old")', "value")
    took = (time.perf_counter() - begin) * 1e3
    expect(got, count, "value after recovery")
    connection.close()
    return took


def main() -> None:
    quick = "--quick" in sys.argv[1:]
    n_sequential, n_each, n_new, n_history = (200, 20, 100, 1_000) if quick else (2_000, 150, 1_000, 10_000)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="shem-bench-") as directory:
        data = Path(directory) / "data"
        with ServerProcess(data) as server:
            deploy(server.url, COUNTER)
            server.stop()
            server.start()
            figures["rss_idle_mb"] = rss_mb(server.pid)
            times = uvloop.run(sequential(server.port, n_sequential))
            figures["sequential_p50_ms"] = statistics.median(times)
            figures["sequential_p99_ms"] = percentile(times, 99)
            rate, times = uvloop.run(concurrent(server.port, n_each))
            figures["invocations_per_s"] = rate
            figures["p50_64_ms"] = statistics.median(times)
            figures["p99_64_ms"] = percentile(times, 99)
            server.stop()
            before = disk_bytes(data)
            server.start()
            times = uvloop.run(new_agents(server.port, n_new))
            figures["new_agent_p50_ms"] = statistics.median(times)
            figures["new_agent_p99_ms"] = percentile(times, 99)
            figures[f"rss_{n_new}_agents_mb"] = rss_mb(server.pid)
            figures[f"pss_{n_new}_agents_mb"] = pss_mb(server.pid)
            server.stop()
            figures["disk_per_agent_bytes"] = (disk_bytes(data) - before) / n_new
            server.start()
            uvloop.run(history(server.port, n_history))
            server.kill()
            server.start()
            figures[f"recovery_{n_history // 1000}k_ms"] = uvloop.run(first_answer(server.port, n_history))
            server.stop()
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
