"""What SQLite is asked to do: no scans, no sorts, a log that stays short."""

from __future__ import annotations

import threading

import apsw
import pytest

from shem.storage import sqlite_writer
from shem.storage.protocol import AgentRow, AppendOplog, PutAgent
from shem.storage.rows import COLUMNS, encode, statement, statements
from shem.storage.sqlite import DATABASE_FILE, SqliteStorage


@pytest.fixture
def storage(tmp_path):
    storage = SqliteStorage(tmp_path)
    yield storage
    storage.close()


@pytest.fixture
def agent(storage):
    row = AgentRow(
        agent=storage.next_agent(),
        environment=1,
        component="c",
        type="T",
        name="a",
        mode="durable",
        version=0,
        status="idle",
        created_at_ns=0,
    )
    storage.commit([PutAgent(row=row)])
    return row.agent


@pytest.mark.parametrize(
    "filters", [{}, {"type": "T"}, {"status": "failed"}, {"type": "T", "status": "failed"}, {"after": 5}]
)
def test_listing_reads_an_index_in_order(storage, tmp_path, monkeypatch, filters):
    asked = []
    real = storage._readers.rows
    monkeypatch.setattr(
        storage._readers, "rows", lambda query, *b, **k: asked.append((query, b)) or real(query, *b, **k)
    )
    storage.agents(1, **filters)
    storage.unfinished()
    connection = apsw.Connection(str(tmp_path / DATABASE_FILE), flags=apsw.SQLITE_OPEN_READONLY)
    for query, bindings in asked:
        plan = " / ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", bindings))
        assert "SEARCH agent" in plan
        assert "SCAN agent" not in plan
        if "LIMIT" in query:
            assert "TEMP B-TREE" not in plan
    connection.close()


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 4095, 4096, 4097, 10_000])
def test_any_number_of_rows_is_a_few_statements_of_few_sizes(rows):
    values = encode([AppendOplog(agent=1, start=1, entries=[b"x"] * rows)])
    steps = statements(values)
    assert len(steps) == -(-rows // 4096)
    sizes = [len(bindings) // COLUMNS for _, bindings in steps]
    assert all(size & (size - 1) == 0 for size in sizes)
    assert [text for text, _ in steps] == [statement(size) for size in sizes]
    assert sum(bindings[::COLUMNS].count(1) for _, bindings in steps) == rows


def test_the_log_is_checkpointed_when_nothing_is_submitted(tmp_path, monkeypatch):
    checkpointed = threading.Event()
    real = sqlite_writer.SqliteWriter._checkpoint

    def watched(self):
        real(self)
        checkpointed.set()

    monkeypatch.setattr(sqlite_writer.SqliteWriter, "_checkpoint", watched)
    storage = SqliteStorage(tmp_path)
    storage.next_agent()
    assert checkpointed.wait(30)
    storage.close()


def test_the_log_stays_short_under_load(storage, agent, tmp_path):
    finished = threading.Event()
    for number in range(1, 4001):
        last = finished.set if number == 4000 else lambda: None
        storage.submit(
            [AppendOplog(agent=agent, start=number, entries=[b"x" * 10_000])], lambda _, last=last: last()
        )
    assert finished.wait(60)
    pages = (tmp_path / f"{DATABASE_FILE}-wal").stat().st_size // 4096
    assert pages < 3 * sqlite_writer.CHECKPOINT_PAGES


def test_a_failed_checkpoint_is_told_once_and_harms_nobody(storage, agent, monkeypatch, caplog):
    class Broken:
        def __init__(self, connection):
            self._connection = connection

        def __getattr__(self, name):
            return getattr(self._connection, name)

        def wal_checkpoint(self, **_):
            raise apsw.FullError("injected")

    real = storage._writer._connection
    monkeypatch.setattr(sqlite_writer, "CHECKPOINT_PAGES", 1)
    monkeypatch.setattr(storage._writer, "_connection", Broken(real))
    for number in range(1, 4):
        storage.commit([AppendOplog(agent=agent, start=number, entries=[b"x"])])
    storage.commit([])
    monkeypatch.setattr(storage._writer, "_connection", real)
    assert storage.oplog_end(agent) == 3
    assert caplog.text.count("checkpoint of") == 1
