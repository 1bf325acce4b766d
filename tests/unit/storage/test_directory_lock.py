"""One server per data directory, and nobody has to clean up after a killed one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from shem.errors import DataDirectoryInUse, StorageUnavailable
from shem.storage.lock import LOCK_FILE, DirectoryLock
from shem.storage.sqlite import SqliteStorage

HOLD = """
import sys
from pathlib import Path
from shem.storage.sqlite import SqliteStorage
storage = SqliteStorage(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


class At:
    """A clock that stands."""

    def wall_ns(self) -> int:
        return 1_763_800_000_000_000_000

    def monotonic_ns(self) -> int:
        return 0


def test_the_second_is_told_who_holds_it_since_when(tmp_path):
    first = DirectoryLock(tmp_path, At())
    with pytest.raises(DataDirectoryInUse) as caught:
        DirectoryLock(tmp_path)
    error = caught.value
    assert str(tmp_path) in error.message
    assert str(os.getpid()) in error.message
    assert "2025-11-22T08:26:40+00:00" in error.message
    assert error.details["path"] == str(tmp_path)
    assert error.details["pid"] == os.getpid()
    first.release()
    DirectoryLock(tmp_path).release()


def test_release_is_repeatable_and_frees_only_its_own(tmp_path):
    first = DirectoryLock(tmp_path)
    first.release()
    second = DirectoryLock(tmp_path)
    first.release()
    with pytest.raises(DataDirectoryInUse):
        DirectoryLock(tmp_path)
    second.release()


def test_an_unreadable_note_still_refuses_the_second(tmp_path):
    first = DirectoryLock(tmp_path)
    (tmp_path / LOCK_FILE).write_bytes(b"\xff not a note")
    with pytest.raises(DataDirectoryInUse, match="another server"):
        DirectoryLock(tmp_path)
    first.release()


def test_a_note_of_a_dead_server_holds_nothing(tmp_path):
    (tmp_path / LOCK_FILE).write_bytes(
        b'{"pid": 1, "host": "here", "since": "yesterday", "more": "' + b"x" * 500 + b'"}'
    )
    DirectoryLock(tmp_path).release()


def test_a_directory_that_cannot_be_locked_is_an_error_of_the_storage(tmp_path):
    with pytest.raises(StorageUnavailable):
        DirectoryLock(tmp_path / "missing")


def test_a_full_disk_keeps_no_server_from_starting(tmp_path, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    lock = DirectoryLock(tmp_path)
    with pytest.raises(DataDirectoryInUse):
        DirectoryLock(tmp_path)
    lock.release()


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DataDirectoryInUse) as caught:
            SqliteStorage(tmp_path)
        assert caught.value.details["pid"] == holder.pid
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
    SqliteStorage(tmp_path).close()
