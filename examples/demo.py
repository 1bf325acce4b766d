"""A server that is killed ten times at random, and nothing is lost.

Twenty counters are driven by eight clients over HTTP. Meanwhile the server is killed with SIGKILL, at
random moments, and started again on the same data. A client that loses its connection repeats the request
with the same idempotency key. In the end each counter must stand at exactly the number of increments that
were acknowledged, and what an agent observed of the world before a crash (a UUID, a random number, the
time) must read the same after it.

    python examples/demo.py [--seed N]

Exit code 0 and ``demo: OK``, or 1 and what was lost.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from shem.build.application import package
from shem.client import Client
from shem.testing import CountingLoad, ServerProcess
from shem.testing.load import PATIENT

COUNTERS = 20
CLIENTS = 8
KILLS = 10
APPLICATION = Path(__file__).parent / "counter"

out = Console(highlight=False)


def main() -> int:
    """Run the demonstration; the process' exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--seed", type=int, default=None, help="of the random moments; printed, so that a run can be repeated"
    )
    seed = parser.parse_args().seed
    seed = random.randrange(1_000_000) if seed is None else seed
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="shem-demo-") as directory:
        wrong = demonstrate(Path(directory) / "data", seed)
    out.print(f"{time.monotonic() - began:.1f} s, seed {seed}")
    for line in wrong:
        out.print(f"LOST: {line}", markup=False)
    out.print("demo: FAILED" if wrong else "demo: OK")
    return 1 if wrong else 0


def demonstrate(data: Path, seed: int) -> list[str]:
    """The whole story on a fresh data directory; what went wrong, empty when nothing did."""
    chance = random.Random(seed)
    with ServerProcess(data) as server, Client(server.url, retry=PATIENT) as client:
        out.print(f"server on {server.url}, process {server.pid}")
        out.print(
            "deploying examples/counter (the Python runtime is built and compiled when it is first needed)"
        )
        built = package(APPLICATION)
        client.deploy(built.name, built.manifest, wasm=built.wasm, files=built.files)
        load = CountingLoad(server.url, seed, clients=CLIENTS, counters=COUNTERS)
        observed = {agent: client.invoke(agent, "observe").result for agent in load.agents}
        load.start()
        down_ms = []
        for kill in range(1, KILLS + 1):
            load.wait_for_progress(1)  # in the thick of it, not while everybody waits for the server
            time.sleep(chance.uniform(0.0, 0.6))
            server.kill()
            killed = time.monotonic()
            server.start()
            down_ms.append((time.monotonic() - killed) * 1e3)
            out.print(f"kill {kill:2}: {load.total:6} acknowledged, back after {down_ms[-1]:.0f} ms")
        time.sleep(0.3)
        load.stop()
        server.kill()  # once more, with nobody waiting: what was acknowledged must be on disk
        server.start()

        values = load.check(client)
        wrong = list(load.wrong)
        for agent, before in observed.items():
            now = client.invoke(agent, "observed").result
            if now != before:
                wrong.append(f"{agent} had observed {before}, now says {now}")
        report(client, load.agents[0], values, load, down_ms)
        server.stop()
    return wrong


def report(
    client: Client, shown: str, values: dict[str, int], load: CountingLoad, down_ms: list[float]
) -> None:
    """What happened, in two short tables."""
    page = client.oplog(shown, start=1, count=8)
    size = client.get(shown).oplog_size
    oplog = Table(
        "index", "entry", "detail", title=f"oplog of {shown}, the first {len(page.entries)} of {size} entries"
    )
    for entry in page.entries:
        detail = ", ".join(f"{key}={value}" for key, value in entry.detail.items())
        oplog.add_row(str(entry.index), entry.kind, detail[:90])
    out.print(oplog)
    table = Table("what", "figure")
    table.add_row("counters", str(len(values)))
    table.add_row("clients", str(CLIENTS))
    table.add_row("SIGKILLs", str(len(down_ms) + 1))
    table.add_row("increments acknowledged", str(load.total))
    table.add_row("sum of the counters", str(sum(values.values())))
    table.add_row("server back after, median", f"{sorted(down_ms)[len(down_ms) // 2]:.0f} ms")
    out.print(table)


if __name__ == "__main__":
    sys.exit(main())
