"""The injected faults are what they say, at the call they name."""

from __future__ import annotations

import threading

import pytest

from shem.errors import StorageFull, StorageUnavailable
from shem.storage.faulty import Fault, FaultPlan, FaultyBlobStore, FaultyStorage, Kind
from shem.storage.memory import MemoryBlobStore, MemoryStorage
from shem.storage.protocol import AgentRow, AppendOplog, PutAgent


@pytest.fixture
def inner():
    inner = MemoryStorage()
    row = AgentRow(
        agent=inner.next_agent(),
        environment=1,
        component="c",
        type="T",
        name="a",
        mode="durable",
        version=0,
        status="idle",
        created_at_ns=0,
    )
    inner.commit([PutAgent(row=row)])
    yield inner
    inner.close()


def append(start):
    return [AppendOplog(agent=1, start=start, entries=[b"x"])]


def test_without_faults_everything_passes_and_is_counted(inner):
    calls = []
    plan = FaultPlan(on_call=lambda name, number: calls.append((name, number)))
    storage = FaultyStorage(inner, plan)
    storage.commit(append(1))
    assert storage.oplog_end(1) == 1
    assert storage.agent(1).name == "a"
    assert (plan.writes, plan.reads) == (1, 2)
    assert calls == [("submit", 1), ("oplog_end", 1), ("agent", 2)]


def test_a_failed_write_did_not_happen(inner):
    storage = FaultyStorage(inner, FaultPlan({2: Fault(Kind.FAIL, StorageFull("full"))}))
    storage.commit(append(1))
    with pytest.raises(StorageFull):
        storage.commit(append(2))
    assert inner.oplog_end(1) == 1
    storage.commit(append(2))
    assert inner.oplog_end(1) == 2


def test_a_lost_write_happened(inner):
    storage = FaultyStorage(inner, FaultPlan({1: Fault(Kind.LOSE)}))
    with pytest.raises(StorageUnavailable):
        storage.commit(append(1))
    assert inner.oplog_end(1) == 1


@pytest.mark.parametrize(("kind", "end"), [(Kind.CRASH_BEFORE, 0), (Kind.CRASH_AFTER, 1)])
def test_after_a_crash_nothing_happens_any_more(inner, kind, end):
    plan = FaultPlan({1: Fault(kind)})
    storage = FaultyStorage(inner, plan)
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            storage.commit(append(1))
        with pytest.raises(StorageUnavailable):
            storage.oplog_end(1)
    assert plan.crashed.is_set()
    storage.close()
    assert inner.oplog_end(1) == end


def test_held_writes_happen_in_order_after_release(inner):
    plan = FaultPlan({2: Fault(Kind.HOLD)})
    storage = FaultyStorage(inner, plan)
    outcomes = []
    finished = threading.Event()
    for start in (1, 2, 3, 4):
        storage.submit(
            append(start),
            lambda error, start=start: (outcomes.append((start, error)), start == 4 and finished.set()),
        )
    inner.commit([])
    assert outcomes == [(1, None)]
    assert inner.oplog_end(1) == 1
    plan.release()
    assert finished.wait(10)
    assert outcomes == [(start, None) for start in (1, 2, 3, 4)]
    storage.commit(append(5))
    assert storage.oplog_end(1) == 5


def test_reads_fail_and_wait(inner):
    plan = FaultPlan(reads={1: Fault(Kind.FAIL), 2: Fault(Kind.HOLD)})
    storage = FaultyStorage(inner, plan)
    with pytest.raises(StorageUnavailable):
        storage.unfinished()
    seen = []
    reader = threading.Thread(target=lambda: seen.append(storage.oplog_end(1)))
    reader.start()
    inner.commit(append(1))
    assert seen == []
    plan.release()
    reader.join(10)
    assert seen == [1]


def test_a_blob_store_shares_the_plan(inner):
    plan = FaultPlan({1: Fault(Kind.LOSE), 3: Fault(Kind.FAIL)})
    store = MemoryBlobStore()
    blobs, storage = FaultyBlobStore(store, plan), FaultyStorage(inner, plan)
    with pytest.raises(StorageUnavailable):
        blobs.put(b"1")
    storage.commit(append(1))
    with pytest.raises(StorageUnavailable):
        blobs.put(b"3")
    hash = blobs.put(b"4")
    assert (blobs.get(hash), blobs.has(hash)) == (b"4", True)
    assert store.has(store.put(b"1"))
    assert plan.writes == 4
