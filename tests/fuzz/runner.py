"""What the fuzz targets share: the loop, its limits, and the line that says what happened.

An input that raises something else than the target expects, takes longer than ``MAX_INPUT_S`` or more memory
than ``MAX_GROWTH_BYTES`` ends the run and is written to a file; the same run comes to it again.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

MAX_INPUT_S = 5
"""Longest that one input may take; planning gives up after about a second of work."""

MAX_GROWTH_BYTES = 1 << 30
"""Address space that the process may take beyond what it has at the start, so that a runaway ends here."""

BATCH = 200
"""Inputs made from one seed."""


class Target(Protocol):
    """One thing to fuzz.

    Attributes:
        input: the last one, for the report of a failure.
        outcomes: how often each kind of outcome was seen.
    """

    input: bytes
    outcomes: dict[str, int]

    def batch(self, rng: random.Random, count: int) -> None:
        """Make ``count`` inputs and try them."""


class TooLong(Exception):
    """An input that hangs."""


def run(make: Callable[[], Target], runs: int, seed: int) -> dict[str, Any]:
    """Try ``runs`` inputs in this process.

    Raises:
        Exception: what the input in the written file has led to.
    """
    target = make()
    target.batch(random.Random(seed), BATCH)  # what is loaded once does not count as growth
    limit = _address_space_bytes() + MAX_GROWTH_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    signal.signal(signal.SIGALRM, _give_up)
    before, started, slowest_s = _peak_bytes(), time.perf_counter(), 0.0
    for number in range(0, runs, BATCH):
        count = min(BATCH, runs - number)
        batch_seed = seed * 1_000_003 + number
        signal.setitimer(signal.ITIMER_REAL, MAX_INPUT_S + count * 0.01)
        batch_started = time.perf_counter()
        try:
            target.batch(random.Random(batch_seed), count)
        except BaseException:
            signal.setitimer(signal.ITIMER_REAL, 0)
            path = Path(f"fuzz-{seed}-{number}.bin")
            path.write_bytes(target.input)
            print(f"failed after {number} inputs of seed {seed}; the input is in {path}", file=sys.stderr)
            raise
        signal.setitimer(signal.ITIMER_REAL, 0)
        slowest_s = max(slowest_s, time.perf_counter() - batch_started)
    return {
        "runs": runs,
        "seconds": round(time.perf_counter() - started, 1),
        "slowest_batch_ms": round(slowest_s * 1e3),
        "grown_mb": round((_peak_bytes() - before) / 1e6),
        "outcomes": dict(sorted(target.outcomes.items(), key=lambda item: -item[1])),
    }


def main(make: Callable[[], Target]) -> None:
    """The command line of a target."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1_000_000, help="inputs to try")
    parser.add_argument("--seed", type=int, default=1, help="another one gives other inputs")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    options = parser.parse_args()
    share = -(-options.runs // options.jobs)
    work = [(make, share, options.seed + job) for job in range(options.jobs)]
    if options.jobs == 1:
        results = [run(*work[0])]
    else:
        with get_context("spawn").Pool(options.jobs) as pool:
            results = pool.starmap(run, work)
    for result in results:
        print(json.dumps(result))


def _give_up(signal_number: int, frame: object) -> None:
    raise TooLong(f"no end after {MAX_INPUT_S} s")


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _address_space_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()
