"""Full disk, failing disk, damaged file: the acknowledged is kept, the rest is never called done."""

from __future__ import annotations

import errno
import threading

import apsw
import pytest
from sqlite_faults import FaultyDisk

from shem.errors import PlatformError, StorageCorrupt, StorageFull, StorageUnavailable
from shem.storage import connection as connection_module
from shem.storage.connection import APPLICATION_ID, SCHEMA_VERSION, open_writer
from shem.storage.protocol import AgentRow, AppendOplog, DeleteAgent, PutAgent, PutInbox, SetStatus
from shem.storage.sqlite import DATABASE_FILE, SqliteStorage


@pytest.fixture
def disk():
    disk = FaultyDisk()
    yield disk
    disk.close()


@pytest.fixture
def storage(tmp_path, disk):
    storage = SqliteStorage(tmp_path, connect=disk.connect)
    yield storage
    storage.close()


def new_agent(storage, name="a"):
    row = AgentRow(
        agent=storage.next_agent(),
        environment=storage.environment("default", "default"),
        component="c",
        type="T",
        name=name,
        mode="durable",
        version=0,
        status="idle",
        created_at_ns=0,
    )
    storage.commit([PutAgent(row=row)])
    return row.agent


def together(storage, *lists):
    """The outcomes of lists that wait together, so that they are one group."""
    outcomes, gate, finished = [], threading.Event(), threading.Event()

    def done(error):
        outcomes.append(error)
        if len(outcomes) == len(lists):
            finished.set()

    storage.submit([], lambda _: gate.wait(30))
    for ops in lists:
        storage.submit(ops, done)
    gate.set()
    assert finished.wait(30)
    return outcomes


def append(agent, start, entry=b"x"):
    return [AppendOplog(agent=agent, start=start, entries=[entry])]


def test_a_commit_is_synced_before_it_is_acknowledged(storage, disk):
    agent = new_agent(storage)
    for index in range(1, 6):
        before = disk.syncs
        storage.commit(append(agent, index))
        assert disk.syncs > before


def test_a_group_is_synced_once(storage, disk):
    agents = [new_agent(storage, str(number)) for number in range(50)]
    before = disk.syncs
    assert together(storage, *[append(agent, 1) for agent in agents]) == [None] * 50
    assert disk.syncs == before + 1


def test_a_full_disk_refuses_the_list_and_work_goes_on_when_space_returns(storage, disk):
    agent = new_agent(storage)
    storage.commit(append(agent, 1))
    disk.fail_write = errno.ENOSPC
    for _ in range(3):
        with pytest.raises(StorageFull) as caught:
            storage.commit(append(agent, 2))
        assert caught.value.retryable
        assert storage.oplog(agent) == [(1, b"x")]
    disk.fail_write = None
    storage.commit(append(agent, 2, b"y"))
    assert storage.oplog(agent) == [(1, b"x"), (2, b"y")]


def test_a_disk_that_cannot_sync_acknowledges_nothing(storage, disk, tmp_path):
    agent = new_agent(storage)
    storage.commit(append(agent, 1))
    disk.fail_sync = errno.EIO
    for outcome in together(storage, append(agent, 2, b"lost"), append(agent, 3, b"lost")):
        assert isinstance(outcome, StorageUnavailable)
        assert not isinstance(outcome, StorageFull)
    assert storage.oplog(agent) == [(1, b"x")]
    disk.fail_sync = None
    storage.commit(append(agent, 2, b"y"))
    assert storage.oplog(agent) == [(1, b"x"), (2, b"y")]
    storage.close()
    again = SqliteStorage(tmp_path)
    assert again.oplog(agent) == [(1, b"x"), (2, b"y")]
    again.close()


def test_an_io_error_fails_the_group_with_one_attempt(storage, disk):
    agents = [new_agent(storage, str(number)) for number in range(20)]
    disk.fail_sync = errno.EIO
    before = disk.syncs
    outcomes = together(storage, *[append(agent, 1) for agent in agents])
    assert all(isinstance(outcome, StorageUnavailable) for outcome in outcomes)
    assert disk.syncs == before + 1
    disk.fail_sync = None


