"""What an agent saves, another version of its class can load."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from shem_sdk.snapshot import SnapshotRefused, load, save, type_name_of


class Plain:
    def __init__(self, name: str) -> None:
        self.name = name
        self.items: list[Any] = [1, {"a": {2}}]


class Slotted:
    __slots__ = ("x", "y")

    def __init__(self) -> None:
        self.x = 1


class Own:
    def __init__(self, text: str) -> None:
        self.text = text

    def save_snapshot(self) -> bytes:
        return self.text.encode()

    @classmethod
    def load_snapshot(cls, snapshot: bytes) -> Own:
        return cls(snapshot.decode())


def test_fields_come_back_without_the_constructor() -> None:
    saved = save("Plain", Plain("bob"))
    assert type_name_of(saved) == "Plain"
    assert vars(load(Plain, saved)) == {"name": "bob", "items": [1, {"a": {2}}]}


def test_slots_come_back() -> None:
    loaded = load(Slotted, save("Slotted", Slotted()))
    assert loaded.x == 1
    assert not hasattr(loaded, "y")


def test_a_class_may_have_its_own_format() -> None:
    saved = save("Own", Own("a\nb"))
    assert saved.endswith(b"\na\nb")
    assert load(Own, saved).text == "a\nb"


def test_a_field_that_cannot_be_saved_is_named() -> None:
    plain = Plain("bob")
    plain.items = [threading.Lock()]
    with pytest.raises(SnapshotRefused, match="'items' cannot be saved"):
        save("Plain", plain)


def test_formats_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SnapshotRefused, match="no load_snapshot"):
        load(Plain, save("Own", Own("x")))
    with pytest.raises(SnapshotRefused, match="format 2"):
        type_name_of(b'{"format": 2, "type": "Plain", "content": "fields"}\n')
    with pytest.raises(SnapshotRefused, match="no snapshot"):
        type_name_of(b"\xff")


class Careless(Own):
    def save_snapshot(self) -> bytes:
        return "text"  # type: ignore[return-value]  # what is tested

    @classmethod
    def load_snapshot(cls, snapshot: bytes) -> Own:
        return None  # type: ignore[return-value]  # what is tested


def test_a_wrong_answer_of_the_users_methods_is_named() -> None:
    with pytest.raises(SnapshotRefused, match="returned str, not bytes"):
        save("Careless", Careless("x"))
    with pytest.raises(SnapshotRefused, match="returned NoneType, not Careless"):
        load(Careless, save("Own", Own("x")))
