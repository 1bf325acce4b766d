"""The Python runtime component: CPython and ``shem_sdk``, made once per machine, shared by all Python agents.

componentize-py links CPython with the bindings of ``wit/`` and runs ``guest/shem_runtime.py`` in it; the
memory after that is the component. The same run copies out the guest's standard library, which a host
serves at ``/python``, so that agents can import what the component does not already hold.

Two builds of the same inputs give different bytes (hash seeds, addresses), so the cache is keyed by the
inputs: the SDK's sources, the WIT, the runtime module, the stand-ins and the version of componentize-py. An
entry of the cache is a folder that appears by a rename when it is complete, and a lock keeps two processes
from both building.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import shem_sdk
from shem.build.archive import archive
from shem.errors import PlatformError

Progress = Callable[[str], None]

_HERE = Path(__file__).parent
_WIT = _HERE / "wit"
_RUNTIME_MODULE = _HERE / "guest" / "shem_runtime.py"
_SDK = Path(shem_sdk.__file__).parent
_WORLD = "runtime"
_WASM, _LIBRARY, _DIGEST = "runtime.wasm", "library.zip", "sha256"  # files of an entry of the cache
_BUILD_TIMEOUT_S = 600
_LEFT_OUT_OF_LIBRARY = frozenset(
    {"__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip"}
)
"""Parts of the standard library that no agent can use, or that only test the library itself."""


@dataclass(frozen=True, slots=True)
class PythonRuntime:
    """The runtime component and what belongs to it.

    Attributes:
        wasm: the component.
        library: zip of the guest's standard library, to be served at ``/python``.
        hash: of the inputs, hex.
    """

    wasm: bytes
    library: bytes
    hash: str


def python_runtime(
    cache: Path, progress: Progress | None = None, *, stand_ins: Mapping[str, bytes] | None = None
) -> PythonRuntime:
    """The runtime component, from the cache or built now (about 10 s).

    Args:
        cache: folder for what can be built again; created where it is missing.
        progress: gets one line per step, for people to read.
        stand_ins: files laid over the standard library (path below ``/python`` to content), for modules that
            a guest cannot have as they are.

    Raises:
        PlatformError: componentize-py failed; ``details`` has its output.
    """
    say = progress or (lambda line: None)
    overlay = dict(stand_ins or {})
    key = _input_hash(overlay)
    home = cache / "python-runtime"
    home.mkdir(parents=True, exist_ok=True)
    found = _find(home, key)
    if found is not None:
        return found
    with _lock(home / "lock", say):
        found = _find(home, key)  # another process may have built it while this one waited
        return found if found is not None else _build(home, key, overlay, say)


def _input_hash(stand_ins: Mapping[str, bytes]) -> str:
    inputs = {f"sdk/{path}": data for path, data in _sources(_SDK, "*.py")}
    inputs |= {f"wit/{path}": data for path, data in _sources(_WIT, "*.wit")}
    inputs |= {f"library/{path}": data for path, data in stand_ins.items()}
    inputs["runtime.py"] = _RUNTIME_MODULE.read_bytes()
    inputs["componentize-py"] = importlib.metadata.version("componentize-py").encode()
    digest = hashlib.sha256()
    for name in sorted(inputs):
        digest.update(f"{name}\0{len(inputs[name])}\0".encode() + inputs[name])
    return digest.hexdigest()


def _sources(root: Path, pattern: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted(p for p in root.rglob(pattern) if p.is_file()):
        yield path.relative_to(root).as_posix(), path.read_bytes()


def _find(home: Path, key: str) -> PythonRuntime | None:
    """A complete entry of the cache whose files are what was written; a damaged one is removed."""
    folder = home / key
    try:
        runtime = PythonRuntime((folder / _WASM).read_bytes(), (folder / _LIBRARY).read_bytes(), key)
        written = (folder / _DIGEST).read_text()
    except FileNotFoundError:
        return None
    if written == _digest(runtime):
        return runtime
    shutil.rmtree(folder)
    return None


def _digest(runtime: PythonRuntime) -> str:
    digest = hashlib.sha256(runtime.wasm)
    digest.update(runtime.library)
    return digest.hexdigest()


@contextmanager
def _lock(path: Path, say: Progress) -> Iterator[None]:
    """Held until the block ends, or the process does."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another process that builds the Python runtime component")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(home: Path, key: str, stand_ins: Mapping[str, bytes], say: Progress) -> PythonRuntime:
    say("building the Python runtime component (once per machine and version, about 10 s)")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=home, prefix="build-") as scratch:
        stage, result = Path(scratch) / "stage", Path(scratch) / "result"
        result.mkdir()
        _componentize(stage, result / _WASM)
        library = archive({**_library(stage / "library"), **stand_ins})
        runtime = PythonRuntime((result / _WASM).read_bytes(), library, key)
        (result / _LIBRARY).write_bytes(library)
        (result / _DIGEST).write_text(_digest(runtime))
        result.rename(home / key)
    took_s = time.monotonic() - started
    sizes = f"{len(runtime.wasm) / 1e6:.1f} MB, standard library {len(library) / 1e6:.1f} MB"
    say(f"built the Python runtime component in {took_s:.1f} s: {sizes}")
    return runtime


def _componentize(stage: Path, output: Path) -> None:
    """Run componentize-py on copies of the sources: the guest writes into the folder that it is given."""
    shutil.copytree(_SDK, stage / "shem_sdk", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(_RUNTIME_MODULE, stage)
    # Without one of its own, componentize-py takes the packages of this program's environment into the guest.
    environment = stage.parent / "environment"
    (environment / "lib" / "site-packages").mkdir(parents=True)
    arguments = [
        "-q",
        "-d",
        _WIT,
        "-w",
        _WORLD,
        "componentize",
        "-p",
        stage,
        "-o",
        output,
        _RUNTIME_MODULE.stem,
    ]
    program = "import sys; from componentize_py import script; sys.exit(script())"
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)],
            env=os.environ | {"VIRTUAL_ENV": str(environment)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_BUILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PlatformError(
            f"componentize-py did not finish within {_BUILD_TIMEOUT_S} s",
            hint="The machine may be short of memory; it needs about 1 GB for this step.",
        ) from error
    if done.returncode != 0 or not output.exists():
        raise PlatformError(
            "componentize-py could not build the Python runtime component",
            hint="Reinstall with: pip install --force-reinstall componentize-py",
            output=done.stdout.decode(errors="replace"),
        )


def _library(folder: Path) -> dict[str, bytes]:
    return {
        path: data
        for path, data in _sources(folder, "*")
        if _LEFT_OUT_OF_LIBRARY.isdisjoint(path.split("/")[:-1])
    }
