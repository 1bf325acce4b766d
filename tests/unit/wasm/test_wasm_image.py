"""An instance that was put away and brought back goes on as if it had never stopped."""

from __future__ import annotations

import gc
import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest
import wasmtime
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shem.wasm.component import Component, Linked
from shem.wasm.engine import Engine
from shem.wasm.errors import Trap, WasmError
from shem.wasm.host import HostInterface, NotCapturable
from shem.wasm.image import Image
from shem.wasm.instance import Instance
from shem.wasm.pages import PAGE_BYTES, WASM_PAGE_BYTES, nonzero_runs

GUEST = """(component
  (import "host" (instance $host
    (export "file" (type $file (sub resource)))
    (export "open" (func (param "name" u32) (result (own $file))))
    (export "[method]file.name" (func (param "self" (borrow $file)) (result u32)))))
  (alias export $host "file" (type $file))
  (core func $open (canon lower (func $host "open")))
  (core func $name (canon lower (func $host "[method]file.name")))
  (core func $drop (canon resource.drop $file))
  (core module $library
    (global (export "private") (mut i64) (i64.const 5)))
  (core instance $library (instantiate $library))
  (core module $main
    (import "" "open" (func $open (param i32) (result i32)))
    (import "" "name" (func $name (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (import "library" "private" (global $shared (mut i64)))
    (memory (export "memory") 1 100)
    (memory $second 1)
    (table $table 2 funcref)
    (global $sum (mut i32) (i32.const 0))
    (global $ratio (mut f64) (f64.const 1))
    (global $fill (mut i32) (i32.const 0))
    (func (export "store") (param i32 i32)
      (loop $grow (if (i32.ge_u (local.get 0) (i32.mul (memory.size) (i32.const 65536)))
        (then (drop (memory.grow (i32.const 1))) (br $grow))))
      (i32.store8 (local.get 0) (local.get 1))
      (i32.store $second (i32.const 8) (i32.add (i32.load $second (i32.const 8)) (local.get 1)))
      (global.set $sum (i32.add (global.get $sum) (local.get 1)))
      (global.set $ratio (f64.div (global.get $ratio) (f64.const 3)))
      (global.set $shared (i64.add (global.get $shared) (i64.const 1))))
    (func (export "read") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "state") (result i32)
      (i32.add (i32.add (global.get $sum) (i32.load $second (i32.const 8)))
        (i32.add (i32.wrap_i64 (i64.reinterpret_f64 (global.get $ratio)))
          (i32.wrap_i64 (global.get $shared)))))
    (func (export "open") (param i32) (result i32) (call $open (local.get 0)))
    (func (export "name") (param i32) (result i32) (call $name (local.get 0)))
    (func (export "close") (param i32) (call $drop (local.get 0)))
    (func (export "table") (drop (table.grow $table (ref.null func) (i32.const 1)))))
  (core instance $main (instantiate $main
    (with "" (instance (export "open" (func $open)) (export "name" (func $name)) (export "drop" (func $drop))))
    (with "library" (instance $library))))
  (func (export "store") (param "at" u32) (param "byte" u8) (canon lift (core func $main "store")))
  (func (export "read") (param "at" u32) (result u8) (canon lift (core func $main "read")))
  (func (export "state") (result u32) (canon lift (core func $main "state")))
  (func (export "open") (param "name" u32) (result u32) (canon lift (core func $main "open")))
  (func (export "name") (param "handle" u32) (result u32) (canon lift (core func $main "name")))
  (func (export "close") (param "handle" u32) (canon lift (core func $main "close")))
  (func (export "table") (canon lift (core func $main "table"))))"""


class File:
    def __init__(self, name: int) -> None:
        self.name = name


def host() -> HostInterface:
    interface = HostInterface("host")

    def capture(context: list[Any], file: File) -> dict[str, int]:
        if file.name == 13:
            raise NotCapturable("file 13 is being written")
        return {"name": file.name}

    def restore(context: list[Any], data: dict[str, int]) -> File:
        context.append(data["name"])
        return File(data["name"])

    interface.resource("file", capture=capture, restore=restore)
    interface.functions["open"] = lambda context, name: File(name)
    interface.functions["[method]file.name"] = lambda context, file: file.name
    return interface


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(tmp_path_factory.mktemp("code"))


@pytest.fixture(scope="module")
def linked(engine: Engine) -> Linked:
    return Component.load(engine, bytes(wasmtime.wat2wasm(GUEST))).link([host()])


def saved(image: Image, path: Path) -> Image:
    image.save(path)
    return Image.open(path)


actions = st.lists(
    st.one_of(
        st.tuples(st.just("store"), st.integers(0, 400_000), st.integers(0, 255)),
        st.tuples(st.just("open"), st.integers(20, 99)),
        st.tuples(st.just("close"), st.integers(1, 4)),
        st.tuples(st.just("rest")),
    ),
    max_size=25,
)


def act(instance: Instance, opened: set[int], action: tuple[Any, ...]) -> Any:
    if action[0] == "close":
        if action[1] not in opened:
            return None
        opened.remove(action[1])
    answer = instance.call("", *action)
    if action[0] == "open":
        opened.add(answer)
    return answer


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=actions)
def test_going_on_from_images_equals_never_stopping(
    linked: Linked, tmp_path: Path, steps: list[tuple[Any, ...]]
) -> None:
    steady, stopped = linked.instantiate([]), linked.instantiate([])
    opened: tuple[set[int], set[int]] = set(), set()
    for number, action in enumerate(steps):
        if action[0] == "rest":
            image = stopped.capture()
            if number % 2:
                image = saved(image, tmp_path / "image")
            stopped.close()
            stopped = linked.instantiate([], image)
            continue
        assert act(steady, opened[0], action) == act(stopped, opened[1], action)
    assert steady.call("", "state") == stopped.call("", "state")
    assert everything(steady) == everything(stopped)
    steady.close()
    stopped.close()


