"""A guest takes no more than it is given, and what happens in one call stays in that call."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import wasmtime

from shem.wasm.component import Component, Linked
from shem.wasm.engine import MAX_TABLE_ELEMENTS, Engine, live
from shem.wasm.errors import Interrupted, Poisoned, WasmError
from shem.wasm.host import HostInterface

GUEST = """(component
  (import "host" (func $host (param "n" u32) (result u32)))
  (core func $host (canon lower (func $host)))
  (core module $main
    (import "" "host" (func $host (param i32) (result i32)))
    (memory 2)
    (table $table 10 funcref)
    (func (export "grow-memory") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "grow-table") (param i32) (result i32) (table.grow $table (ref.null func) (local.get 0)))
    (func (export "ask") (param i32) (result i32) (call $host (local.get 0)))
    (func (export "spin") (drop (call $host (i32.const 0))) (loop $again (br $again))))
  (core instance $main (instantiate $main (with "" (instance (export "host" (func $host))))))
  (func (export "grow-memory") (param "pages" u32) (result s32) (canon lift (core func $main "grow-memory")))
  (func (export "grow-table") (param "n" u32) (result s32) (canon lift (core func $main "grow-table")))
  (func (export "ask") (param "n" u32) (result u32) (canon lift (core func $main "ask")))
  (func (export "spin") (canon lift (core func $main "spin"))))"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(tmp_path_factory.mktemp("code"))


@pytest.fixture(scope="module")
def linked(engine: Engine) -> Linked:
    host = HostInterface("")

    @host.function("host")
    def call_context(context: Callable[[int], int], number: int) -> int:
        return context(number)

    return Component.load(engine, bytes(wasmtime.wat2wasm(GUEST))).link([host])


def on_threads(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_memory_beyond_the_limit_is_refused_to_the_guest_which_goes_on(linked: Linked) -> None:
    with linked.instantiate(None, max_memory_bytes=4 << 16) as instance:
        assert instance.call("", "grow-memory", 3) == -1
        assert instance.call("", "grow-memory", 2) == 2
        assert instance.call("", "grow-memory", 1) == -1
        assert not instance.poisoned


def test_a_table_beyond_the_limit_is_refused_to_the_guest_which_goes_on(linked: Linked) -> None:
    with linked.instantiate(None) as instance:
        assert instance.call("", "grow-table", MAX_TABLE_ELEMENTS - 9) == -1
        assert instance.call("", "grow-table", 5) == 10
        assert not instance.poisoned


@pytest.mark.parametrize("module", ["(memory 100)", f"(table {MAX_TABLE_ELEMENTS + 1} funcref)"])
def test_a_component_that_starts_beyond_a_limit_is_refused(engine: Engine, module: str) -> None:
    wat = f"(component (core module $m {module}) (core instance (instantiate $m)))"
    linked = Component.load(engine, bytes(wasmtime.wat2wasm(wat))).link([])
    with pytest.raises(WasmError, match="limit"):
        linked.instantiate(None, max_memory_bytes=50 << 16)


def interrupted_after_s(linked: Linked) -> float:
    running = threading.Event()

    def host(number: int) -> int:
        running.set()
        return number

    asked_at = 0.0
    instance = linked.instantiate(host)

    def interrupt() -> None:
        nonlocal asked_at
        running.wait()
        asked_at = time.perf_counter()
        instance.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(Interrupted):
        instance.call("", "spin")
    ended_at = time.perf_counter()
    thread.join()
    return ended_at - asked_at


def test_a_tight_loop_stops_within_20_ms(linked: Linked) -> None:
    assert (
        min(interrupted_after_s(linked) for _ in range(5)) < 0.020
    )  # the best: others use the cores as well


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit])
def test_what_ends_programs_and_tasks_only_ends_the_call(linked: Linked, kind: type[BaseException]) -> None:
    def host(number: int) -> int:
        raise kind

    instance = linked.instantiate(host)
    with pytest.raises(kind):
        instance.call("", "ask", 1)
    with pytest.raises(Poisoned):
        instance.call("", "ask", 1)
    with linked.instantiate(lambda number: number + 1) as other:
        assert other.call("", "ask", 1) == 2


def test_exceptions_stay_with_the_call_that_raised_them(linked: Linked) -> None:
    wrong: list[object] = []

    def work(thread: int) -> None:
        for turn in range(50):
            mine = RuntimeError(thread, turn)

            def host(number: int, mine: RuntimeError = mine) -> int:
                if number % 2:
                    raise mine
                return number

            instance = linked.instantiate(host)
            try:
                wrong.extend([] if instance.call("", "ask", thread * 2) == thread * 2 else ["answer"])
                instance.call("", "ask", 1)
                wrong.append("no exception")
            except RuntimeError as error:
                if error is not mine:
                    wrong.append(error)
            instance.close()

    on_threads(8, work)
    assert wrong == []


def test_64_threads_run_64_instances(linked: Linked) -> None:
    """All of them are inside of a guest at the same time."""
    gate = threading.Barrier(64, timeout=30)
    results: dict[int, int] = {}

    def host(number: int) -> int:
        gate.wait()
        return number + 1

    def work(thread: int) -> None:
        with linked.instantiate(host) as instance:
            results[thread] = instance.call("", "ask", thread)

    on_threads(64, work)
    assert results == {number: number + 1 for number in range(64)}


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux to tell the memory in use")
def test_instances_leave_nothing_behind(linked: Linked) -> None:
    """``SHEM_TEST_INSTANCES=10000`` for the whole of it; as many use the same memory as a fifth of them."""
    count = int(os.environ.get("SHEM_TEST_INSTANCES", "1500"))
    open_before = len(live)
    sizes: list[int] = []
    for number in range(count):
        instance = linked.instantiate(lambda n: n)
        assert instance.call("", "ask", number) == number
        assert instance.call("", "grow-memory", 1) == 2
        if number % 2:
            instance.close()  # the others are freed because nobody holds them
        del instance
        if number in (count // 5, count - 1):
            gc.collect()
            sizes.append(resident_bytes())
    assert len(live) == open_before
    assert sizes[1] - sizes[0] < 2 << 20
