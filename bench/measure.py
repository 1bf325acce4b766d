"""Reading a process' memory, a directory's size, and a list's percentiles."""

from __future__ import annotations

import math
from pathlib import Path


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB: its own pages and its share of those it shares with others.

    Read from ``smaps_rollup`` as Rss, so pages of mapped files (compiled code, base images) that are in use
    count fully."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"no Rss in smaps_rollup of {pid}")


def disk_bytes(directory: Path) -> int:
    """Bytes on disk of all files below a directory."""
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())