def everything(instance: Instance) -> tuple[Any, ...]:
    """All that an image holds, its memories as bytes."""
    machine = instance._machine
    memories = [
        bytes(machine.store.memory_view(machine.item(slot.slot)))
        for slot in machine.linked.component.plan.memories
    ]
    metadata = instance.capture().metadata
    return metadata.globals, metadata.tables, [memory.size for memory in metadata.memories], memories


def test_instances_of_one_image_do_not_disturb_each_other_or_the_image(
    linked: Linked, tmp_path: Path
) -> None:
    first = linked.instantiate([])
    first.call("", "store", 100_000, 7)
    image = saved(first.capture(), tmp_path / "image")
    first.call("", "store", 100_000, 8)
    one, other = linked.instantiate([], image), linked.instantiate([], image)
    one.call("", "store", 100_000, 9)
    one.call("", "store", 300_000, 9)
    assert [i.call("", "read", 100_000) for i in (first, one, other)] == [8, 9, 7]
    with pytest.raises(Trap):
        other.call("", "read", 300_000)
    del image
    gc.collect()
    (tmp_path / "image").unlink()
    assert linked.instantiate([], first.capture()).call("", "read", 100_000) == 8
    assert one.call("", "read", 300_000) == 9


def test_handles_keep_their_numbers_and_their_resources(linked: Linked) -> None:
    instance = linked.instantiate([])
    assert [instance.call("", "open", name) for name in (21, 22, 23)] == [1, 2, 3]
    instance.call("", "close", 2)
    context: list[int] = []
    again = linked.instantiate(context, instance.capture())
    assert context == [21, 23]
    assert [again.call("", "name", handle) for handle in (1, 3)] == [21, 23]
    assert [again.call("", "open", 24), again.call("", "open", 25)] == [2, 4]


def test_what_cannot_be_captured_now_is_named_and_the_instance_goes_on(linked: Linked) -> None:
    instance = linked.instantiate([])
    handle = instance.call("", "open", 13)
    with pytest.raises(NotCapturable, match="file 13"):
        instance.capture()
    instance.call("", "close", handle)
    instance.capture()
    instance.call("", "table")
    with pytest.raises(NotCapturable, match="table"):
        instance.capture()
    assert not instance.poisoned


def test_a_resource_without_capture_cannot_be_captured(engine: Engine) -> None:
    plain = host()
    plain.resource("file")
    instance = Component.load(engine, bytes(wasmtime.wat2wasm(GUEST))).link([plain]).instantiate([])
    instance.capture()
    instance.call("", "open", 1)
    with pytest.raises(NotCapturable, match="'file' of host is open"):
        instance.capture()


def test_an_image_is_of_one_component(engine: Engine, linked: Linked) -> None:
    other = Component.load(engine, bytes(wasmtime.wat2wasm("(component)"))).link([])
    image = other.instantiate(None).capture()
    assert image.component == other.component.hash
    other.instantiate(None, image)
    with pytest.raises(WasmError, match="another component"):
        linked.instantiate([], image)


def test_an_image_of_another_layout_is_refused(linked: Linked) -> None:
    image = linked.instantiate([]).capture()
    image.metadata = msgspec.structs.replace(image.metadata, globals=image.metadata.globals[1:])
    with pytest.raises(WasmError, match="reads the component otherwise"):
        linked.instantiate([], image)


def test_a_file_that_is_not_a_whole_image_is_refused(linked: Linked, tmp_path: Path) -> None:
    path = tmp_path / "image"
    linked.instantiate([]).capture().save(path)
    data = path.read_bytes()
    assert Image.open(path).component == linked.component.hash
    for broken in (
        b"",
        data[:20],
        data[:-1],
        data[: len(data) // 2],
        b"x" + data[1:],
        data[:8] + b"\2" + data[9:],
    ):
        path.write_bytes(broken)
        with pytest.raises(WasmError, match="not a whole image"):
            Image.open(path)
    flipped = bytearray(data)
    flipped[-3] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(WasmError, match="metadata is damaged"):
        Image.open(path)
    with pytest.raises(FileNotFoundError):
        Image.open(tmp_path / "nothing")


def test_saving_leaves_the_old_image_or_the_new_one(linked: Linked, tmp_path: Path) -> None:
    image = linked.instantiate([]).capture()
    image.save(tmp_path / "image")
    with pytest.raises(OSError, match="missing"):
        image.save(tmp_path / "missing" / "image")
    assert [path.name for path in tmp_path.iterdir()] == ["image"]


def test_zero_pages_take_no_room(linked: Linked, tmp_path: Path) -> None:
    instance = linked.instantiate([])
    instance.call("", "store", 6_000_000, 1)
    instance.capture().save(tmp_path / "image")
    status = (tmp_path / "image").stat()
    assert status.st_size > 6_000_000
    assert status.st_blocks * 512 < 200_000


@given(st.sets(st.integers(0, 8 * WASM_PAGE_BYTES - 1), max_size=12))
def test_runs_hold_every_byte_that_is_not_zero(places: set[int]) -> None:
    memory = bytearray(8 * WASM_PAGE_BYTES)
    for place in places:
        memory[place] = 1
    runs = nonzero_runs(memoryview(memory))
    pages = {place // PAGE_BYTES for place in places}
    assert pages == {page for start, end in runs for page in range(start // PAGE_BYTES, end // PAGE_BYTES)}
    assert all(one[1] < other[0] for one, other in itertools.pairwise(runs))
