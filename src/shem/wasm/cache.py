"""Files that can be made again: how they are written, checked and named.

What wasmtime compiled and what the planner found out is kept, so that a component is read once on a machine.
Both are trusted when they are loaded, machine code by nature and a plan because it is a pickle. So the
directory must be as private as the program itself, a sum tells damage from content, and a plan's name holds
a hash of this package's sources, so that no other version of it is ever read.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import struct
import sys
import tempfile
import time
import zlib
from contextlib import suppress
from pathlib import Path

from .plan import LinkPlan

_READ_BYTES = 256 << 10
"""Fits in the second-level cache: summing up so is faster than through a mapping, which costs page faults."""

_HEADER = struct.Struct("<32sI")
"""SHA-256 of the pickle, number of core modules."""


SETTLED_NS = 2_000_000_000
"""How long ago a file must have been changed to be known by its time of change: older kernels and file systems
count it in steps of up to two seconds."""


def intact(path: Path) -> bool:
    """Whether a file is what was written with ``write_summed``.

    It is read for that when the file system says that it was touched since it was last read here, or keeps it
    for the first time (a copied cache); like Python's own cache of bytecode, one that was not touched is taken
    to be the same.

    Raises:
        OSError: it, or its sum, is missing.
        UnicodeDecodeError: its sum is damaged.
    """
    summed = path.with_suffix(".sum")
    expected, _, stamp = summed.read_text().partition("\n")
    status = path.stat()
    found = f"{status.st_ino} {status.st_size} {status.st_ctime_ns}"
    if stamp == found:
        return True
    if _checksum(path) != expected:
        return False
    if status.st_size > _READ_BYTES and time.time_ns() - status.st_ctime_ns > SETTLED_NS:
        with suppress(OSError):
            replace(summed, f"{expected}\n{found}".encode())
    return True


def write_summed(path: Path, data: bytes) -> None:
    """Write a file that ``intact`` knows.

    Raises:
        OSError: it cannot be written.
    """
    replace(path, data)
    replace(path.with_suffix(".sum"), _sum_text(len(data), zlib.crc32(data)).encode())


def _checksum(path: Path) -> str:
    """Length and CRC-32 of a file, as text."""
    buffer = bytearray(_READ_BYTES)
    view, length, crc = memoryview(buffer), 0, 0
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            crc = zlib.crc32(view[:count], crc)
            length += count
    return _sum_text(length, crc)


def _sum_text(length: int, crc: int) -> str:
    return f"{length} {crc:08x}"


def replace(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem[:16], suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class StoredPlan:
    """A plan on disk, read whole and found undamaged, but not decoded yet: that takes longer than reading.

    Attributes:
        modules: how many core modules it has, so that their code can be loaded meanwhile.
    """

    def __init__(self, modules: int, data: memoryview) -> None:
        self.modules = modules
        self._data = data

    @classmethod
    def read(cls, directory: Path, component: str) -> StoredPlan | None:
        """The plan of a component by its hash; None where there is none, or a damaged one."""
        try:
            data = _plan_path(directory, component).read_bytes()
            digest, modules = _HEADER.unpack_from(data)
        except (OSError, struct.error):
            return None
        body = memoryview(data)[_HEADER.size :]
        return cls(modules, body) if hashlib.sha256(body).digest() == digest else None

    @staticmethod
    def write(directory: Path, component: str, plan: LinkPlan) -> None:
        """Keep a plan for the next time.

        Raises:
            OSError: it cannot be written.
        """
        body = pickle.dumps(plan, pickle.HIGHEST_PROTOCOL)
        header = _HEADER.pack(hashlib.sha256(body).digest(), len(plan.modules))
        replace(_plan_path(directory, component), header + body)

    def decode(self) -> LinkPlan:
        """The plan; as trusted as the code beside it."""
        plan: LinkPlan = pickle.loads(self._data)
        return plan


def _plan_path(directory: Path, component: str) -> Path:
    return directory / f"{component}-{_sources()}.plan"


@functools.cache
def _sources() -> str:
    """Hash of what decides what a plan is: this package's sources and the interpreter."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
