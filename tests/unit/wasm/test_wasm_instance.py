"""One call at a time, every failure by its name, and nothing that a guest does reaches beyond its instance."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import wasmtime

from shem.wasm.component import Component, Linked
from shem.wasm.engine import Engine, live
from shem.wasm.errors import Interrupted, Poisoned, Trap, ValueMismatch, WasmError
from shem.wasm.host import HostInterface
from shem.wasm.instance import Instance

GUEST = """(component
  (import "host" (func $host (param "n" u32) (result u32)))
  (core func $host (canon lower (func $host)))
  (core module $main
    (import "" "host" (func $host (param i32) (result i32)))
    (memory (export "memory") 1)
    (global $calls (mut i32) (i32.const 0))
    (global $allocations (mut i32) (i32.const 0))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $allocations (i32.add (global.get $allocations) (i32.const 1))) (i32.const 1024))
    (func (export "count") (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1))) (global.get $calls))
    (func (export "allocations") (result i32) (global.get $allocations))
    (func (export "ask") (param i32) (result i32) (call $host (local.get 0)))
    (func (export "ask-for-ever") (loop $again (drop (call $host (i32.const 1))) (br $again)))
    (func (export "spin") (loop $again (br $again)))
    (func $fall (export "fall") (param i32) (result i32)
      (if (result i32) (local.get 0) (then
        (i32.add (i32.const 1) (call $fall (i32.sub (local.get 0) (i32.const 1)))))
        (else (call $host (i32.const 0)))))
    (func $culprit (export "unreachable") unreachable)
    (func (export "out-of-bounds") (drop (i32.load (i32.const -4))))
    (func (export "divide") (drop (i32.div_u (i32.const 1) (i32.const 0))))
    (func (export "take") (param i32 i32 i32))
    (func (export "grown") (result i32) (local $at i32)
      (local.set $at (i32.mul (memory.grow (i32.const 40)) (i32.const 65536)))
      (i32.store (i32.const 16) (local.get $at)) (i32.store (i32.const 20) (i32.const 4))
      (i32.store (local.get $at) (i32.const 0x64636261))
      (i32.const 16)))
  (core instance $main (instantiate $main (with "" (instance (export "host" (func $host))))))
  (func (export "count") (result u32) (canon lift (core func $main "count")))
  (func (export "allocations") (result u32) (canon lift (core func $main "allocations")))
  (func (export "ask") (param "n" u32) (result u32) (canon lift (core func $main "ask")))
  (func (export "ask-for-ever") (canon lift (core func $main "ask-for-ever")))
  (func (export "spin") (canon lift (core func $main "spin")))
  (func (export "fall") (param "depth" u32) (result u32) (canon lift (core func $main "fall")))
  (func (export "unreachable") (canon lift (core func $main "unreachable")))
  (func (export "out-of-bounds") (canon lift (core func $main "out-of-bounds")))
  (func (export "divide") (canon lift (core func $main "divide")))
  (func (export "take") (param "text" string) (param "n" u8)
    (canon lift (core func $main "take") (memory (core memory $main "memory"))
      (realloc (core func $main "realloc"))))
  (func (export "grown") (result string)
    (canon lift (core func $main "grown") (memory (core memory $main "memory")))))"""


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Linked:
    host = HostInterface("")

    @host.function("host")
    def call_context(context: Callable[[int], int], number: int) -> int:
        return context(number)

    engine = Engine(tmp_path_factory.mktemp("code"))
    return Component.load(engine, bytes(wasmtime.wat2wasm(GUEST))).link([host])


def test_an_instance_keeps_its_state_between_calls_and_shares_none(linked: Linked) -> None:
    one, other = linked.instantiate(None), linked.instantiate(None)
    assert [one.call("", "count"), one.call("", "count"), other.call("", "count")] == [1, 2, 1]


def test_the_context_is_the_first_argument_of_host_functions(linked: Linked) -> None:
    instance = linked.instantiate(lambda n: n * 2)
    assert instance.function("", "ask")(21) == 42


class _Unusual(BaseException):
    pass


@pytest.mark.parametrize("error", [KeyError("k"), KeyboardInterrupt(), SystemExit(3), _Unusual("u")])
def test_an_exception_of_a_host_function_leaves_the_call_as_itself(
    linked: Linked, error: BaseException
) -> None:
    def fail(number: int) -> int:
        raise error

    instance = linked.instantiate(fail)
    with pytest.raises(type(error)) as caught:
        instance.call("", "ask", 1)
    assert caught.value is error
    assert error.__cause__ is None
    assert error.__context__ is None
    assert instance.poisoned
    with pytest.raises(Poisoned):
        instance.call("", "count")


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("unreachable", "unreachable", "unreachable"),
        ("out-of-bounds", "out-of-bounds", "out of bounds"),
        ("divide", "other", "divide by zero"),
    ],
)
def test_a_trap_says_what_happened_and_where(linked: Linked, name: str, kind: str, message: str) -> None:
    instance = linked.instantiate(None)
    with pytest.raises(Trap, match=message) as caught:
        instance.call("", name)
    assert caught.value.kind == kind
    assert len(caught.value.backtrace) == 1
    assert instance.poisoned
    with pytest.raises(Poisoned):
        instance.call("", "count")


def test_a_backtrace_names_functions(linked: Linked) -> None:
    with pytest.raises(Trap) as caught:
        linked.instantiate(None).call("", "unreachable")
    assert caught.value.backtrace == ("main!culprit",)


def test_a_host_result_that_does_not_fit_names_the_function(linked: Linked) -> None:
    instance = linked.instantiate(lambda n: -1)
    with pytest.raises(ValueMismatch, match="result of host: expected u32"):
        instance.call("", "ask", 1)
    assert instance.poisoned


def test_an_argument_that_does_not_fit_changes_nothing(linked: Linked) -> None:
    instance = linked.instantiate(None)
    for args in (("text", 256), ("\ud800", 1), (b"text", 1), ("text",), ("text", 1, 2)):
        with pytest.raises(ValueMismatch):
            instance.call("", "take", *args)
    assert instance.call("", "allocations") == 0
    assert instance.call("", "take", "text", 255) is None


def test_an_unknown_export_is_named(linked: Linked) -> None:
    with pytest.raises(WasmError, match="no function a:b/c#d"):
        linked.instantiate(None).call("a:b/c", "d")


def test_memory_that_has_grown_is_seen(linked: Linked) -> None:
    assert linked.instantiate(None).call("", "grown") == "abcd"


def test_memory_is_bounded(linked: Linked) -> None:
    instance = linked.instantiate(None, max_memory_bytes=10 << 16)
    with pytest.raises(Trap) as caught:
        instance.call("", "grown")  # which does not look whether it got the memory
    assert caught.value.kind == "out-of-bounds"
    with pytest.raises(WasmError, match="limit"):
        linked.instantiate(None, max_memory_bytes=100)


@pytest.mark.parametrize("name", ["spin", "ask-for-ever"])
def test_an_interrupt_stops_a_guest_that_does_not_end(linked: Linked, name: str) -> None:
    running = threading.Event()

    def host(number: int) -> int:
        running.set()
        return number

    instance, bystander = linked.instantiate(host), linked.instantiate(None)
    asked_at: list[float] = []

    def interrupt() -> None:
        if name == "ask-for-ever":
            running.wait()
        asked_at.append(time.perf_counter())
        instance.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(Interrupted) as caught:
        instance.call("", name)
    late = time.perf_counter() - asked_at[0]
    thread.join()
    assert caught.value.kind == "interrupt"
    assert instance.poisoned
    assert late < 0.5  # 0.4 ms when the machine is idle
    assert bystander.call("", "count") == 1


def test_an_interrupt_between_calls_stops_the_next_one(linked: Linked) -> None:
    instance = linked.instantiate(None)
    instance.interrupt()
    with pytest.raises(Interrupted):
        instance.call("", "count")
    with pytest.raises(Poisoned):
        instance.call("", "count")


def test_a_running_instance_cannot_be_called_captured_or_closed(linked: Linked) -> None:
    refused: list[str] = []

    def meddle(number: int) -> int:
        for action in (lambda: instance.call("", "count"), instance.close, instance.capture):
            with pytest.raises(WasmError) as caught:
                action()
            refused.append(str(caught.value))
        return number

    instance = linked.instantiate(meddle)
    assert instance.call("", "ask", 5) == 5
    assert len(refused) == 3
    assert instance.call("", "count") == 1


def test_a_closed_instance_says_so(linked: Linked) -> None:
    with linked.instantiate(None) as instance:
        instance.call("", "count")
    instance.close()
    with pytest.raises(WasmError, match="closed"):
        instance.call("", "count")
    instance.interrupt()


def test_an_instance_that_nobody_holds_is_freed(linked: Linked) -> None:
    instance = linked.instantiate(None)
    instance.call("", "count")
    token = max(live)
    gone = weakref.ref(instance)
    del instance
    gc.collect()
    assert gone() is None
    assert token not in live


def falls(linked: Linked, host: Callable[[int], int] | None = None) -> str:
    instance = linked.instantiate(host)
    with pytest.raises(Trap) as caught:
        instance.call("", "fall", 10_000_000)
    return caught.value.kind


def test_recursion_without_end_is_a_trap_on_any_thread(linked: Linked) -> None:
    kinds = [falls(linked)]
    for stack_bytes in (256 << 10, 64 << 20):
        before = threading.stack_size(stack_bytes)
        thread = threading.Thread(target=lambda: kinds.append(falls(linked)))
        thread.start()
        threading.stack_size(before)
        thread.join()
    assert kinds == ["stack-overflow"] * 3


def test_guests_that_call_guests_have_stack_each(linked: Linked) -> None:
    def deeper(level: int) -> Callable[[int], int]:
        def host(number: int) -> int:
            if level == 0:
                return 1 if falls(linked) == "stack-overflow" else 0
            return int(linked.instantiate(deeper(level - 1)).call("", "fall", 50_000)) - 50_000

        return host

    assert deeper(4)(0) == 1


def test_instances_run_on_threads_at_the_same_time(linked: Linked) -> None:
    results: list[list[int]] = []

    def work(offset: int) -> None:
        instance = linked.instantiate(lambda n: n + offset)
        results.append([instance.call("", "ask", n) - offset for n in range(300)])

    threads = [threading.Thread(target=work, args=(number * 1000,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [list(range(300))] * 8


def test_an_instance_may_be_called_from_another_thread_each_time(linked: Linked) -> None:
    instance = linked.instantiate(None)
    seen: list[Any] = []
    for _ in range(3):
        thread = threading.Thread(target=lambda: seen.append(instance.call("", "count")))
        thread.start()
        thread.join()
    assert seen == [1, 2, 3]


def test_an_interrupt_of_the_waiting_thread_reaches_the_guest(linked: Linked) -> None:
    """As Ctrl-C does: the main thread waits for the guest, and the signal's exception ends the waiting."""

    started = threading.Event()

    def host(number: int) -> int:
        started.set()
        return number

    instance: Instance = linked.instantiate(host)

    def press() -> None:
        started.wait()
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        instance.call("", "ask-for-ever")
    thread.join()
    assert instance.poisoned
