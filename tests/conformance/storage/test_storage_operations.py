"""Each operation does what it says, and refuses what it says it refuses."""

from __future__ import annotations

import pytest

from shem.storage.protocol import (
    AppendOplog,
    ComponentRow,
    DeleteAgent,
    Fenced,
    PutAgent,
    PutComponent,
    PutInbox,
    PutResult,
    PutVersion,
    SetStatus,
    TakeInbox,
    VersionRow,
)

NOBODY = 999_999


def version_row(component: str, version: int, **changes):
    fields = {
        "component": component,
        "version": version,
        "wasm": "ab" * 32,
        "files": None,
        "manifest": b'{"name": "counter"}',
        "agent_types": b"[]",
        "created_at_ns": 7,
    }
    return VersionRow(**(fields | changes))


def test_default_environment_exists_from_the_start(storage):
    assert isinstance(storage.environment("default", "default"), int)
    assert storage.environment("default", "other") is None


def test_an_agent_is_found_by_key_and_by_name(world):
    row = world.row('Counter("bob")', env=b'{"A": "\xc3\xa9"}', status="running", version=3)
    world.storage.commit([PutAgent(row=row)])
    assert world.storage.agent(row.agent) == row
    assert world.storage.agent_named(world.environment, 'Counter("bob")') == row
    assert world.storage.agent_named(world.environment + 1, 'Counter("bob")') is None
    assert world.storage.agent(NOBODY) is None


@pytest.mark.parametrize("name", ["\x00", 'T("\\u0000")', "ünïcödé 🗿", "'; DROP TABLE agent; --", "x" * 600])
def test_any_text_is_a_name(world, name):
    agent = world.agent(name)
    found = world.storage.agent_named(world.environment, name)
    assert found is not None
    assert (found.agent, found.name) == (agent, name)


def test_a_name_is_taken_once_among_the_living(world):
    agent = world.agent("a")
    with pytest.raises(Fenced):
        world.agent("a")
    world.storage.commit([DeleteAgent(agent=agent)])
    assert world.agent("a") != agent


def test_a_key_is_taken_once(world):
    row = world.row("a")
    world.storage.commit([PutAgent(row=row)])
    with pytest.raises(Fenced):
        world.agent("b", agent=row.agent)


def test_a_key_that_was_never_handed_out_is_refused(world):
    with pytest.raises(Fenced):
        world.agent("a", agent=2**40)


def test_an_agent_needs_an_environment(world):
    with pytest.raises(Fenced):
        world.agent("a", environment=NOBODY)


def test_keys_are_never_handed_out_twice(world):
    keys = [world.storage.next_agent() for _ in range(3000)]
    assert len(set(keys)) == len(keys)
    assert keys == sorted(keys)
    assert keys[0] >= 1


def test_status_changes(world):
    agent = world.agent("a")
    for status in ("running", "running", "failed", "idle"):
        world.storage.commit([SetStatus(agent=agent, status=status)])
        assert world.storage.agent(agent).status == status


def test_oplog_is_read_back_in_order(world):
    agent = world.agent("a")
    entries = [b"entry %d" % number for number in range(1, 2001)]
    world.storage.commit([AppendOplog(agent=agent, start=1, entries=entries[:3])])
    world.storage.commit([AppendOplog(agent=agent, start=4, entries=entries[3:])])
    numbered = list(enumerate(entries, 1))
    assert world.storage.oplog(agent) == numbered
    assert world.storage.oplog(agent, 0) == numbered
    assert world.storage.oplog(agent, 1999) == numbered[1998:]
    assert world.storage.oplog(agent, 2001) == []
    assert world.storage.oplog(agent, 1, 1) == numbered[:1]
    assert world.storage.oplog(agent, 511, 3) == numbered[510:513]
    assert world.storage.oplog(agent, 2, 600) == numbered[1:601]
    assert world.storage.oplog(agent, 1, 0) == []
    assert world.storage.oplog_end(agent) == 2000


def test_an_oplog_that_is_not_there_is_empty(world):
    assert world.storage.oplog(NOBODY) == []
    assert world.storage.oplog_end(NOBODY) == 0


@pytest.mark.parametrize("entry", [b"", b"\x00", bytes(range(256)), b"x" * 200_000])
def test_any_bytes_are_an_entry_and_a_payload(world, entry):
    agent = world.agent("a")
    world.storage.commit(
        [AppendOplog(agent=agent, start=1, entries=[entry]), PutInbox(agent=agent, key="k", payload=entry)]
    )
    assert world.storage.oplog(agent) == [(1, entry)]
    assert [row.payload for row in world.storage.inbox(agent)] == [entry]


