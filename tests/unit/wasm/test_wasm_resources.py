"""Resources on both sides of the border: who owns them, who may use them, and when they end."""

from __future__ import annotations

from typing import Any

import pytest
import wasmtime

from shem.wasm.component import Component, Linked
from shem.wasm.engine import Engine
from shem.wasm.errors import Poisoned, Trap, ValueMismatch
from shem.wasm.handles import GuestResource
from shem.wasm.host import HostInterface
from shem.wasm.instance import Instance

COUNTERS = """(component
  (core module $drops
    (global $dropped (mut i32) (i32.const 0))
    (func (export "drop") (param i32)
      (if (i32.eq (local.get 0) (i32.const 666)) (then unreachable))
      (global.set $dropped (i32.add (global.get $dropped) (local.get 0))))
    (func (export "dropped") (result i32) (global.get $dropped)))
  (core instance $drops (instantiate $drops))
  (type $counter' (resource (rep i32) (dtor (core func $drops "drop"))))
  (export $counter "counter" (type $counter'))
  (core func $new (canon resource.new $counter'))
  (core func $rep (canon resource.rep $counter'))
  (core module $main
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "rep" (func $rep (param i32) (result i32)))
    (global $kept (mut i32) (i32.const 0))
    (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
    (func (export "value") (param i32) (result i32) (local.get 0))
    (func (export "keep") (param i32) (global.set $kept (local.get 0)))
    (func (export "kept") (result i32) (call $rep (global.get $kept)))
    (func (export "give") (result i32) (global.get $kept)))
  (core instance $main (instantiate $main (with "" (instance
    (export "new" (func $new)) (export "rep" (func $rep))))))
  (func (export "make") (param "n" u32) (result (own $counter)) (canon lift (core func $main "make")))
  (func (export "value") (param "c" (borrow $counter)) (result u32) (canon lift (core func $main "value")))
  (func (export "keep") (param "c" (own $counter)) (canon lift (core func $main "keep")))
  (func (export "kept") (result u32) (canon lift (core func $main "kept")))
  (func (export "give") (result (own $counter)) (canon lift (core func $main "give")))
  (func (export "dropped") (result u32) (canon lift (core func $drops "dropped"))))"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(tmp_path_factory.mktemp("code"))


@pytest.fixture(scope="module")
def counters(engine: Engine) -> Linked:
    return Component.load(engine, bytes(wasmtime.wat2wasm(COUNTERS))).link([])


def test_the_host_holds_a_guests_resource_until_it_drops_it(counters: Linked) -> None:
    instance = counters.instantiate(None)
    held: GuestResource = instance.call("", "make", 7)
    assert held.resource.name == "counter"
    assert [instance.call("", "value", held), instance.call("", "value", held)] == [7, 7]
    held.drop()
    held.drop()
    assert instance.call("", "dropped") == 7
    with pytest.raises(ValueMismatch, match="not given away or dropped"):
        instance.call("", "value", held)


def test_a_resource_that_was_given_to_the_guest_is_no_longer_the_hosts(counters: Linked) -> None:
    instance = counters.instantiate(None)
    held: GuestResource = instance.call("", "make", 5)
    instance.call("", "keep", held)
    with pytest.raises(ValueMismatch):
        instance.call("", "keep", held)
    held.drop()
    assert instance.call("", "dropped") == 0
    assert instance.call("", "kept") == 5
    back: GuestResource = instance.call("", "give")
    assert instance.call("", "value", back) == 5
    with pytest.raises(Trap, match="unknown handle"):
        instance.call("", "give")


def test_a_resource_of_another_instance_is_refused(engine: Engine, counters: Linked) -> None:
    held = (
        Component.load(engine, bytes(wasmtime.wat2wasm(COUNTERS)))
        .link([])
        .instantiate(None)
        .call("", "make", 1)
    )
    with pytest.raises(ValueMismatch):
        counters.instantiate(None).call("", "value", held)


def test_a_destructor_that_traps_poisons_the_instance(counters: Linked) -> None:
    instance = counters.instantiate(None)
    held: GuestResource = instance.call("", "make", 666)
    with pytest.raises(Trap) as caught:
        held.drop()
    assert caught.value.kind == "unreachable"
    with pytest.raises(Poisoned):
        instance.call("", "dropped")


def test_a_guests_own_handles_are_part_of_an_image(counters: Linked) -> None:
    instance = counters.instantiate(None)
    instance.call("", "keep", instance.call("", "make", 9))
    again = counters.instantiate(None, instance.capture())
    instance.close()
    assert again.call("", "kept") == 9
    back: GuestResource = again.call("", "give")
    back.drop()
    assert again.call("", "dropped") == 9


FILES = """(component
  (import "files" (instance $files
    (export "file" (type $file (sub resource)))
    (export "open" (func (param "name" u32) (result (own $file))))
    (export "[method]file.read" (func (param "self" (borrow $file)) (result u32)))
    (export "swap" (func (param "one" (borrow $file)) (param "other" (own $file)) (result (own $file))))))
  (alias export $files "file" (type $file))
  (core func $open (canon lower (func $files "open")))
  (core func $read (canon lower (func $files "[method]file.read")))
  (core func $swap (canon lower (func $files "swap")))
  (core func $drop (canon resource.drop $file))
  (core module $main
    (import "" "open" (func $open (param i32) (result i32)))
    (import "" "read" (func $read (param i32) (result i32)))
    (import "" "swap" (func $swap (param i32 i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "open") (param i32) (result i32) (call $open (local.get 0)))
    (func (export "read") (param i32) (result i32) (call $read (local.get 0)))
    (func (export "swap") (param i32 i32) (result i32) (call $swap (local.get 0) (local.get 1)))
    (func (export "drop") (param i32) (call $drop (local.get 0)))
    (func (export "use") (param i32) (result i32) (call $read (local.get 0)) (call $drop (local.get 0)))
    (func (export "give") (param i32) (result i32) (local.get 0)))
  (core instance $main (instantiate $main (with "" (instance
    (export "open" (func $open)) (export "read" (func $read)) (export "swap" (func $swap))
    (export "drop" (func $drop))))))
  (func (export "open") (param "name" u32) (result u32) (canon lift (core func $main "open")))
  (func (export "read") (param "handle" u32) (result u32) (canon lift (core func $main "read")))
  (func (export "swap") (param "one" u32) (param "other" u32) (result u32)
    (canon lift (core func $main "swap")))
  (func (export "drop") (param "handle" u32) (canon lift (core func $main "drop")))
  (func (export "use") (param "file" (borrow $file)) (result u32) (canon lift (core func $main "use")))
  (func (export "hold") (param "file" (borrow $file)) (result u32) (canon lift (core func $main "read")))
  (func (export "give") (param "file" (own $file)) (result (own $file)) (canon lift (core func $main "give"))))"""


@pytest.fixture
def files(engine: Engine) -> Instance:
    """Files are strings here; the context is the list of those that were dropped."""
    interface = HostInterface("files")
    interface.resource("file", drop=lambda dropped, file: dropped.append(file))
    interface.functions.update(
        {
            "open": lambda dropped, name: f"file {name}",
            "[method]file.read": lambda dropped, file: int(file.split()[1]),
            "swap": lambda dropped, one, other: f"file {one[5:]}{other[5:]}",
        }
    )
    return Component.load(engine, bytes(wasmtime.wat2wasm(FILES))).link([interface]).instantiate([])


def dropped(instance: Instance) -> Any:
    return instance._machine.context


def test_the_guest_uses_a_hosts_resource_by_handle(files: Instance) -> None:
    assert [files.call("", "open", 3), files.call("", "open", 4)] == [1, 2]
    assert files.call("", "read", 2) == 4
    assert dropped(files) == []
    files.call("", "drop", 2)
    assert dropped(files) == ["file 4"]
    with pytest.raises(Trap, match="unknown handle index 2"):
        files.call("", "read", 2)


def test_a_resource_that_is_given_to_the_host_is_not_dropped(files: Instance) -> None:
    one, other = files.call("", "open", 3), files.call("", "open", 4)
    assert files.call("", "read", files.call("", "swap", one, other)) == 34
    assert dropped(files) == []
    assert files.call("", "read", one) == 3
    with pytest.raises(Trap, match="lent"):
        files.call("", "swap", one, one)


def test_a_borrowed_handle_ends_with_the_call(files: Instance) -> None:
    assert files.call("", "use", "file 8") == 8
    assert dropped(files) == []
    with pytest.raises(Trap, match="borrow handles remain"):
        files.call("", "hold", "file 8")


def test_an_owned_resource_goes_in_and_comes_out_as_the_same_object(files: Instance) -> None:
    thing = "file 1"
    assert files.call("", "give", thing) is thing
