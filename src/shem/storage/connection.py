"""Connections to the database file: which SQLite, which settings, which schema, and what its errors mean."""

from __future__ import annotations

import errno
import os
from importlib.resources import files
from pathlib import Path

import apsw

from shem.errors import PlatformError, StorageCorrupt, StorageFull, StorageUnavailable
from shem.storage.protocol import Fenced

SQLITE_VERSION_MIN = 3_051_003
"""The first SQLite whose WAL cannot lose a commit to a checkpoint that resets it (sqlite.org/wal.html,
"WAL-reset bug")."""

SCHEMA_VERSION = 1
"""Kept in the file's ``user_version``."""

APPLICATION_ID = 0x5348454D
"""``SHEM``, kept in the file's header."""

BUSY_TIMEOUT_MS = 5_000
"""Nobody but us writes; somebody who looks with another program may hold a lock for a moment."""

WRITER_CACHE_KIB = 32 * 1024
"""Pages of many agents are touched in turn; SQLite's default of 2 MiB would read them again and again."""

WAL_KEPT_BYTES = 64 * 1024 * 1024
"""A WAL that grew beyond this (a reader or a full disk held up a checkpoint) is cut back when it starts
anew."""

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})

_FENCES = frozenset(
    {
        apsw.SQLITE_CONSTRAINT_TRIGGER,
        apsw.SQLITE_CONSTRAINT_UNIQUE,
        apsw.SQLITE_CONSTRAINT_PRIMARYKEY,
        apsw.SQLITE_CONSTRAINT_ROWID,
    }
)


def open_writer(path: Path, vfs: str | None = None) -> apsw.Connection:
    """The one connection that writes; creates the file and its schema when there is none.

    Args:
        vfs: SQLite's name of the file system below; None is the machine's own, tests have one that fails.

    Raises:
        StorageCorrupt: the file is damaged or no database.
        PlatformError: made by a newer Shem, by another program, or this SQLite is too old.
        StorageUnavailable: it cannot be opened.
    """
    if apsw.SQLITE_VERSION_NUMBER < SQLITE_VERSION_MIN or _running_version() < SQLITE_VERSION_MIN:
        raise PlatformError(
            f"SQLite {apsw.sqlite_lib_version()} can lose commits; 3.51.3 or later is needed",
            hint="Install a newer apsw from PyPI.",
        )
    try:
        connection = apsw.Connection(str(path), vfs=vfs)
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close(force=True)
            raise
    except apsw.Error as error:
        raise translated(error, path) from error
    return connection


def open_reader(path: Path) -> apsw.Connection:
    """A connection that cannot write; the writer's must be open."""
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    except apsw.Error as error:
        raise translated(error, path) from error
    return connection


def translated(
    error: BaseException, path: Path, *, system_errno: int = 0, **details: object
) -> BaseException:
    """What an error of SQLite means to callers; any other error is returned as it is.

    A full disk is ``StorageFull`` only where it is certain that nothing was committed: not in ``fsync``.

    Args:
        system_errno: ``errno`` of the system call that failed, where SQLite knows it.
        details: extra facts for a ``StorageCorrupt``.
    """
    if not isinstance(error, apsw.Error):
        return error
    code = getattr(error, "extendedresult", 0)
    match error:
        case apsw.ConstraintError() if code in _FENCES:
            return Fenced(str(error))
        case apsw.ConstraintError() | apsw.MismatchError() | apsw.TooBigError():
            return PlatformError(f"{path} refuses a value: {error}")
        case apsw.FullError():
            return full(path)
        case apsw.IOError() if code != apsw.SQLITE_IOERR_FSYNC and system_errno in _NO_SPACE:
            return full(path)
        case apsw.CorruptError() | apsw.NotADBError():
            return StorageCorrupt(
                f"{path} is damaged: {error}",
                hint="Restore the data directory from a backup; other agents are not affected.",
                path=str(path),
                **details,
            )
        case apsw.IOError() | apsw.CantOpenError() if system_errno:
            return StorageUnavailable(f"{path}: {error} ({os.strerror(system_errno)})", path=str(path))
        case _:
            return StorageUnavailable(f"{path}: {error}", path=str(path))


def full(path: Path) -> StorageFull:
    return StorageFull(
        f"no space left on the device that holds {path}",
        hint="Free some space; nothing acknowledged is lost, and work goes on by itself.",
        path=str(path),
    )


def _prepare(connection: apsw.Connection, path: Path) -> None:
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    new = _is_new(connection, path)
    if connection.pragma("journal_mode", "wal") != "wal":
        raise StorageUnavailable(
            f"{path} is on a file system that cannot hold a write-ahead log", path=str(path)
        )
    connection.pragma("synchronous", "FULL")
    connection.wal_autocheckpoint(0)
    connection.pragma("journal_size_limit", WAL_KEPT_BYTES)
    connection.pragma("cache_size", -WRITER_CACHE_KIB)
    connection.pragma("temp_store", "MEMORY")
    if new:
        with connection:
            connection.execute(_sql("schema.sql"))
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", SCHEMA_VERSION)
        sync_directory(path.parent)
    connection.execute(_sql("writes.sql"))


def _is_new(connection: apsw.Connection, path: Path) -> bool:
    """Whether the file holds nothing yet; looks before anything is changed in what may be somebody else's
    file."""
    if connection.execute("SELECT count(*) FROM sqlite_schema").get == 0:
        return True
    if connection.pragma("application_id") != APPLICATION_ID:
        raise PlatformError(f"{path} is a database of another program", hint="Use another data directory.")
    found = connection.pragma("user_version")
    if found > SCHEMA_VERSION:
        raise PlatformError(
            f"{path} was written by a newer Shem: its schema version is {found},"
            f" this one knows {SCHEMA_VERSION}",
            hint="Upgrade shem, or use another data directory.",
            found=found,
            known=SCHEMA_VERSION,
        )
    return False


def sync_directory(directory: Path) -> None:
    """Make names created in or moved into ``directory`` survive a power failure."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _running_version() -> int:
    major, minor, patch = (int(part) for part in apsw.sqlite_lib_version().split("."))
    return major * 1_000_000 + minor * 1_000 + patch


def _sql(name: str) -> str:
    return files("shem.storage").joinpath("sql", name).read_text(encoding="utf-8")
