"""Any sequence of lists leaves a storage as it leaves a dict of plain Python values."""

from __future__ import annotations

import copy
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from storage_world import World

from shem.storage.memory import MemoryStorage
from shem.storage.protocol import (
    AppendOplog,
    DeleteAgent,
    Fenced,
    PutAgent,
    PutInbox,
    PutResult,
    SetStatus,
    TakeInbox,
)
from shem.storage.sqlite import SqliteStorage

SLOTS = st.integers(0, 3)
KEYS = st.sampled_from("abc")
STATUS = st.sampled_from(["idle", "running", "failed"])

# What a list may hold, with agents as slots: the machine turns them into keys and operations.
STEPS = st.one_of(
    st.tuples(st.just("append"), SLOTS, st.integers(-1, 1), st.lists(st.binary(max_size=5), max_size=3)),
    st.tuples(st.just("queue"), SLOTS, KEYS, st.binary(max_size=5)),
    st.tuples(st.just("take"), SLOTS, KEYS),
    st.tuples(st.just("result"), SLOTS, KEYS, st.integers(1, 99)),
    st.tuples(st.just("status"), SLOTS, STATUS),
    st.tuples(st.just("delete"), SLOTS),
    st.tuples(st.just("put"), SLOTS, st.sampled_from(["n1", "n2", "n3"])),
)


class Refused(Exception):
    pass


def require(holds: bool) -> None:
    if not holds:
        raise Refused


class StorageMachine(RuleBasedStateMachine):
    """Slot -> agent key -> state; the model is ``self.model``: key -> name, status, oplog, inbox, results."""

    @initialize()
    def begin(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="shem-model-"))
        self.open()
        self.model: dict[int, dict] = {}
        self.slots = [self.world.storage.next_agent() for _ in range(4)]

    def open(self) -> None:
        self.world = World(SqliteStorage(self.directory))

    def teardown(self) -> None:
        self.world.storage.close()
        shutil.rmtree(self.directory)

    @rule(slot=SLOTS)
    def new_key(self, slot: int) -> None:
        key = self.world.storage.next_agent()
        assert key not in self.slots
        assert key not in self.model
        self.slots[slot] = key

    @rule(steps=st.lists(STEPS, min_size=1, max_size=5))
    def one_list(self, steps: list) -> None:
        self.submit([steps])

    @rule(groups=st.lists(st.lists(STEPS, min_size=1, max_size=3), min_size=2, max_size=8))
    def many_lists(self, groups: list) -> None:
        self.submit(groups)

    @rule()
    def reopen(self) -> None:
        self.world.storage.close()
        self.open()

    def submit(self, groups: list) -> None:
        lists, expected = [], []
        for steps in groups:
            trial = copy.deepcopy(self.model)
            ops, refused = [], False
            for step in steps:
                ops.append(self.operation(step, trial))
                if not refused:
                    try:
                        self.apply(ops[-1], trial)
                    except Refused:
                        refused = True
            if not refused:
                self.model = trial
            lists.append(ops)
            expected.append(refused)
        outcomes = self.world.submit(*lists)
        assert [isinstance(error, Fenced) for error in outcomes] == expected
        assert all(error is None or isinstance(error, Fenced) for error in outcomes)

    def operation(self, step: tuple, model: dict) -> object:
        match step:
            case ("append", slot, offset, entries):
                end = len(model[self.slots[slot]]["oplog"]) if self.slots[slot] in model else 0
                return AppendOplog(agent=self.slots[slot], start=end + 1 + offset, entries=entries)
            case ("queue", slot, key, payload):
                return PutInbox(agent=self.slots[slot], key=key, payload=payload)
            case ("take", slot, key):
                return TakeInbox(agent=self.slots[slot], key=key)
            case ("result", slot, key, index):
                return PutResult(agent=self.slots[slot], key=key, index=index)
            case ("status", slot, status):
                return SetStatus(agent=self.slots[slot], status=status)
            case ("delete", slot):
                return DeleteAgent(agent=self.slots[slot])
            case ("put", slot, name):
                return PutAgent(row=self.world.row(name, agent=self.slots[slot]))
        raise AssertionError(step)

    def apply(self, op: object, model: dict) -> None:
        match op:
            case PutAgent(row=row):
                require(row.agent not in model and all(each["name"] != row.name for each in model.values()))
                model[row.agent] = {
                    "name": row.name,
                    "status": row.status,
                    "oplog": [],
                    "inbox": [],
                    "results": {},
                }
            case TakeInbox(agent=agent, key=key):
                if agent in model:
                    model[agent]["inbox"] = [each for each in model[agent]["inbox"] if each[0] != key]
            case AppendOplog(agent=agent, start=start, entries=entries):
                if entries:
                    require(agent in model and start == len(model[agent]["oplog"]) + 1)
                    model[agent]["oplog"] += entries
            case PutInbox(agent=agent, key=key, payload=payload):
                require(agent in model and key not in model[agent]["results"])
                require(key not in dict(model[agent]["inbox"]))
                model[agent]["inbox"].append((key, payload))
            case PutResult(agent=agent, key=key, index=index):
                require(agent in model and key not in model[agent]["results"])
                model[agent]["results"][key] = index
            case SetStatus(agent=agent, status=status):
                require(agent in model)
                model[agent]["status"] = status
            case DeleteAgent(agent=agent):
                require(agent in model)
                del model[agent]

    @invariant()
    def storage_and_model_agree(self) -> None:
        storage = self.world.storage
        listed = storage.agents(self.world.environment)
        assert [row.agent for row in listed] == sorted(self.model)
        assert storage.unfinished() == sorted(
            agent for agent, each in self.model.items() if each["inbox"] or each["status"] == "running"
        )
        for status in ("idle", "running", "failed"):
            assert [row.agent for row in storage.agents(self.world.environment, status=status)] == sorted(
                agent for agent, each in self.model.items() if each["status"] == status
            )
        for agent in {*self.slots, *self.model}:
            each = self.model.get(agent, {"oplog": [], "inbox": [], "results": {}})
            row = storage.agent(agent)
            assert (
                (row.name, row.status) == (each["name"], each["status"]) if row else agent not in self.model
            )
            assert [entry for _, entry in storage.oplog(agent)] == each["oplog"]
            assert storage.oplog_end(agent) == len(each["oplog"])
            assert [(row.key, row.payload) for row in storage.inbox(agent)] == each["inbox"]
            assert {key: storage.result(agent, key) for key in "abc"} == {
                key: each["results"].get(key) for key in "abc"
            }


class MemoryMachine(StorageMachine):
    def open(self) -> None:
        if not hasattr(self, "world"):
            self.world = World(MemoryStorage())

    def reopen(self) -> None:
        """It forgets everything when it is closed."""


LIMITS = settings(
    max_examples=25, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

TestSqliteStorage = StorageMachine.TestCase
TestSqliteStorage.settings = LIMITS
TestMemoryStorage = MemoryMachine.TestCase
TestMemoryStorage.settings = LIMITS
