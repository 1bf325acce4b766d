"""A base image can be made again, and is then the same byte for byte: agents' histories were recorded on top of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shem.build.archive import archive
from shem.build.runtime import python_runtime
from shem.errors import BadComponent
from shem.registry.base_image import KeyedEntropy, StandingClock
from shem.registry.versions import Recipe, Versions
from shem.server.compose import cache_directory
from shem.storage.memory import MemoryBlobStore
from shem.wasm.engine import Engine
from shem.wasm.image import Image

CREATED_AT_NS = 1_800_000_000_000_000_000

SOURCE = b"""
import random, time, uuid, tempfile, os
from shem_sdk import agent

MADE_AT, ID, NUMBER, SECRET = time.time(), uuid.uuid4(), random.random(), os.urandom(8)
OWN = random.Random()
with open("/made", "w") as file:
    file.write(str(ID))
time.sleep(0.01)
print("imported")

@agent
class Thing:
    def __init__(self) -> None:
        pass

    def made(self) -> str:
        return str(ID)
"""


@pytest.fixture(scope="module")
def blobs() -> MemoryBlobStore:
    return MemoryBlobStore()


def recipe(blobs: MemoryBlobStore, source: bytes) -> Recipe:
    runtime = python_runtime(cache_directory() / "runtime")
    return Recipe(
        name="things",
        wasm=blobs.put(runtime.wasm),
        library=blobs.put(runtime.library),
        files=blobs.put(archive({"things.py": source})),
        agents=("things",),
    )


def make(blobs: MemoryBlobStore, cache: Path, source: bytes) -> tuple[list[Any], list[str]]:
    lines: list[str] = []
    versions = Versions(blobs, Engine(cache_directory() / "compiled"), cache)
    return versions.discover(recipe(blobs, source), CREATED_AT_NS, lines.append), lines


def test_an_image_that_is_made_again_is_the_same(blobs: MemoryBlobStore, tmp_path: Path) -> None:
    first, said = make(blobs, tmp_path / "one", SOURCE)
    again, _ = make(blobs, tmp_path / "two", SOURCE)
    assert again == first
    assert said == ["imported"]
    (one,) = (tmp_path / "one").iterdir()
    (two,) = (tmp_path / "two").iterdir()
    assert one.name == two.name
    assert Image.open(one).metadata == Image.open(two).metadata
    assert one.read_bytes() == two.read_bytes()


def test_code_that_cannot_be_imported_is_refused_with_file_and_line(
    blobs: MemoryBlobStore, tmp_path: Path
) -> None:
    with pytest.raises(BadComponent, match=r"things\.py:2: ZeroDivisionError") as raised:
        make(blobs, tmp_path, b"x = 0\nprint(1 / x)\n")
    assert raised.value.details["line"] == 2
    assert "1 / x" in str(raised.value.details["traceback"])


def test_code_that_ends_the_process_is_refused_with_what_it_said(
    blobs: MemoryBlobStore, tmp_path: Path
) -> None:
    with pytest.raises(BadComponent, match="ended while it was asked") as raised:
        make(blobs, tmp_path, b"import os\nprint('goodbye', flush=True)\nos._exit(3)\n")
    assert raised.value.details["output"] == "goodbye"


def test_entropy_depends_on_the_key_alone_and_not_on_the_pieces_it_is_taken_in() -> None:
    whole = KeyedEntropy(b"key")(100)
    pieces = KeyedEntropy(b"key")
    assert b"".join(pieces(size) for size in (1, 0, 63, 36)) == whole
    assert KeyedEntropy(b"other")(100) != whole


def test_the_clock_stands_until_somebody_waits() -> None:
    clock = StandingClock(5)
    assert (clock.wall_ns(), clock.monotonic_ns()) == (5, 5)
    clock.wait(10)
    assert (clock.wall_ns(), clock.monotonic_ns()) == (15, 15)
