"""Handles are given out, lent and given up as the canonical ABI says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shem.wasm import handles
from shem.wasm.errors import Trap
from shem.wasm.handles import GuestResource, HandleTable
from shem.wasm.types import ResourceType

FILE, PIPE = ResourceType("file", "a:b/c"), ResourceType("pipe", "a:b/c")


def test_numbers_start_at_one_and_the_last_freed_comes_first() -> None:
    table = HandleTable()
    assert [table.add(FILE, letter, owned=True) for letter in "abc"] == [1, 2, 3]
    table.remove(1, FILE)
    table.remove(3, FILE)
    assert [table.add(PIPE, letter, owned=True) for letter in "def"] == [3, 1, 4]
    assert table.get(2, FILE).value == "b"


@pytest.mark.parametrize("number", [0, 2, 3, 2**32 - 1])
def test_a_number_that_is_not_open_traps(number: int) -> None:
    table = HandleTable()
    table.add(FILE, "a", owned=True)
    table.add(FILE, "b", owned=True)
    table.remove(2, FILE)
    for use in (table.get, table.remove, table.take_owned, table.lend):
        with pytest.raises(Trap, match=f"unknown handle index {number}") as caught:
            use(number, FILE)
        assert caught.value.kind == "abi"


def test_a_handle_of_another_type_traps() -> None:
    table = HandleTable()
    number = table.add(FILE, "a", owned=True)
    with pytest.raises(Trap, match="is of resource 'file', not 'pipe'"):
        table.take_owned(number, PIPE)
    with pytest.raises(Trap, match="is of resource"):
        table.get(number, ResourceType("file", "a:b/c"))  # of the same name, but another type


def test_what_is_borrowed_cannot_be_given_away() -> None:
    table = HandleTable()
    number = table.add(FILE, "a", owned=False)
    assert table.borrowed == 1
    with pytest.raises(Trap, match="borrowed"):
        table.take_owned(number, FILE)
    assert table.remove(number, FILE).value == "a"
    assert table.borrowed == 0


def test_what_is_lent_cannot_be_given_away_or_dropped_before_the_call_ends() -> None:
    table = HandleTable()
    number = table.add(FILE, "a", owned=True)
    assert table.lend(number, FILE) == "a"
    assert table.lend(number, FILE) == "a"
    for use in (table.remove, table.take_owned):
        with pytest.raises(Trap, match="lent"):
            use(number, FILE)
    table.end_lends()
    assert table.take_owned(number, FILE) == "a"


def test_a_guest_that_leaks_handles_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handles, "MAX_HANDLES", 3)
    table = HandleTable()
    for _ in range(3):
        table.add(FILE, None, owned=True)
    with pytest.raises(Trap, match="more than 3 handles"):
        table.add(FILE, None, owned=True)


def test_a_held_resource_is_destroyed_once() -> None:
    destroyed: list[int] = []
    held = GuestResource(FILE, 7, lambda resource, representation: destroyed.append(representation))
    held.drop()
    held.drop()
    assert destroyed == [7]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 8), st.booleans())))
def test_a_table_holds_what_a_dict_would(actions: list[tuple[bool, int, bool]]) -> None:
    table = HandleTable()
    model: dict[int, tuple[int, bool]] = {}
    for step, (adding, number, owned) in enumerate(actions):
        if adding:
            made = table.add(FILE, step, owned=owned)
            assert made not in model
            model[made] = step, owned
        elif number in model:
            handle = table.remove(number, FILE)
            assert (handle.value, handle.owned) == model.pop(number)
        else:
            with pytest.raises(Trap):
                table.remove(number, FILE)
    assert table.borrowed == sum(not owned for _, owned in model.values())
    assert {n for n, handle in enumerate(table.entries) if handle is not None} == set(model)