def test_a_list_of_ten_thousand_entries_is_one_list(world):
    agent = world.agent("a")
    entries = [b"%d" % number for number in range(10_000)]
    with pytest.raises(Fenced):
        world.storage.commit(
            [AppendOplog(agent=agent, start=1, entries=entries), PutResult(agent=NOBODY, key="k", index=1)]
        )
    assert world.storage.oplog_end(agent) == 0
    world.storage.commit([AppendOplog(agent=agent, start=1, entries=entries)])
    assert [entry for _, entry in world.storage.oplog(agent)] == entries


@pytest.mark.parametrize("start", [-1, 0, 1, 2, 3, 5, 100])
def test_an_oplog_has_no_gaps_and_no_second_writer(world, start):
    agent = world.agent("a")
    world.storage.commit([AppendOplog(agent=agent, start=1, entries=[b"1", b"2", b"3"])])
    with pytest.raises(Fenced):
        world.storage.commit([AppendOplog(agent=agent, start=start, entries=[b"x", b"y"])])
    assert world.storage.oplog(agent) == [(1, b"1"), (2, b"2"), (3, b"3")]


def test_the_inbox_is_first_in_first_out(world):
    agent, other = world.agent("a"), world.agent("b")
    for key in ("z", "a", "m"):
        world.storage.commit(
            [
                PutInbox(agent=agent, key=key, payload=key.encode()),
                PutInbox(agent=other, key=key, payload=b"other"),
            ]
        )
    rows = world.storage.inbox(agent)
    assert [(row.agent, row.key, row.payload) for row in rows] == [
        (agent, "z", b"z"),
        (agent, "a", b"a"),
        (agent, "m", b"m"),
    ]
    assert [row.seq for row in rows] == sorted({row.seq for row in rows})


def test_what_is_queued_later_stays_behind_when_the_last_is_taken(world):
    agent = world.agent("a")
    for key in ("1", "2", "3"):
        world.storage.commit([PutInbox(agent=agent, key=key, payload=b"")])
    world.storage.commit([TakeInbox(agent=agent, key="3")])
    world.storage.commit([PutInbox(agent=agent, key="4", payload=b"")])
    world.storage.commit([TakeInbox(agent=agent, key="1")])
    world.storage.commit([PutInbox(agent=agent, key="0", payload=b"")])
    assert [row.key for row in world.storage.inbox(agent)] == ["2", "4", "0"]


def test_a_key_is_queued_once(world):
    agent = world.agent("a")
    world.storage.commit([PutInbox(agent=agent, key="k", payload=b"first")])
    with pytest.raises(Fenced):
        world.storage.commit([PutInbox(agent=agent, key="k", payload=b"second")])
    assert [row.payload for row in world.storage.inbox(agent)] == [b"first"]


def test_a_key_with_a_result_is_not_queued_again(world):
    agent = world.agent("a")
    world.storage.commit([PutInbox(agent=agent, key="k", payload=b"")])
    world.storage.commit([TakeInbox(agent=agent, key="k"), PutResult(agent=agent, key="k", index=3)])
    with pytest.raises(Fenced):
        world.storage.commit([PutInbox(agent=agent, key="k", payload=b"")])
    assert world.storage.inbox(agent) == []


def test_taking_what_is_not_there_is_no_error(world):
    world.storage.commit([TakeInbox(agent=world.agent("a"), key="k"), TakeInbox(agent=NOBODY, key="k")])


def test_a_key_has_one_result(world):
    agent, other = world.agent("a"), world.agent("b")
    world.storage.commit([PutResult(agent=agent, key="k", index=3)])
    with pytest.raises(Fenced):
        world.storage.commit([PutResult(agent=agent, key="k", index=4)])
    assert world.storage.result(agent, "k") == 3
    assert world.storage.result(agent, "other") is None
    assert world.storage.result(other, "k") is None


@pytest.mark.parametrize(
    "op",
    [
        AppendOplog(agent=NOBODY, start=1, entries=[b"x"]),
        AppendOplog(agent=NOBODY, start=2, entries=[b"x"]),
        PutInbox(agent=NOBODY, key="k", payload=b""),
        PutResult(agent=NOBODY, key="k", index=1),
        SetStatus(agent=NOBODY, status="idle"),
        DeleteAgent(agent=NOBODY),
    ],
    ids=lambda op: type(op).__name__,
)
def test_nothing_is_written_for_an_agent_that_is_gone(world, op):
    with pytest.raises(Fenced):
        world.storage.commit([op])


