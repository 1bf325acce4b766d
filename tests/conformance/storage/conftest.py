"""Every back end that the suite runs over. A new one is one more line in ``BACK_ENDS``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from storage_world import World

from shem.storage.blobs import DirectoryBlobStore
from shem.storage.memory import MemoryBlobStore, MemoryStorage
from shem.storage.protocol import BlobStore, Storage
from shem.storage.sqlite import SqliteStorage

BACK_ENDS: dict[str, Callable[[Path], Storage]] = {
    "sqlite": SqliteStorage,
    "memory": lambda _: MemoryStorage(),
}

BLOB_STORES: dict[str, Callable[[Path], BlobStore]] = {
    "directory": DirectoryBlobStore,
    "memory": lambda _: MemoryBlobStore(),
}


@pytest.fixture(params=sorted(BACK_ENDS))
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    storage = BACK_ENDS[request.param](tmp_path / "data")
    yield storage
    storage.close()


@pytest.fixture
def world(storage: Storage) -> World:
    return World(storage)


@pytest.fixture(params=sorted(BLOB_STORES))
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return BLOB_STORES[request.param](tmp_path / "blobs")
