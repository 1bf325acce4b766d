"""A file system below SQLite that fails on demand: what a disk does, not what a mock says."""

from __future__ import annotations

import errno
from pathlib import Path

import apsw

from shem.storage.connection import open_writer


class FaultyDisk:
    """``fail_sync`` or ``fail_write`` set to an errno make calls for the log fail until they are None."""

    def __init__(self) -> None:
        self.fail_sync: int | None = None
        self.fail_write: int | None = None
        self.syncs = 0
        self.name = f"faulty-{id(self)}"
        self._vfs = _Vfs(self)

    def connect(self, path: Path) -> apsw.Connection:
        """As ``open_writer``, over this disk."""
        return open_writer(path, vfs=self.name)

    def close(self) -> None:
        self._vfs.unregister()


class _Vfs(apsw.VFS):
    def __init__(self, disk: FaultyDisk) -> None:
        self._disk = disk
        super().__init__(disk.name, "")

    def xOpen(self, name: object, flags: list[int]) -> apsw.VFSFile:
        return _File(self._disk, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: FaultyDisk, name: object, flags: list[int]) -> None:
        self._disk = disk
        self._is_log = bool(flags[0] & apsw.SQLITE_OPEN_WAL)
        super().__init__("", name, flags)  # type: ignore[arg-type]  # passed on as SQLite gave it

    def xSync(self, flags: int) -> None:
        if self._is_log:
            self._disk.syncs += 1
            if self._disk.fail_sync is not None:
                raise _error(apsw.SQLITE_IOERR_FSYNC)
        super().xSync(flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._is_log and self._disk.fail_write is not None:
            super().xWrite(data[: len(data) // 2], offset)  # a torn write
            full = self._disk.fail_write == errno.ENOSPC
            raise _error(apsw.SQLITE_FULL if full else apsw.SQLITE_IOERR_WRITE)
        super().xWrite(data, offset)


def _error(code: int) -> Exception:
    error = apsw.exception_for(code)
    error.extendedresult = code  # type: ignore[attr-defined]  # what SQLite itself sets
    return error
