"""The one thread that writes: group commit, and what an acknowledgement is worth.

**What ``done(None)`` means.** The transaction that holds the list was written to the write-ahead log, its
commit frame included, and ``fsync`` of that file returned without an error (WAL with ``synchronous=FULL``).
From then on a killed process or a power failure loses nothing of it, provided that the disk does what
``fsync`` asks. Readers see it at once, as every read begins a new snapshot, and a snapshot that begins after
``done`` includes all that came before.

**Why groups.** An ``fsync`` costs 0.3 to 5 ms and is the same for one list as for hundreds. While one group
is being written the others queue, and what has queued is the next group: nobody waits for company, and under
load groups grow by themselves. The result is the latency of one commit when alone, and the throughput of
many when not.

**Why one thread.** SQLite has one writer at a time anyway. A thread of its own gives submitters a total
order for free, keeps ``fsync`` off the threads that run agents, and needs no retry on a busy database. The
thread touches the interpreter lock as seldom as possible; ``sql/writes.sql`` says how and what it is worth.

**One bad list does not fail its neighbours.** A group that cannot be applied is rolled back and halved, and
the halves are written one after the other, in order, until the faulty list stands alone with its error. It
is the same for a list that is fenced, one that does not fit on a full disk, and one that meets a damaged
page. An I/O error is everybody's, and fails the group as it is: who knows how long each attempt would take.

**When a commit fails half-way.** An error of the commit itself (most of all of ``fsync``) leaves it open
whether its frames are in the file. It was not acknowledged, so its outcome is an error and never success.
The connection is kept, and that matters: it knows where the last good commit ended, reads nothing behind
it, and the next commit overwrites the place. A new connection might read the log from the file, find the
frames whole in the page cache, and build on what ``fsync`` said is not on the disk; the kernel tells of a
failed write once and forgets it. So only a crash before the next commit can bring such a list to life, and
that is when ``StorageUnavailable`` means "may or may not have happened": an idempotency key or an oplog
index, read after the restart, decides. SQLite clears its own state after an error, so a disk that has space
again, or a device that is back, is found by the next list.

**Checkpoints** move pages from the log to the database file. Only this thread makes them, after
acknowledgements went out: when nothing was submitted for a moment, or when the log has grown long. A failed
checkpoint loses nothing (the log stays) and is repeated later.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

import apsw

from shem.errors import Stopping, StorageFull, StorageUnavailable
from shem.storage.connection import translated
from shem.storage.protocol import Done, Op
from shem.storage.rows import COLUMNS, DATA_COLUMN, ReserveAgents, Value, encode, statements

GROUP_LISTS_MAX = 512
"""Bounds how long the first list of a group waits for the last one to be applied (some 4 us each)."""

IDLE_CHECKPOINT_S = 0.1
"""After so long without a list a checkpoint is in nobody's way."""

CHECKPOINT_PAGES = 4096
"""Estimated pages in the log after which it is checkpointed also under load: 16 MiB, which a restart reads
in 10 ms, and which take some 10 ms to move."""

PAGE_BYTES = 4096
"""SQLite's page size."""

_log = logging.getLogger(__name__)


class _Submission(NamedTuple):
    values: list[Value]
    done: Done


