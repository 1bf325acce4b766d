"""A blob is whole or not there, and what is damaged is never handed out."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import signal

import pytest

from shem.errors import NotFound, StorageCorrupt, StorageFull, StorageUnavailable
from shem.storage.blobs import INCOMING, DirectoryBlobStore

DATA = b"some bytes" * 1000


@pytest.fixture
def blobs(tmp_path):
    return DirectoryBlobStore(tmp_path / "blobs")


def path_of(tmp_path, hash):
    return tmp_path / "blobs" / hash[:2] / hash[2:]


def raising(code):
    def fail(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code))

    return fail


def test_any_flipped_byte_is_found(blobs, tmp_path):
    hash = blobs.put(b"0123456789")
    path = path_of(tmp_path, hash)
    for position in range(10):
        damaged = bytearray(b"0123456789")
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(StorageCorrupt) as caught:
            blobs.get(hash)
        assert hash in caught.value.message


@pytest.mark.parametrize("damaged", [b"", DATA[:-1], DATA + b"x", b"x" * len(DATA)])
def test_putting_again_heals_a_damaged_blob(blobs, tmp_path, damaged):
    hash = blobs.put(DATA)
    path_of(tmp_path, hash).write_bytes(damaged)
    assert blobs.put(DATA) == hash
    assert blobs.get(hash) == DATA


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["fsync", "replace", "mkdir"])
def test_a_full_disk_is_told_and_leaves_nothing_behind(blobs, tmp_path, monkeypatch, call, code):
    with monkeypatch.context() as patch:
        patch.setattr(os, call, raising(code))
        with pytest.raises(StorageFull):
            blobs.put(DATA)
    assert list((tmp_path / "blobs" / INCOMING).iterdir()) == []
    assert not blobs.has(hashlib.sha256(DATA).hexdigest())
    assert blobs.get(blobs.put(DATA)) == DATA


def test_a_disk_that_fills_up_in_the_middle_of_a_write(blobs, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(StorageUnavailable, match="File too large"):
            blobs.put(DATA)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert list((tmp_path / "blobs" / INCOMING).iterdir()) == []
    assert blobs.get(blobs.put(DATA)) == DATA


def test_any_other_failure_is_told_as_it_is(blobs, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", raising(errno.EIO))
        with pytest.raises(StorageUnavailable, match="Input/output error") as caught:
            blobs.put(DATA)
    assert not isinstance(caught.value, StorageFull)


def test_what_a_killed_process_left_is_removed_at_opening(blobs, tmp_path):
    hash = blobs.put(DATA)
    left_over = tmp_path / "blobs" / INCOMING / "half"
    left_over.write_bytes(b"ha")
    again = DirectoryBlobStore(tmp_path / "blobs")
    assert not left_over.exists()
    assert again.get(hash) == DATA


def test_half_a_blob_is_never_visible_under_its_name(blobs, monkeypatch):
    hash = hashlib.sha256(DATA).hexdigest()
    real = os.fsync
    looked = []

    def look(descriptor: int) -> None:
        looked.append(blobs.has(hash))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    blobs.put(DATA)
    assert looked[0] is False
    assert blobs.get(hash) == DATA


def test_a_hash_is_no_way_out_of_the_directory(blobs, tmp_path):
    (tmp_path / "secret").write_bytes(b"x")
    with pytest.raises(NotFound):
        blobs.get("../../secret")
