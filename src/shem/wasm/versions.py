"""Which interface of the host an import means.

An interface name may end in a version: ``wasi:io/poll@0.2.12``. Two versions are compatible when semver
says that the later only adds: the same major number, or below 1.0.0 the same minor number, or below 0.1.0
the same patch number. An import is matched to any compatible version, a lower one as well: if that lacks a
function, linking says which.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@functools.lru_cache(1024)
def _parts(name: str) -> tuple[str, tuple[int, ...]] | None:
    """The name up to what compatible versions have in common, and the version."""
    base, _, version = name.partition("@")
    match = _VERSION.fullmatch(version)
    if match is None:
        return None
    numbers = tuple(int(number) for number in match.groups())
    fixed = next((index for index, number in enumerate(numbers) if number), 2)
    return f"{base}@{numbers[: fixed + 1]}", numbers


def best_match(wanted: str, offered: Iterable[str]) -> str | None:
    """The name among ``offered`` that satisfies an import of ``wanted``.

    That is itself, else the highest compatible one. Names without a version, or with a pre-release, are
    matched exactly.
    """
    offered = list(offered)
    if wanted in offered:
        return wanted
    parts = _parts(wanted)
    if parts is None:
        return None
    compatible = [
        (other[1], name) for name in offered if (other := _parts(name)) is not None and other[0] == parts[0]
    ]
    return max(compatible)[1] if compatible else None
