"""Components that others built, out of npm packages: fetched and put together once per machine.

``packages/`` pins the packages with their checksums (``package-lock.json``) and says what is made of them
(``make.mjs``). What jco brings along for its other commands is replaced by an empty package.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from shem.server.compose import cache_directory

_HERE = Path(__file__).parent / "packages"
_TIMEOUT_S = 240


def packaged_components() -> Path:
    """The folder with ``golem.wasm``, ``tools.wasm``, ``bindgen.wasm``, ``sample.wasm`` and what they were made of.

    Without npm the tests are skipped, but never where ``CI`` is set.
    """
    sources = {path.relative_to(_HERE).as_posix(): path for path in _HERE.rglob("*") if path.is_file()}
    digest = hashlib.sha256()
    for name in sorted(sources):
        data = sources[name].read_bytes()
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    home = cache_directory() / "test-packages"
    made = home / digest.hexdigest()
    if made.exists():
        return made
    if shutil.which("npm") is None and "CI" not in os.environ:
        pytest.skip("npm is not installed")
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("a") as lock, tempfile.TemporaryDirectory(dir=home, prefix="make-") as scratch:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            stage, result = Path(scratch, "stage"), Path(scratch, "result")
            result.mkdir()
            for name, path in sources.items():
                (stage / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, stage / name)
            # `npm ci` refuses a lock file without the optional packages that nobody published.
            _run(stage, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund")
            _run(stage, "node", "make.mjs", str(result))
            result.rename(made)
    return made


def _run(folder: Path, *command: str) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}"
