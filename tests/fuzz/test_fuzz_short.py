"""The fuzz targets run, briefly, as ``python -m tests.fuzz.parser`` and ``python -m tests.fuzz.abi`` do for long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("target", "runs"), [("parser", 12_000), ("abi", 12_000)])
def test_no_input_breaks_it(target: str, runs: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.fuzz.{target}", "--runs", str(runs)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["runs"] == runs
    assert result["grown_mb"] < 100
    assert min(result["outcomes"].values()) > 0
    assert len(result["outcomes"]) >= 3
