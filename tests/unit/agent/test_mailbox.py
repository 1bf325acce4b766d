"""First in, first out, one at a time, and no key twice."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shem.agent import mailbox
from shem.agent.mailbox import Mailbox
from shem.errors import Overloaded


@dataclass(frozen=True)
class Letter:
    key: str
    text: str = ""


def test_letters_are_taken_in_order_one_at_a_time() -> None:
    box: Mailbox[Letter] = Mailbox()
    for key in "abc":
        box.offer(Letter(key))
    assert box.take() == Letter("a")
    assert box.take() is None, "one is under way"
    box.finish()
    assert box.take() == Letter("b")
    assert len(box) == 1


def test_a_key_that_is_here_leads_to_the_letter_that_is_here() -> None:
    box: Mailbox[Letter] = Mailbox()
    first = box.offer(Letter("a", "first"))
    assert box.offer(Letter("a", "second")) is first
    box.take()
    assert box.offer(Letter("a", "third")) is first, "also while it runs"
    box.finish()
    assert box.offer(Letter("a", "fourth")).text == "fourth"


def test_a_full_mailbox_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "QUEUE_MAX", 2)
    box: Mailbox[Letter] = Mailbox()
    box.offer(Letter("a"))
    box.offer(Letter("b"))
    with pytest.raises(Overloaded):
        box.offer(Letter("c"))
    assert box.offer(Letter("a")) == Letter("a"), "who is in already is not refused"


def test_draining_leaves_the_one_that_runs() -> None:
    box: Mailbox[Letter] = Mailbox()
    for key in "abc":
        box.offer(Letter(key))
    box.take()
    assert [letter.key for letter in box.drain()] == ["b", "c"]
    assert box.find("a") == Letter("a")
    assert box.find("b") is None
    assert len(box) == 0


@given(st.lists(st.one_of(st.sampled_from("abcdef"), st.sampled_from(["take", "finish"]))))
def test_what_is_taken_is_what_was_offered_first_and_nothing_is_lost(steps: list[str]) -> None:
    box: Mailbox[Letter] = Mailbox()
    model: list[str] = []
    current: str | None = None
    for step in steps:
        if step == "take":
            taken = box.take()
            if current is None and model:
                current = model.pop(0)
                assert taken is not None
                assert taken.key == current
            else:
                assert taken is None
        elif step == "finish":
            box.finish()
            current = None
        else:
            box.offer(Letter(step))
            if step not in model and step != current:
                model.append(step)
        assert len(box) == len(model)
