"""What was stored is what is read, or the error says at which index it is not."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oplog_strategies import ENTRIES

from shem.errors import StorageCorrupt
from shem.oplog import codec
from shem.oplog.entries import ENTRY_TYPES, Entry, InvocationKind, NoOp


@given(ENTRIES, st.integers(1, 2**63))
def test_every_entry_comes_back_as_it_was(entry: Entry, index: int) -> None:
    assert codec.decode(codec.encode(entry), index) == entry


@given(ENTRIES, st.data())
def test_every_flipped_byte_is_found(entry: Entry, data: st.DataObject) -> None:
    stored = bytearray(codec.encode(entry))
    position = data.draw(st.integers(0, len(stored) - 1))
    stored[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StorageCorrupt, match="oplog entry 7 "):
        codec.decode(bytes(stored), 7)


@given(ENTRIES, st.data())
def test_a_torn_entry_is_found(entry: Entry, data: st.DataObject) -> None:
    stored = codec.encode(entry)
    with pytest.raises(StorageCorrupt) as caught:
        codec.decode(stored[: data.draw(st.integers(0, len(stored) - 1))], 7)
    assert caught.value.details["index"] == 7


@given(st.binary(max_size=64))
def test_arbitrary_bytes_are_refused(stored: bytes) -> None:
    with pytest.raises(StorageCorrupt):
        codec.decode(stored, 1)


def _sealed(version: int, body: bytes) -> bytes:
    head = bytes([version])
    return head + codec.crc32(head + body).to_bytes(4, "little") + body


def test_an_entry_of_a_newer_format_is_told_from_a_damaged_one() -> None:
    stored = _sealed(codec.VERSION + 1, codec.encode(NoOp(1))[5:])
    with pytest.raises(StorageCorrupt, match="oplog entry 3 has format version 2, this Shem reads version 1"):
        codec.decode(stored, 3)


def test_an_entry_of_an_unknown_kind_is_told_from_a_damaged_one() -> None:
    stored = _sealed(codec.VERSION, msgspec.msgpack.encode([99, 1]))
    with pytest.raises(StorageCorrupt, match="oplog entry 3 is of a kind that this Shem does not know"):
        codec.decode(stored, 3)


def test_the_stored_form_never_changes() -> None:
    """Golden bytes: whoever changes them makes existing data directories unreadable."""
    assert codec.encode(NoOp(at_ns=1)).hex() == "01f7433246920601"
    assert [kind.__struct_config__.tag for kind in ENTRY_TYPES] == list(range(41))
    assert [member.value for member in InvocationKind] == list(range(6))


CONTRACT_ORDER = """
    create host-call agent-invocation-started agent-invocation-finished suspend error no-op jump interrupted
    exited begin-atomic-region end-atomic-region begin-remote-write end-remote-write pending-agent-invocation
    pending-update successful-update failed-update grow-memory filesystem-storage-usage-update create-resource
    drop-resource log restart activate-plugin deactivate-plugin revert cancel-pending-invocation start-span
    finish-span set-span-attribute change-persistence-level begin-remote-transaction
    pre-commit-remote-transaction pre-rollback-remote-transaction committed-remote-transaction
    rolled-back-remote-transaction snapshot oplog-processor-checkpoint set-retry-policy remove-retry-policy
"""


def test_kinds_are_those_of_the_contract() -> None:
    assert [kind.kind for kind in ENTRY_TYPES] == CONTRACT_ORDER.split()