class SqliteWriter:
    """Owns the writing connection and its thread.

    Args:
        path: the database file; created when missing.
        connect: opens the connection; where tests put faults in.

    Raises:
        StorageCorrupt, PlatformError, StorageUnavailable: as ``connection.open_writer``.
    """

    def __init__(self, path: Path, connect: Callable[[Path], apsw.Connection]) -> None:
        self._path = path
        self._connection = connect(path)
        self._queue: SimpleQueue[_Submission | None] = SimpleQueue()
        self._closing = False
        self._order = threading.Lock()
        self._log_pages = _log_pages(path)
        self._checkpoint_failed = False
        self._thread = threading.Thread(target=self._run, name="shem-storage-writer", daemon=True)
        self._thread.start()

    def submit(self, ops: Sequence[Op | ReserveAgents], done: Done) -> None:
        """Queue ``ops``. They are read before this returns; changing them later changes nothing.

        Raises:
            TypeError: something in ``ops`` is no operation.
        """
        submission = _Submission(encode(ops), done)
        with self._order:
            if not self._closing:
                self._queue.put(submission)
                return
        done(Stopping("the storage is closed"))

    def drain(self) -> None:
        """Finish what was submitted and end the thread; later lists get ``Stopping``."""
        with self._order:
            if not self._closing:
                self._closing = True
                self._queue.put(None)
        self._thread.join()

    def close(self) -> None:
        """Close the connection. Being the last one, it checkpoints and removes the log."""
        self.drain()
        try:
            self._connection.close()
        except apsw.Error as error:
            _log.warning("closing %s, what the log holds stays there: %s", self._path, error)

    def _run(self) -> None:
        while group := self._next_group():
            for submission, error in zip(group, self._write(group), strict=True):
                self._answer(submission.done, error)
            self._log_pages += sum(_pages(submission) for submission in group)
            if self._log_pages >= CHECKPOINT_PAGES:
                self._checkpoint()

    def _next_group(self) -> list[_Submission]:
        """All that waits, at least one; nothing when the end has come."""
        first = self._wait()
        if first is None:
            return []
        group = [first]
        for _ in range(min(self._queue.qsize(), GROUP_LISTS_MAX - 1)):
            submission = self._queue.get()
            if submission is None:
                self._queue.put(None)  # nothing comes after it: drain() bars submit() first
                break
            group.append(submission)
        return group

    def _wait(self) -> _Submission | None:
        if self._log_pages:
            try:
                return self._queue.get(timeout=IDLE_CHECKPOINT_S)
            except Empty:
                self._checkpoint()
        return self._queue.get()

    def _write(self, group: list[_Submission]) -> list[BaseException | None]:
        """Make ``group`` durable; the outcome of each of its lists."""
        values = group[0].values if len(group) == 1 else [value for each in group for value in each.values]
        try:
            self._transact(values)
        except Exception as error:  # noqa: BLE001 - whatever it is, it goes to a submitter
            outcome = translated(error, self._path, system_errno=self._connection.system_errno)
            self._roll_back()
            if len(group) == 1 or _is_everybodys(outcome):
                return [outcome] * len(group)
            half = len(group) // 2
            return self._write(group[:half]) + self._write(group[half:])
        return [None] * len(group)

    def _transact(self, values: list[Value]) -> None:
        steps = statements(values)
        if len(steps) == 1:
            text, bindings = steps[0]
            self._connection.execute(text, bindings)  # alone it is a transaction: committed when this returns
        elif steps:
            self._connection.execute("BEGIN IMMEDIATE")
            for text, bindings in steps:
                self._connection.execute(text, bindings)
            self._connection.execute("COMMIT")

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except apsw.Error as error:
            _log.warning("rolling back in %s: %s", self._path, error)

    def _answer(self, done: Done, error: BaseException | None) -> None:
        try:
            done(error)
        except Exception:  # noqa: BLE001 - a callback's fault must not end the thread that everybody depends on
            _log.exception("a callback of the storage raised")

    def _checkpoint(self) -> None:
        self._log_pages = 0
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            if not self._checkpoint_failed:
                _log.warning("checkpoint of %s failed, it will be repeated: %s", self._path, error)
            self._checkpoint_failed = True
        else:
            self._checkpoint_failed = False


def _is_everybodys(error: BaseException) -> bool:
    """Whether the machine failed, rather than one list of the group."""
    return isinstance(error, StorageUnavailable) and not isinstance(error, StorageFull)


def _log_pages(path: Path) -> int:
    """Pages in the log that a killed process left."""
    try:
        return Path(f"{path}-wal").stat().st_size // PAGE_BYTES
    except FileNotFoundError:
        return 0


def _pages(submission: _Submission) -> int:
    """About how many pages of the log a list fills: a leaf for every row, more where rows are large."""
    data = submission.values[DATA_COLUMN::COLUMNS]
    return len(data) + sum(map(len, filter(None, data))) // PAGE_BYTES  # type: ignore[arg-type]  # that column is bytes or None
