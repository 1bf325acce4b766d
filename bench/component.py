"""Components: calls both ways, instances and loading, beside wasmtime's own component runtime.

The same components run in the same process through ``wasmtime.component`` and through ``shem.wasm``, in
turns; a ratio is wasmtime's time over ours. Every answer is checked; a wrong one is an error. Prints one JSON
line.

    python -m bench.component [--quick]

- ``host_call``: a guest calls ``number() -> u64`` in a loop; per call, the guest's own work included.
- ``echo``: a guest calls ``echo(string) -> string`` with 32 characters in a loop; per call.
- ``bytes_1mb``: ``give-back(list<u8>) -> list<u8>`` with 1 MB.
- ``python_call``: ``total(string) -> string`` of a guest written in Python that parses and prints JSON.
- ``instantiate_*``: a new instance, freed again.
- ``load_cached``: the Python component by its hash, as a server knows it, from the code cache, with a new
  engine.

All runs on a thread that has the stack for guests, as a server's do; from others every call is handed over.
"""

from __future__ import annotations

import functools
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol

import wasmtime
from wasmtime import component as oracle

from bench.component_guests import python_component, small_component
from bench.invoke import expect
from shem.registry.base_image import preparing_context
from shem.server.compose import cache_directory
from shem.wasi import INTERFACES
from shem.wasm.component import Component, Linked
from shem.wasm.engine import Engine
from shem.wasm.host import HostInterface
from shem.wasm.stack import start_thread

NUMBER = 1 << 40
TEXT = "thirty-two characters of a text!"
MEGABYTE = bytes(range(256)) * 4096
REQUEST, ANSWER = json.dumps([1, 2, 3, 4]), json.dumps({"total": 10})


class Guest(Protocol):
    """An instance, by whatever runs it."""

    def call(self, name: str, *args: Any) -> Any: ...


class Ours:
    """An instance in ``shem.wasm``."""

    def __init__(self, linked: Linked, context: Any) -> None:
        self._instance = linked.instantiate(context)
        self._functions = {
            name: self._instance.function("", name) for name in linked.component.exports.get("", {})
        }

    def call(self, name: str, *args: Any) -> Any:
        return self._functions[name](*args)

    def close(self) -> None:
        self._instance.close()


class Wasmtime:
    """An instance in ``wasmtime.component``, compiled with the settings of ours."""

    def __init__(self, wasm: bytes, host: dict[str, Callable[..., Any]]) -> None:
        config = wasmtime.Config()
        config.wasm_component_model = True
        config.epoch_interruption = True
        config.cranelift_nan_canonicalization = True
        engine = wasmtime.Engine(config)
        self._store = wasmtime.Store(engine)
        self._store.set_wasi(wasmtime.WasiConfig())
        self._store.set_epoch_deadline(1)
        linker = oracle.Linker(engine)
        linker.add_wasip2()
        with linker.root() as root:
            for name, function in host.items():
                root.add_func(name, function)
        self._instance = linker.instantiate(self._store, oracle.Component(engine, wasm))
        self._functions: dict[str, oracle.Func] = {}

    def call(self, name: str, *args: Any) -> Any:
        function = self._functions.get(name)
        if function is None:
            function = self._instance.get_func(self._store, name)
            if function is None:
                raise KeyError(name)
            self._functions[name] = function
        result = function(self._store, *args)
        function.post_return(self._store)
        return result


def seconds(call: Callable[[], object], wanted: object, what: str) -> float:
    """What one call took; its answer is checked."""
    begin = time.perf_counter()
    got = call()
    took = time.perf_counter() - begin
    expect(got, wanted, what)
    return took


def compared(
    ours: Guest, theirs: Guest, rounds: int, times: int, wanted: Any, name: str, *args: Any
) -> tuple[float, float]:
    """Seconds per call of ours, and wasmtime's over ours: medians of rounds in turns.

    Args:
        times: calls that one round stands for, inside the guest or here.
    """
    took: dict[int, list[float]] = {0: [], 1: []}
    for _ in range(rounds):
        for number, guest in enumerate((ours, theirs)):
            call = functools.partial(guest.call, name, *args)
            took[number].append(seconds(call, wanted, name) / times)
    mine, other = statistics.median(took[0]), statistics.median(took[1])
    return mine, other / mine


def median_ms(act: Callable[[], object], rounds: int) -> float:
    """Milliseconds of ``act``, after one run that does not count."""
    act()
    times = []
    for _ in range(rounds):
        gc.collect()
        begin = time.perf_counter()
        act()
        times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times)


def small_figures(engine: Engine, rounds: int) -> dict[str, float]:
    wasm = small_component()
    host = HostInterface("")
    host.functions.update(number=lambda context: NUMBER, echo=lambda context, text: text)
    linked = Component.load(engine, wasm).link([host])
    ours = Ours(linked, None)
    theirs = Wasmtime(wasm, {"number": lambda store: NUMBER, "echo": lambda store, text: text})
    times = 1_000
    call = compared(ours, theirs, rounds, times, times * NUMBER, "sum-numbers", times)
    echo = compared(ours, theirs, rounds, times, times * len(TEXT), "echo-text", TEXT, times)
    block = compared(ours, theirs, max(3, rounds // 10), 1, MEGABYTE, "give-back", MEGABYTE)
    ours.close()
    return {
        "host_call_us": call[0] * 1e6,
        "host_call_ratio": call[1],
        "echo_us": echo[0] * 1e6,
        "echo_ratio": echo[1],
        "bytes_1mb_ms": block[0] * 1e3,
        "bytes_1mb_ratio": block[1],
        "instantiate_small_ms": median_ms(lambda: Ours(linked, None).close(), rounds * 5),
    }


def python_figures(engine: Engine, cache: Path, rounds: int) -> dict[str, float]:
    wasm = python_component(cache / "bench")
    component = Component.load(engine, wasm)
    linked = component.link(INTERFACES)

    def instance() -> Ours:
        context = preparing_context(created_at_ns=0, key="bench", mounts={}, environ={}, output=print)
        return Ours(linked, context)

    def load(hash_: str) -> Component:
        loaded = Component.cached(Engine(engine.cache_dir), hash_)
        if loaded is None:
            raise FileNotFoundError("the component is not in the cache")
        return loaded

    ours, theirs = instance(), Wasmtime(wasm, {})
    call = compared(ours, theirs, rounds * 10, 1, ANSWER, "total", REQUEST)
    ours.close()
    return {
        "python_call_us": call[0] * 1e6,
        "python_call_ratio": call[1],
        "instantiate_python_ms": median_ms(lambda: instance().close(), rounds),
        "load_cached_ms": median_ms(lambda: load(component.hash), rounds),
    }


def measure(rounds: int) -> dict[str, float]:
    cache = cache_directory()
    engine = Engine(cache / "compiled")
    return small_figures(engine, rounds) | python_figures(engine, cache, rounds)


def main() -> None:
    rounds = 10 if "--quick" in sys.argv[1:] else 50
    outcome: Future[dict[str, float]] = Future()

    def work() -> None:
        try:
            outcome.set_result(measure(rounds))
        except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
            outcome.set_exception(error)

    start_thread(work, "bench")
    print(json.dumps({name: round(value, 3) for name, value in outcome.result().items()}))


if __name__ == "__main__":
    main()
