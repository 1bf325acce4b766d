"""Guests run on a bounded number of threads, and a guest that waits does not keep another one waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from shem.executor.workers import Workers

TIMEOUT_S = 10.0


@pytest.fixture
def workers() -> Iterator[Workers]:
    pool = Workers(active=2, threads=8)
    yield pool
    pool.close()


def test_no_more_jobs_run_than_allowed(workers: Workers) -> None:
    lock = threading.Lock()
    running = 0
    most = 0
    done = threading.Semaphore(0)

    def job() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1
        done.release()

    for _ in range(40):
        workers.submit(job)
    for _ in range(40):
        assert done.acquire(timeout=TIMEOUT_S)
    assert most == 2


def test_jobs_that_wait_lend_their_place(workers: Workers) -> None:
    release = threading.Event()
    waiting = threading.Semaphore(0)
    ran = threading.Event()

    def waiter() -> None:
        with workers.lent():
            waiting.release()
            release.wait(TIMEOUT_S)

    for _ in range(4):
        workers.submit(waiter)
    for _ in range(4):
        assert waiting.acquire(timeout=TIMEOUT_S), "twice as many wait as may run"
    workers.submit(ran.set)
    assert ran.wait(TIMEOUT_S)
    release.set()


def test_waiting_jobs_are_bounded_by_the_number_of_threads() -> None:
    pool = Workers(active=1, threads=3)
    release = threading.Event()
    waiting = threading.Semaphore(0)
    ran = threading.Event()

    def waiter() -> None:
        with pool.lent():
            waiting.release()
            release.wait(TIMEOUT_S)

    for _ in range(3):
        pool.submit(waiter)
    for _ in range(3):
        assert waiting.acquire(timeout=TIMEOUT_S)
    pool.submit(ran.set)
    assert not ran.wait(0.05), "all three threads wait"
    release.set()
    assert ran.wait(TIMEOUT_S)
    pool.close()


def test_jobs_run_in_the_order_of_submission_on_one_thread() -> None:
    pool = Workers(active=1)
    order: list[int] = []
    done = threading.Event()
    for number in range(100):
        pool.submit(lambda number=number: order.append(number))  # type: ignore[misc] # mypy cannot type a lambda's default
    pool.submit(done.set)
    assert done.wait(TIMEOUT_S)
    assert order == list(range(100))
    pool.close()
