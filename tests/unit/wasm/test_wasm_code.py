"""Generated functions are written when they are first called, once, and never half."""

from __future__ import annotations

import threading
from typing import Any

from shem.wasm.abi_code import Code


def test_a_function_is_written_at_its_first_call_and_is_itself_from_then_on() -> None:
    code, written = Code({"offset": 10}), []

    def make() -> str:
        written.append(1)
        return code.define("a, b", [" return a + b + offset"], "add")

    add = code.function(make)
    assert not written
    assert [add(1, 2), add(3, 4)] == [13, 17]
    assert len(written) == 1
    assert add.__code__.co_varnames == ("a", "b")  # nothing stands between the caller and the function


def test_threads_that_call_first_at_the_same_time_write_once() -> None:
    code, written, gate = Code({}), [], threading.Barrier(8)

    def make() -> str:
        written.append(1)
        return code.define("a", [" return a * 2"], "double")

    double = code.function(make)
    results: list[int] = []

    def call() -> None:
        gate.wait()
        results.append(double(21))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [42] * 8
    assert len(written) == 1


def test_a_callback_that_cannot_be_written_fails_its_call_and_is_tried_again() -> None:
    failed: list[tuple[int, BaseException]] = []

    def fail(token: int, error: BaseException) -> int:
        failed.append((token, error))
        return 99

    code = Code({"fail": fail})
    errors: list[Any] = [KeyboardInterrupt()]

    def make() -> str:
        if errors:
            raise errors.pop()
        return code.define("token, caller, cells, count", [" return token + count"], "thunk")

    thunk = code.callback(make)
    assert thunk(1, 0, 0, 4) == 99
    assert [(token, type(error)) for token, error in failed] == [(1, KeyboardInterrupt)]
    assert thunk(1, 0, 0, 4) == 5
