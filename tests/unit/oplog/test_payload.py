"""Payloads give back the value, are the same bytes for the same value, and large ones live in the blob
store."""

from __future__ import annotations

import contextlib
import hashlib
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oplog_strategies import PLAIN, TEXT

from shem.errors import NotFound, StorageCorrupt
from shem.oplog import payload
from shem.oplog.entries import External
from shem.wasm.types import Some


class Blobs:
    """A blob store in memory."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        self.data[name] = data
        return name

    def get(self, hash: str) -> bytes:
        try:
            return self.data[hash]
        except KeyError:
            raise NotFound(f"no blob {hash}") from None

    def has(self, hash: str) -> bool:
        return hash in self.data


@given(PLAIN)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    again = payload.decode(payload.encode(value))
    assert again == value
    assert repr(again) == repr(value)  # the types, the sign of zero and the order of keys as well


@given(PLAIN)
def test_what_came_back_has_the_same_bytes_again(value: Any) -> None:
    data = payload.encode(value)
    assert payload.encode(payload.decode(data)) == data


@given(st.lists(PLAIN, max_size=4))
def test_tuples_and_lists_are_the_same(values: list[Any]) -> None:
    assert payload.encode(tuple(values)) == payload.encode(values)
    assert payload.decode(payload.encode(tuple(values))) == values


@given(st.frozensets(TEXT))
def test_a_set_comes_back_as_a_sorted_list_wherever_it_is(names: frozenset[str]) -> None:
    value = [1, ("open", {"flags": names}, [names]), Some(names), names]
    ordered = sorted(names)
    assert payload.decode(payload.encode(value)) == [
        1,
        ["open", {"flags": ordered}, [ordered]],
        Some(ordered),
        ordered,
    ]


def test_a_set_has_the_same_bytes_in_every_process() -> None:
    program = "from shem.oplog import payload; print(payload.encode([frozenset('abcdefgh')]).hex())"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_special_floats_survive() -> None:
    again = payload.decode(payload.encode([math.nan, math.inf, -math.inf, -0.0]))
    assert math.isnan(again[0])
    assert again[1:3] == [math.inf, -math.inf]
    assert math.copysign(1, again[3]) == -1


@pytest.mark.parametrize("value", [object(), [object()], {"a": range(3)}, 1j])
def test_what_is_not_plain_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be recorded"):
        payload.encode(value)


@given(st.binary(max_size=40))
def test_arbitrary_bytes_decode_or_are_called_corrupt(data: bytes) -> None:
    with contextlib.suppress(StorageCorrupt):
        payload.decode(data)


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\x81\x81\x01\x02\x03", b"\x91" * 100_000, b"\xa1\xff", b"\xd6\x05" + bytes(4)]
)
def test_hostile_bytes_are_called_corrupt(data: bytes) -> None:
    with pytest.raises(StorageCorrupt):
        payload.decode(data)


def test_a_large_payload_is_in_the_blob_store_before_it_is_named() -> None:
    blobs = Blobs()
    small, large = bytes(payload.INLINE_MAX_BYTES), bytes(payload.INLINE_MAX_BYTES + 1)
    assert payload.store(small, blobs) == small
    assert blobs.data == {}
    stored = payload.store(large, blobs)
    assert stored == External(hashlib.sha256(large).hexdigest(), len(large))
    assert payload.load(stored, blobs) == large
    assert payload.load(small, blobs) == small


def test_a_blob_of_another_size_is_called_corrupt() -> None:
    blobs = Blobs()
    name = blobs.put(b"abc")
    with pytest.raises(StorageCorrupt, match="has 3 bytes, the oplog expects 4"):
        payload.load(External(name, 4), blobs)
