"""One server per data directory.

The lock is ``flock`` on a file in the directory: the kernel lets go of it when the process ends, however it
ends, so a lock of a killed server never has to be broken by hand. What is written in the file only tells
people who holds it. The file is never removed: between opening and locking a file that somebody removes, two
processes could each hold a lock on a file of that name.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from shem.clock import Clock, SystemClock
from shem.errors import DataDirectoryInUse, StorageUnavailable

LOCK_FILE = "lock"

HOLDER_BYTES_MAX = 4096
"""A holder's note is about 100 bytes; more than this is not one."""


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a data directory, as written in its lock file."""

    pid: int
    host: str
    since: str


class DirectoryLock:
    """Held from construction to ``release``.

    Args:
        directory: must exist.

    Raises:
        DataDirectoryInUse: another process, or this one, holds it; ``details``
            has ``path``, ``pid``, ``host`` and ``since``.
        StorageUnavailable: the file system has no locks, or the lock file cannot be opened.
    """

    def __init__(self, directory: Path, clock: Clock | None = None) -> None:
        self._path = directory / LOCK_FILE
        try:
            self._descriptor: int | None = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageUnavailable(f"cannot open the lock file {self._path}: {error.strerror}") from error
        try:
            self._acquire(self._descriptor, clock or SystemClock())
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let go; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _acquire(self, descriptor: int, clock: Clock) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise _in_use(self._path.parent, _holder(descriptor)) from None
            raise StorageUnavailable(f"cannot lock {self._path}: {error.strerror}") from error
        since = datetime.fromtimestamp(clock.wall_ns() // 1_000_000_000, UTC).isoformat()
        note = msgspec.json.encode(Holder(pid=os.getpid(), host=platform.node(), since=since))
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, note, 0)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise StorageUnavailable(f"cannot write {self._path}: {error.strerror}") from error
            # A full disk must not keep a server from starting: the lock holds without the note.


def _holder(descriptor: int) -> Holder | None:
    """None when the holder has not written its note, or could not."""
    try:
        return msgspec.json.decode(os.pread(descriptor, HOLDER_BYTES_MAX, 0), type=Holder)
    except msgspec.DecodeError:
        return None


def _in_use(directory: Path, holder: Holder | None) -> DataDirectoryInUse:
    hint = "Stop that server, or give this one another data directory."
    if holder is None:
        return DataDirectoryInUse(f"{directory} is in use by another server", hint=hint, path=str(directory))
    return DataDirectoryInUse(
        f"{directory} is in use by the server with process id {holder.pid} on {holder.host},"
        f" since {holder.since}",
        hint=hint,
        path=str(directory),
        pid=holder.pid,
        host=holder.host,
        since=holder.since,
    )
