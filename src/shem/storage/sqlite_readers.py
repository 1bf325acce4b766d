"""A few read-only connections, lent to whoever reads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from shem.errors import Stopping
from shem.storage.connection import open_reader, translated

READERS_MAX = 8
"""Reads are short and the interpreter lock lets few of them run at a time; each connection may cache 2 MB of
pages."""


class SqliteReaders:
    """Opens connections when they are needed and keeps them.

    Args:
        path: the database file; its writer must be open.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[apsw.Connection] = []
        self._permits = threading.Semaphore(READERS_MAX)
        self._closed = False

    def rows(self, query: str, *bindings: int | str, **about: object) -> list[tuple[object, ...]]:
        """All rows of a query, from a snapshot that begins now.

        Args:
            about: facts for the error when the file is damaged there.

        Raises:
            StorageCorrupt, StorageFull, StorageUnavailable: the query failed.
            Stopping: the storage is closed.
        """
        with self._lend() as connection:
            try:
                return connection.execute(query, bindings).fetchall()
            except apsw.Error as error:
                raise translated(error, self._path, system_errno=connection.system_errno, **about) from error

    def close(self) -> None:
        """Wait for reads under way, then close all connections."""
        self._closed = True
        for _ in range(READERS_MAX):
            self._permits.acquire()
        while self._idle:
            self._idle.pop().close(force=True)
        self._permits.release(READERS_MAX)

    @contextmanager
    def _lend(self) -> Iterator[apsw.Connection]:
        with self._permits:
            if self._closed:
                raise Stopping("the storage is closed")
            connection = self._idle.pop() if self._idle else open_reader(self._path)
            try:
                yield connection
            except BaseException:
                connection.close(force=True)
                raise
            self._idle.append(connection)
