"""The Python runtime component is built once, whole or not at all."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shem.build import runtime as building
from shem.build.runtime import PythonRuntime, python_runtime
from shem.errors import PlatformError


def test_the_second_time_nothing_is_built(runtime: PythonRuntime, cache: Path) -> None:
    lines: list[str] = []
    assert python_runtime(cache, lines.append) == runtime
    assert lines == []


def test_the_library_is_complete_and_has_nothing_to_spare(runtime: PythonRuntime) -> None:
    names = zipfile.ZipFile(io.BytesIO(runtime.library)).namelist()
    assert {"os.py", "json/__init__.py", "encodings/idna.py", "asyncio/__init__.py"} <= set(names)
    assert not [n for n in names if "__pycache__" in n or "/test/" in n or n.startswith("test/")]
    assert names == sorted(names)


def test_the_library_is_not_in_the_component(runtime: PythonRuntime) -> None:
    source = zipfile.ZipFile(io.BytesIO(runtime.library)).read("tarfile.py")
    assert source[1000:1100] not in runtime.wasm


def fake_build(tmp: Path) -> Callable[[Path, Path], None]:
    """Stands for componentize-py; each call leaves a mark."""

    def componentize(stage: Path, output: Path) -> None:
        (stage / "library").mkdir(parents=True)
        (stage / "library" / "os.py").write_text("pass")
        output.write_bytes(b"\0asm")
        (tmp / hashlib.sha256(str(output).encode()).hexdigest()).touch()

    return componentize


def test_a_damaged_entry_of_the_cache_is_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    monkeypatch.setattr(building, "_componentize", fake_build(marks))
    built = python_runtime(tmp_path / "cache")
    folder = tmp_path / "cache" / "python-runtime" / built.hash
    (folder / "runtime.wasm").write_bytes(b"\0as")
    assert python_runtime(tmp_path / "cache") == built
    shutil.rmtree(folder)
    assert python_runtime(tmp_path / "cache") == built
    assert len(list(marks.iterdir())) == 3


def test_stand_ins_are_laid_over_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    monkeypatch.setattr(building, "_componentize", fake_build(marks))
    plain = python_runtime(tmp_path / "cache")
    other = python_runtime(tmp_path / "cache", stand_ins={"ssl.py": b"x = 1", "os.py": b"y = 2"})
    assert plain.hash != other.hash
    with zipfile.ZipFile(io.BytesIO(other.library)) as library:
        assert {n: library.read(n) for n in library.namelist()} == {"os.py": b"y = 2", "ssl.py": b"x = 1"}


def test_a_failed_build_leaves_nothing_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_WORLD", "nonsense")
    with pytest.raises(PlatformError) as raised:
        python_runtime(tmp_path / "cache")
    assert "nonsense" in str(raised.value.details["output"])
    assert [p.name for p in (tmp_path / "cache" / "python-runtime").iterdir()] == ["lock"]


def _build_slowly(cache: Path, marks: Path, barrier: Any) -> None:
    building._componentize = fake_build(marks)  # type: ignore[assignment]  # in a process of its own
    barrier.wait()
    python_runtime(cache)


def test_two_processes_build_it_once(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    both = [
        context.Process(target=_build_slowly, args=(tmp_path / "cache", marks, barrier)) for _ in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join(30)
    assert [process.exitcode for process in both] == [0, 0]
    assert len(list(marks.iterdir())) == 1