def test_what_was_acknowledged_before_a_full_disk_survives_reopening(storage, disk, tmp_path):
    agent = new_agent(storage)
    for index in range(1, 50):
        storage.commit(append(agent, index))
    disk.fail_write = errno.ENOSPC
    with pytest.raises(StorageFull):
        storage.commit(append(agent, 50))
    storage.close()
    again = SqliteStorage(tmp_path)
    assert again.oplog_end(agent) == 49
    again.close()


def test_only_the_lists_that_do_not_fit_are_refused(tmp_path):
    def small(path):
        connection = open_writer(path)
        connection.pragma("max_page_count", 120)
        return connection

    storage = SqliteStorage(tmp_path, connect=small)
    agents = [new_agent(storage, str(number)) for number in range(20)]
    large = {3, 4, 15}
    outcomes = together(
        storage,
        *[
            append(agent, 1, b"x" * (1_000_000 if number in large else 10))
            for number, agent in enumerate(agents)
        ],
    )
    assert {number for number, error in enumerate(outcomes) if isinstance(error, StorageFull)} == large
    assert [storage.oplog_end(agent) for agent in agents] == [int(n not in large) for n in range(20)]

    start = 2
    while True:  # fill it up
        try:
            storage.commit(append(agents[0], start, b"x" * 3000))
        except StorageFull:
            break
        start += 1
    assert storage.oplog_end(agents[0]) == start - 1
    storage.commit([DeleteAgent(agent=agents[0])])
    storage.commit(append(agents[1], 2, b"x" * 3000))
    storage.close()


def test_a_reservation_of_keys_that_failed_hands_out_no_key_twice(storage, disk):
    first = {storage.next_agent() for _ in range(1024)}
    disk.fail_sync = errno.EIO
    with pytest.raises(StorageUnavailable):
        storage.next_agent()
    disk.fail_sync = None
    assert storage.next_agent() not in first


def test_keys_are_not_reused_after_restart_and_delete(tmp_path):
    used: set[int] = set()
    for _ in range(4):
        storage = SqliteStorage(tmp_path)
        for _ in range(3):
            agent = new_agent(storage)
            assert agent not in used
            used.add(agent)
            storage.commit([DeleteAgent(agent=agent)])
        storage.close()


def test_everything_is_there_after_reopening(tmp_path):
    storage = SqliteStorage(tmp_path)
    agent = new_agent(storage)
    storage.commit(
        [
            *append(agent, 1),
            PutInbox(agent=agent, key="k", payload=b"p"),
            SetStatus(agent=agent, status="running"),
        ]
    )
    row, inbox = storage.agent(agent), storage.inbox(agent)
    storage.close()
    assert not (tmp_path / f"{DATABASE_FILE}-wal").exists()
    storage = SqliteStorage(tmp_path)
    assert (storage.agent(agent), storage.inbox(agent), storage.oplog(agent)) == (row, inbox, [(1, b"x")])
    assert storage.unfinished() == [agent]
    storage.close()


def edit(path, statement, *bindings):
    connection = apsw.Connection(str(path / DATABASE_FILE))
    connection.execute(statement, bindings)
    connection.close()


def test_a_damaged_entry_is_named_and_the_others_are_read(tmp_path):
    storage = SqliteStorage(tmp_path)
    agent, other = new_agent(storage, "a"), new_agent(storage, "b")
    for each in (agent, other):
        storage.commit([AppendOplog(agent=each, start=1, entries=[b"entry %d" % n for n in range(1, 11)])])
    storage.close()
    edit(tmp_path, "UPDATE oplog SET entry = x'00' WHERE agent = ? AND idx = 7", agent)
    storage = SqliteStorage(tmp_path)
    with pytest.raises(StorageCorrupt) as caught:
        storage.oplog(agent)
    assert (caught.value.details["agent"], caught.value.details["index"]) == (agent, 7)
    assert len(storage.oplog(agent, 1, 6)) == 6
    assert len(storage.oplog(other)) == 10
    storage.close()


