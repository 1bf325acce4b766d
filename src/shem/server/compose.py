"""Opening a data directory: the one place that knows how the rooms of the house are put together.

data/     shem.db, blobs/, lock    what is durable
          images/                  base images, a cache that belongs to this data
cache/    compiled/, runtime/      compiled components and the Python runtime, shared by the machine
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from shem.clock import SystemClock
from shem.executor.executor import Executor
from shem.executor.history import History
from shem.executor.turn import Turns
from shem.executor.workers import Workers
from shem.registry.artifacts import Artifacts
from shem.registry.registry import Registry
from shem.registry.versions import Versions
from shem.server.house import House
from shem.storage.blobs import DirectoryBlobStore
from shem.storage.sqlite import SqliteStorage
from shem.wasm.engine import Engine

ACTIVE_PER_CORE = 2
"""Guests that compute at the same time, per core. One would do for guests alone; the second uses the core
while the first is inside a host function, waiting for Python's global lock."""


def open_house(data: Path) -> House:
    """Lock and open ``data``, which is made when missing.

    Raises:
        DataDirectoryInUse: another server holds it.
        StorageCorrupt, StorageUnavailable: it cannot be read.
    """
    clock = SystemClock()
    storage = SqliteStorage(data, clock=clock)
    blobs = DirectoryBlobStore(data / "blobs")
    cache = cache_directory()
    engine = Engine(cache / "compiled")
    versions = Versions(blobs, engine, data / "images")
    registry = Registry(storage, versions, Artifacts(blobs, cache / "runtime"), clock)
    workers = Workers(active=ACTIVE_PER_CORE * (os.cpu_count() or 1))

    def wait(unwind: threading.Event, timeout_ns: int) -> None:
        with workers.lent():
            unwind.wait(timeout_ns / 1e9)

    turns = Turns(
        storage=storage,
        blobs=blobs,
        clock=clock,
        entropy=os.urandom,
        wait=wait,
        types=registry.types,
        versions=registry.ready,
        history=History(storage, blobs, registry),
    )
    executor = Executor(storage, registry, turns, workers)

    def close() -> None:
        storage.close()

    return House(executor, registry, close)


def cache_directory() -> Path:
    """``$SHEM_CACHE``, else ``shem`` in the XDG cache directory."""
    own = os.environ.get("SHEM_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shem"
