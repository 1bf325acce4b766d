"""Blobs are found by their content's hash, whole."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from shem.errors import NotFound


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 1000])
def test_what_was_put_is_got(blobs, data):
    hash = blobs.put(data)
    assert hash == hashlib.sha256(data).hexdigest()
    assert blobs.get(hash) == data
    assert blobs.has(hash)


def test_putting_again_is_harmless(blobs):
    assert blobs.put(b"same") == blobs.put(b"same")


@pytest.mark.parametrize("hash", ["00" * 32, "", "../../etc/passwd", "AB" * 32, "zz" * 32])
def test_what_is_not_there_is_not_found(blobs, hash):
    assert not blobs.has(hash)
    with pytest.raises(NotFound):
        blobs.get(hash)


def test_eight_threads_may_put_the_same_blobs(blobs):
    data = [b"%d" % number * 100 for number in range(20)]

    def put(_: int) -> list[str]:
        return [blobs.put(each) for each in data]

    with ThreadPoolExecutor(8) as pool:
        hashes = list(pool.map(put, range(8)))
    assert all(each == hashes[0] for each in hashes)
    assert [blobs.get(hash) for hash in hashes[0]] == data