def test_a_missing_entry_is_named(tmp_path):
    storage = SqliteStorage(tmp_path)
    agent = new_agent(storage)
    storage.commit([AppendOplog(agent=agent, start=1, entries=[b"1", b"2", b"3"])])
    storage.close()
    edit(tmp_path, "DELETE FROM oplog WHERE idx = 2")
    storage = SqliteStorage(tmp_path)
    with pytest.raises(StorageCorrupt) as caught:
        storage.oplog(agent)
    assert caught.value.details["index"] == 2
    storage.close()


def test_a_damaged_payload_is_named(tmp_path):
    storage = SqliteStorage(tmp_path)
    agent = new_agent(storage)
    storage.commit([PutInbox(agent=agent, key="k", payload=b"p")])
    storage.close()
    edit(tmp_path, "UPDATE inbox SET payload = x'00'")
    storage = SqliteStorage(tmp_path)
    with pytest.raises(StorageCorrupt) as caught:
        storage.inbox(agent)
    assert (caught.value.details["agent"], caught.value.details["key"]) == (agent, "k")
    storage.close()


def test_a_damaged_page_fails_its_agent_and_not_the_others(tmp_path):
    storage = SqliteStorage(tmp_path)
    agents = [new_agent(storage, str(number)) for number in range(3)]
    for agent in agents:
        entries = [bytes([agent]) * 100] * 200  # several pages
        storage.commit([AppendOplog(agent=agent, start=1, entries=entries)])
    storage.close()
    path = tmp_path / DATABASE_FILE
    content = bytearray(path.read_bytes())
    damaged, *others = (bytes([agent]) * 100 for agent in (agents[1], agents[0], agents[2]))
    page = next(
        at
        for at in range(0, len(content), 4096)
        if damaged in content[at : at + 4096] and not any(each in content[at : at + 4096] for each in others)
    )
    content[page : page + 100] = b"\xff" * 100
    path.write_bytes(content)
    storage = SqliteStorage(tmp_path)
    with pytest.raises(StorageCorrupt) as caught:
        storage.oplog(agents[1])
    assert caught.value.details["agent"] == agents[1]
    outcomes = together(
        storage, append(agents[0], 201), [DeleteAgent(agent=agents[1])], append(agents[2], 201)
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), StorageCorrupt, type(None)]
    assert len(storage.oplog(agents[0])) == len(storage.oplog(agents[2])) == 201
    storage.close()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / DATABASE_FILE).write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(StorageCorrupt, match=DATABASE_FILE):
        SqliteStorage(tmp_path)


def test_a_newer_schema_is_refused_untouched_and_the_lock_let_go(tmp_path):
    SqliteStorage(tmp_path).close()
    edit(tmp_path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = (tmp_path / DATABASE_FILE).read_bytes()
    for _ in range(2):
        with pytest.raises(PlatformError, match="newer Shem") as caught:
            SqliteStorage(tmp_path)
        assert caught.value.hint
    assert (tmp_path / DATABASE_FILE).read_bytes() == before


def test_a_database_of_another_program_is_refused_untouched(tmp_path):
    connection = apsw.Connection(str(tmp_path / DATABASE_FILE))
    connection.execute("CREATE TABLE precious (x)")
    connection.close()
    before = (tmp_path / DATABASE_FILE).read_bytes()
    with pytest.raises(PlatformError, match="another program"):
        SqliteStorage(tmp_path)
    assert (tmp_path / DATABASE_FILE).read_bytes() == before
    assert int.from_bytes(b"SHEM", "big") == APPLICATION_ID


def test_an_old_sqlite_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(connection_module.apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(PlatformError, match=r"3\.51\.3"):
        SqliteStorage(tmp_path)


def test_a_directory_that_cannot_be_made_is_an_error_of_the_storage(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageUnavailable):
        SqliteStorage(tmp_path / "file" / "data")
