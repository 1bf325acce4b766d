"""The threads that run guests.

A guest runs without Python's global lock, so as many threads as cores keep the machine busy; more only take
turns. But a guest that waits (sleeps, polls) must not keep a core idle: around every wait it *lends* its
place, and the pool may run one more thread meanwhile. Threads are started when they are needed and end
after being idle.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shem.wasm.stack import start_thread

IDLE_S = 10.0
"""A thread without work ends after so many seconds."""

Job = Callable[[], None]


class Workers:
    """A pool that runs at most ``active`` jobs at a time, not counting those that wait inside ``lent()``.

    A job must not raise: whoever hands it in keeps its outcome; one that raises all the same ends the process' trust in
    its own state, so the exception goes to ``threading.excepthook``.

    Args:
        active: jobs that run at the same time.
        threads: bound on all threads, waiting ones included; beyond it ready jobs queue.
    """

    def __init__(self, *, active: int, threads: int = 1024) -> None:
        self._active_max, self._threads_max = active, threads
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0  # alive
        self._idle = 0  # alive and waiting for a job
        self._lent = 0  # alive, inside a job that waits
        self._closed = False

    def submit(self, job: Job) -> None:
        """Run ``job`` on some thread, soon."""
        self._jobs.put(job)
        self._grow()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """While the calling job waits inside this block, another job may run in its place."""
        with self._lock:
            self._lent += 1
        self._grow()
        try:
            yield
        finally:
            with self._lock:
                self._lent -= 1

    def close(self) -> None:
        """End idle threads; busy ones end with their job. Jobs that are still queued do not run."""
        with self._lock:
            self._closed = True
            for _ in range(self._threads):
                self._jobs.put(None)

    def _grow(self) -> None:
        with self._lock:
            running = self._threads - self._lent
            if self._closed or running >= self._active_max or self._threads >= self._threads_max:
                return
            if self._jobs.qsize() <= self._idle:
                return
            self._threads += 1
        start_thread(self._run, "shem-worker")

    def _run(self) -> None:
        while True:
            with self._lock:
                surplus = self._threads - self._lent > self._active_max
                if surplus or self._closed:
                    self._threads -= 1
                    break
                self._idle += 1
            try:
                job = self._jobs.get(timeout=IDLE_S)
            except queue.Empty:
                job = None
            with self._lock:
                self._idle -= 1
                if job is None:
                    self._threads -= 1
                    break
            job()
        self._grow()  # a job that came between this thread's last look and its end
