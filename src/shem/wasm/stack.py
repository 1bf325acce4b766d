"""Stack for guests: a guest never runs where it could overrun the thread's stack and so end the process.

wasmtime stops a guest after ``WASM_STACK_BYTES`` of stack, wherever on the thread's stack it started. That is
safe only if so much is left, and some for the host functions that the deepest guest frame calls. A thread
that has not got that much (the main thread; one on which a host function of a guest calls another guest)
gives the call to a thread that has, and waits. So signal handlers of Python, which run on the main thread,
never run in the middle of a callback either: Ctrl-C ends the waiting, and with it the guest.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import ClassVar, TypeVar

T = TypeVar("T")

WASM_STACK_BYTES = 8 << 20
"""With it CPython 3.14 in a guest meets its own limits first and raises RecursionError, also when it recurses
in C (``json``, ``repr``); at 4 MiB it did not. wasmtime's default is 512 KiB."""

HOST_STACK_BYTES = 4 << 20
"""For host functions at the deepest point, and for what the thread had on its stack before."""

THREAD_STACK_BYTES = 16 << 20
"""Of a thread that runs guests; address space, not memory."""

_start_lock = threading.Lock()


def start_thread(target: Callable[[], None], name: str) -> None:
    """Start a daemon thread with stack enough to run a guest on, so that ``run_guest`` need not hand it over."""
    with _start_lock:  # the size is the process's: two that set it and set it back must not overlap
        before = threading.stack_size(THREAD_STACK_BYTES)
        try:
            threading.Thread(target=target, name=name, daemon=True).start()
        finally:
            threading.stack_size(before)


class _Thread(threading.local):
    """What is known of the calling thread."""

    inside = False
    """A guest runs on it."""

    def __init__(self) -> None:
        self.roomy = _stack_bytes() >= WASM_STACK_BYTES + HOST_STACK_BYTES


def run_guest(function: Callable[[], T], abandon: Callable[[], None]) -> T:
    """Call ``function``, which runs a guest, here or on another thread, and give what it gives.

    Args:
        abandon: makes ``function`` end soon. Called when an exception (a signal's) ends the waiting for
            another thread; it is raised when ``function`` has ended.
    """
    thread = _thread
    if thread.roomy and not thread.inside:
        thread.inside = True
        try:
            return function()
        finally:
            thread.inside = False
    return _Helper.take().run(function, abandon)


class _Helper:
    """A thread with enough stack; idle ones are kept, as starting one takes a hundred times a hand-over."""

    idle: ClassVar[list[_Helper]] = []

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        start_thread(self._serve, "guest")

    @classmethod
    def take(cls) -> _Helper:
        try:
            return cls.idle.pop()
        except IndexError:
            return cls()

    def _serve(self) -> None:
        _thread.inside = True
        while True:
            self._work.get()()

    def run(self, function: Callable[[], T], abandon: Callable[[], None]) -> T:
        results: list[T] = []
        failures: list[BaseException] = []
        done = SimpleQueue[None]()

        def work() -> None:
            try:
                results.append(function())
            except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
                failures.append(error)
            self.idle.append(self)
            done.put(None)

        self._work.put(work)
        interruption: BaseException | None = None
        while not results and not failures:
            try:
                if interruption is not None:
                    abandon()
                done.get()
            except BaseException as error:  # noqa: BLE001 - raised below, when the guest no longer runs
                interruption = error
        if interruption is not None:
            raise interruption
        if failures:
            raise failures[0]
        return results[0]


def _stack_bytes() -> int:
    """Size of the calling thread's stack; 0 where the system does not tell."""
    process = ctypes.CDLL(None) if os.name == "posix" else None
    if process is not None and hasattr(process, "pthread_getattr_np"):
        attributes, address, size = ctypes.create_string_buffer(256), ctypes.c_void_p(), ctypes.c_size_t()
        process.pthread_self.restype = ctypes.c_void_p
        process.pthread_getattr_np.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
        if process.pthread_getattr_np(process.pthread_self(), attributes) == 0:
            process.pthread_attr_getstack(attributes, ctypes.byref(address), ctypes.byref(size))
            process.pthread_attr_destroy(attributes)
            return size.value
    if process is not None and hasattr(process, "pthread_get_stacksize_np"):
        process.pthread_self.restype = ctypes.c_void_p
        process.pthread_get_stacksize_np.restype = ctypes.c_size_t
        process.pthread_get_stacksize_np.argtypes = (ctypes.c_void_p,)
        return int(process.pthread_get_stacksize_np(process.pthread_self()))
    return 0


_thread = _Thread()
