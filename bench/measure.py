"""Reading a process' memory, a directory's size, and a list's percentiles."""

from __future__ import annotations

import math
from pathlib import Path


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB, as the kernel counts it: a page that is mapped twice counts twice."""
    return _rollup(pid, "Rss")


def pss_mb(pid: int) -> float:
    """The same with every page counted once, shared ones in proportion: what the process really takes.

    Agents of one version map one base image, so the difference is large.
    """
    return _rollup(pid, "Pss")


def _rollup(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"no {name} in smaps_rollup of {pid}")


def disk_bytes(directory: Path) -> int:
    """Bytes on disk of all files below a directory."""
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())
