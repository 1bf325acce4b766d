"""Pages of linear memories: which of them say something, and how a file is laid under them.

An image keeps a memory in a sparse file at the memory's own offsets, so that one mapping brings all of it
back, and zero pages take no room. On Linux the file is mapped privately over the linear memory: restoring
takes the same time for any size, instances share the pages that they do not write, and the kernel knows
which ones they did write.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
from collections.abc import Iterable, Iterator

PAGE_BYTES = 4096
"""What a file system stores and the kernel copies on write, at the least."""

WASM_PAGE_BYTES = 65536
"""What a linear memory grows by; a multiple of the page size of every system that wasmtime runs on."""

_ZERO_CHUNK = bytes(WASM_PAGE_BYTES)
_ZERO_PAGE = bytes(PAGE_BYTES)
_COPY_BYTES = 1 << 20
_MAP_FIXED = 0x10
_LINUX = platform.system() == "Linux"

Run = tuple[int, int]
"""(start, end) in bytes, multiples of ``PAGE_BYTES``."""


def nonzero_runs(memory: memoryview) -> list[Run]:
    """The parts of a memory that are not zero, in order, as few as can be.

    Args:
        memory: as many bytes as whole WebAssembly pages have.
    """
    runs: list[Run] = []
    for start, end in _nonzero_pieces(memory):
        if runs and runs[-1][1] == start:
            runs[-1] = runs[-1][0], end
        else:
            runs.append((start, end))
    return runs


def _nonzero_pieces(memory: memoryview) -> Iterator[Run]:
    for chunk_start in range(0, len(memory), WASM_PAGE_BYTES):
        chunk = bytes(memory[chunk_start : chunk_start + WASM_PAGE_BYTES])
        if chunk == _ZERO_CHUNK:
            continue
        for at in range(0, len(chunk), PAGE_BYTES):
            if chunk[at : at + PAGE_BYTES] != _ZERO_PAGE:
                yield chunk_start + at, chunk_start + at + PAGE_BYTES


def anonymous_file() -> int:
    """Descriptor of a new file without a name, gone when it is closed; in memory on Linux."""
    if _LINUX:
        return os.memfd_create("shem-image", os.MFD_CLOEXEC)
    import tempfile  # only where there are no memory files

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of ``data`` at ``offset``."""
    data = memoryview(data)
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written


def copy_runs(source: int, target: int, runs: Iterable[Run]) -> None:
    """Copy parts of a file to the same offsets of another."""
    for start, end in runs:
        for at in range(start, end, _COPY_BYTES):
            data = os.pread(source, min(_COPY_BYTES, end - at), at)
            write_all(target, data, at)


def lay_under(address: int, size: int, descriptor: int, offset: int) -> None:
    """Make ``size`` bytes of memory what stands in a file, privately: writes stay in the memory.

    The file must keep its content for as long as the memory lives.

    Args:
        address: of a linear memory, which ``size`` fits in.

    Raises:
        OSError: the memory is in an unknown state and must not be used.
    """
    if size == 0:
        return
    if _LINUX:
        protection = mmap.PROT_READ | mmap.PROT_WRITE
        mapped = _mmap(address, size, protection, mmap.MAP_PRIVATE | _MAP_FIXED, descriptor, offset)
        if mapped != address:
            number = ctypes.get_errno()
            raise OSError(number, f"cannot map an image: {os.strerror(number)}")
        return
    memory = memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")
    for at in range(0, size, _COPY_BYTES):
        data = os.pread(descriptor, min(_COPY_BYTES, size - at), offset + at)
        memory[at : at + len(data)] = data


if _LINUX:
    _mmap = ctypes.CDLL(None, use_errno=True).mmap
    _mmap.restype = ctypes.c_void_p
    _mmap.argtypes = (
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int64,
    )
