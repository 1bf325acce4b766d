"""The real bindings, generated as for a guest: the SDK's border is tested without a WebAssembly machine."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import shem.build

WIT = Path(shem.build.__file__).parent / "wit"


@pytest.fixture(scope="session")
def bindings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with ``wit_world`` and ``componentize_py_types``, importable while the tests run."""
    folder = tmp_path_factory.mktemp("bindings")
    program = "import sys; from componentize_py import script; sys.exit(script())"
    arguments = ["-q", "-d", str(WIT), "-w", "runtime", "bindings", str(folder)]
    subprocess.run([sys.executable, "-c", program, *arguments], check=True, timeout=60)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="session")
def types(bindings: Path) -> ModuleType:
    """The classes of ``golem:core/types``."""
    return importlib.import_module("wit_world.imports.types")
