"""What is kept in the cache is used again when it is whole and of this version, and never otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import wasmtime

from shem.wasm import cache, component
from shem.wasm.cache import intact, write_summed
from shem.wasm.component import Component
from shem.wasm.engine import Engine

WASM = bytes(
    wasmtime.wat2wasm(
        """(component (core module $m (func (export "one") (result i32) (i32.const 1)))
          (core instance $m (instantiate $m))
          (func (export "one") (result u32) (canon lift (core func $m "one"))))"""
    )
)
LARGE = bytes(range(256)) * 2000


def answers(loaded: Component | None) -> bool:
    if loaded is None:
        return False
    with loaded.link([]).instantiate(None) as instance:
        assert instance.call("", "one") == 1
    return True


def test_a_component_that_was_loaded_comes_from_the_cache_by_its_hash(tmp_path: Path) -> None:
    first = Component.load(Engine(tmp_path), WASM)
    again = Component.cached(Engine(tmp_path), first.hash)
    assert again is not None
    assert (again.hash, again.exports, again.imports) == (first.hash, first.exports, first.imports)
    assert answers(again)
    assert Component.cached(Engine(tmp_path), "0" * 64) is None


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("suffix", [".plan", ".cwasm", ".sum"])
@pytest.mark.parametrize("damage", [flip, Path.unlink, lambda path: path.write_bytes(b"")])
def test_what_is_damaged_is_made_again(tmp_path: Path, suffix: str, damage: Callable[[Path], None]) -> None:
    hash_ = Component.load(Engine(tmp_path), WASM).hash
    [path] = tmp_path.glob(f"*{suffix}")
    damage(path)
    assert Component.cached(Engine(tmp_path), hash_) is None
    assert answers(Component.load(Engine(tmp_path), WASM))
    assert answers(Component.cached(Engine(tmp_path), hash_))


def test_a_plan_of_other_sources_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hash_ = Component.load(Engine(tmp_path), WASM).hash
    monkeypatch.setattr(cache, "_sources", lambda: "another")
    assert Component.cached(Engine(tmp_path), hash_) is None


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    assert answers(Component.load(Engine(tmp_path / "file"), WASM))


def test_a_component_in_the_cache_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Component.load(Engine(tmp_path), WASM)

    def plan_component(wasm: bytes) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(component, "plan_component", plan_component)
    assert answers(Component.load(Engine(tmp_path), WASM))


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files count as unchanged for long at once; gives the files that were read to be summed up."""
    read: list[Path] = []
    checksum = cache._checksum

    def noted(path: Path) -> str:
        read.append(path)
        return checksum(path)

    monkeypatch.setattr(cache, "SETTLED_NS", -1)
    monkeypatch.setattr(cache, "_checksum", noted)
    return read


def test_a_file_is_read_once_until_it_is_touched(tmp_path: Path, settled: list[Path]) -> None:
    path = tmp_path / "code"
    write_summed(path, LARGE)
    assert [intact(path) for _ in range(3)] == [True] * 3
    assert settled == [path]
    copy = tmp_path / "copy"
    copy.write_bytes(LARGE)
    copy.replace(path)
    assert intact(path)
    assert len(settled) == 2
    flip(path)
    assert not intact(path)


def test_a_file_that_was_just_written_is_read_every_time(tmp_path: Path, settled: list[Path]) -> None:
    cache.SETTLED_NS = 3600 * 1_000_000_000  # set back by the fixture
    path = tmp_path / "code"
    write_summed(path, LARGE)
    assert intact(path)
    assert intact(path)
    assert len(settled) == 2