def test_delete_removes_everything_of_the_agent_and_nothing_else(world):
    agent, other = world.agent("a"), world.agent("b")
    for each in (agent, other):
        world.storage.commit(
            [
                AppendOplog(agent=each, start=1, entries=[b"1", b"2"]),
                PutInbox(agent=each, key="queued", payload=b"p"),
                PutResult(agent=each, key="ended", index=2),
            ]
        )
    world.storage.commit([DeleteAgent(agent=agent)])
    assert world.storage.agent(agent) is None
    assert world.storage.agent_named(world.environment, "a") is None
    assert (world.storage.oplog(agent), world.storage.oplog_end(agent)) == ([], 0)
    assert world.storage.inbox(agent) == []
    assert world.storage.result(agent, "ended") is None
    assert world.storage.unfinished() == [other]
    assert world.storage.oplog(other) == [(1, b"1"), (2, b"2")]
    assert world.storage.result(other, "ended") == 2
    assert world.storage.next_agent() > other


def test_unfinished_are_those_with_work(world):
    world.agent("idle")
    running = world.agent("running", status="running")
    queued = world.agent("queued")
    world.agent("failed", status="failed")
    done = world.agent("done", status="running")
    for key in ("1", "2"):
        world.storage.commit([PutInbox(agent=queued, key=key, payload=b"")])
    world.storage.commit([SetStatus(agent=done, status="idle")])
    assert world.storage.unfinished() == [running, queued]


def test_agents_are_listed_in_pages_and_filtered(world):
    made = [
        world.agent(
            f"{number:02}",
            type="AB"[number % 2],
            status=("idle", "failed")[number % 3 == 0],
            version=number % 4,
        )
        for number in reversed(range(24))
    ]
    list_ = world.storage.agents
    assert [row.agent for row in list_(world.environment)] == made
    assert [row.agent for row in list_(world.environment, limit=5)] == made[:5]
    assert [row.agent for row in list_(world.environment, after=made[4], limit=5)] == made[5:10]
    assert {row.type for row in list_(world.environment, type="A")} == {"A"}
    assert len(list_(world.environment, type="A")) == 12
    assert len(list_(world.environment, status="failed")) == 8
    assert len(list_(world.environment, status="idle")) == 16
    assert [row.name for row in list_(world.environment, type="A", status="failed", version=2)] == [
        "18",
        "06",
    ]
    assert list_(world.environment, type="C") == []
    assert list_(world.environment + 1) == []


def test_components_and_versions(world):
    b, a = world.component("b"), world.component("a")
    storage = world.storage
    assert [row.component for row in storage.components(world.environment)] == [a, b]
    assert storage.component(world.environment, "a") == ComponentRow(
        component=a, environment=world.environment, name="a", created_at_ns=5
    )
    assert storage.component(world.environment, "c") is None
    assert storage.components(world.environment + 1) == []
    rows = [
        version_row(a, 0),
        version_row(a, 1, files="cd" * 32, manifest=b"\x00\xff", agent_types=bytes(range(256))),
    ]
    for row in rows:
        storage.commit([PutVersion(row=row)])
    assert storage.versions(a) == rows
    assert storage.versions(b) == []


@pytest.mark.parametrize("version", [-1, 0, 2])
def test_a_version_is_the_next_one_or_refused(world, version):
    component = world.component("a")
    world.storage.commit([PutVersion(row=version_row(component, 0))])
    with pytest.raises(Fenced):
        world.storage.commit([PutVersion(row=version_row(component, version))])
    assert [row.version for row in world.storage.versions(component)] == [0]


def test_a_component_is_made_once_and_a_version_needs_one(world):
    taken = world.component("a")
    for component, name in ((taken, "other"), ("other", "a")):
        row = ComponentRow(component=component, environment=world.environment, name=name, created_at_ns=0)
        with pytest.raises(Fenced):
            world.storage.commit([PutComponent(row=row)])
    homeless = ComponentRow(component="x", environment=NOBODY, name="x", created_at_ns=0)
    with pytest.raises(Fenced):
        world.storage.commit([PutComponent(row=homeless)])
    with pytest.raises(Fenced):
        world.storage.commit([PutVersion(row=version_row("nothing", 0))])


def test_what_is_no_operation_is_refused_at_once(world):
    with pytest.raises(TypeError):
        world.storage.submit([object()], lambda _: None)
    with pytest.raises(TypeError):
        world.storage.submit([PutInbox(agent=world.agent("a"), key="k", payload=None)], lambda _: None)
