"""Blobs as files named by their content.

A blob is written to ``incoming/``, synced, and only then moved to its name, so that a file with a blob's
name is whole, always. What a killed process left in ``incoming/`` is removed when the store is opened. The
first two digits of the hash name the folder: 256 folders keep each one small.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import tempfile
from pathlib import Path

from shem.errors import NotFound, PlatformError, StorageCorrupt, StorageUnavailable
from shem.storage.connection import full, sync_directory

INCOMING = "incoming"

_HASH = re.compile(r"[0-9a-f]{64}")


class DirectoryBlobStore:
    """``BlobStore`` in ``directory``, which is created when missing.

    One process at a time: whoever opens it holds the data directory's lock. All methods may be called from
    any thread.

    Raises:
        StorageFull, StorageUnavailable: the folder cannot be created or cleared.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._incoming = directory / INCOMING
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._incoming.mkdir(mode=0o700, exist_ok=True)
            for left_over in self._incoming.iterdir():
                left_over.unlink()
            sync_directory(directory)
            sync_directory(directory.parent)
        except OSError as error:
            raise _failed(directory, error) from error

    def put(self, data: bytes) -> str:
        """Durable when it returns; a stored blob that is damaged is replaced.

        Raises:
            StorageFull: no space; nothing is left behind.
            StorageUnavailable: any other failure.
        """
        hash = hashlib.sha256(data).hexdigest()
        path = self._path(hash)
        try:
            if not _holds(path, data):
                self._write(path, data)
            # Also for a blob that was there: another thread, or a process before this one, may have moved it
            # a moment ago.
            sync_directory(path.parent)
        except OSError as error:
            raise _failed(path, error) from error
        return hash

    def get(self, hash: str) -> bytes:
        try:
            data = self._path(hash).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"there is no blob {hash}") from None
        except OSError as error:
            raise _failed(self._path(hash), error) from error
        if hashlib.sha256(data).hexdigest() != hash:
            raise StorageCorrupt(
                f"the blob {hash} is damaged",
                hint="Deploy or store the same content again, or restore the data directory from a backup.",
                path=str(self._path(hash)),
            )
        return data

    def has(self, hash: str) -> bool:
        return _HASH.fullmatch(hash) is not None and self._path(hash).is_file()

    def _path(self, hash: str) -> Path:
        if _HASH.fullmatch(hash) is None:
            raise NotFound(f"not the hash of a blob: {hash!r}")
        return self._directory / hash[:2] / hash[2:]

    def _write(self, path: Path, data: bytes) -> None:
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            sync_directory(self._directory)
        descriptor, incoming = tempfile.mkstemp(dir=self._incoming)
        try:
            with open(descriptor, "wb", buffering=0) as file:
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(descriptor)
            os.replace(incoming, path)
        except BaseException:
            os.unlink(incoming)
            raise


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except FileNotFoundError:
        return False


def _failed(path: Path, error: OSError) -> PlatformError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full(path)
    return StorageUnavailable(f"{path}: {error.strerror}", path=str(path))
