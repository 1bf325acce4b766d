"""A failure tells the user's side of the story."""

from __future__ import annotations

import json
import linecache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shem_sdk.definition import InvalidAgent
from shem_sdk.failure import TRACEBACK_LIMIT_CHARACTERS, failure_of
from shem_sdk.loop import Loop

SOURCE = """\
import json

class OutOfStock(Exception):
    pass

def sell():
    raise OutOfStock("no tea")

async def later():
    sell()

def chained():
    try:
        sell()
    except OutOfStock as error:
        raise RuntimeError("cannot sell") from error

def parse():
    json.loads("{")

def deep(n):
    raise ValueError("x" * n)
"""


@pytest.fixture
def users(tmp_path: Path) -> dict[str, Any]:
    """Functions of a user's file."""
    file = tmp_path / "shop.py"
    file.write_text(SOURCE)
    linecache.checkcache()
    space: dict[str, Any] = {"__name__": "shop"}
    exec(compile(SOURCE, str(file), "exec"), space)
    space["file"] = str(file)
    return space


def raised(function: Any, *arguments: Any) -> BaseException:
    try:
        function(*arguments)
    except BaseException as error:  # noqa: BLE001  # handed to the test
        return error
    raise AssertionError("nothing was raised")


def test_the_place_is_the_innermost_line_of_the_user(users: dict[str, Any]) -> None:
    failure = failure_of(raised(users["sell"]))
    assert (failure.type, failure.message) == ("shop.OutOfStock", "no tea")
    assert (failure.file, failure.line) == (users["file"], 7)
    assert 'raise OutOfStock("no tea")' in failure.traceback


def test_frames_of_the_library_below_the_users_stay(users: dict[str, Any]) -> None:
    failure = failure_of(raised(users["parse"]))
    assert (failure.type, failure.file, failure.line) == ("json.decoder.JSONDecodeError", users["file"], 19)
    assert json.__file__ in failure.traceback


def test_a_library_that_the_host_serves_is_not_the_users(users: dict[str, Any]) -> None:
    space: dict[str, Any] = {}
    exec(compile("def refuse(text):\n    raise ValueError", "/python/strict.py", "exec"), space)
    users["json"] = SimpleNamespace(loads=space["refuse"])
    failure = failure_of(raised(users["parse"]))
    assert (failure.type, failure.file, failure.line) == ("ValueError", users["file"], 19)
    assert '"/python/strict.py", line 2' in failure.traceback


def test_frames_of_the_sdk_and_of_asyncio_above_the_users_go(users: dict[str, Any]) -> None:
    loop = Loop()
    failure = failure_of(raised(lambda: loop.finish(users["later"]())))
    loop.close()
    assert "shem_sdk" not in failure.traceback
    assert "base_events" not in failure.traceback.split("shop.py")[1]
    assert 'raise OutOfStock("no tea")' in failure.traceback


def test_causes_are_told(users: dict[str, Any]) -> None:
    failure = failure_of(raised(users["chained"]))
    assert "direct cause" in failure.traceback
    assert "shop.OutOfStock: no tea" in failure.traceback
    assert failure.message == "cannot sell"


def test_a_syntax_error_is_placed_in_the_file_that_has_it() -> None:
    failure = failure_of(raised(compile, "x = (", "/app/broken.py", "exec"))
    assert (failure.file, failure.line) == ("/app/broken.py", 1)


def test_an_invalid_agent_says_where_it_is() -> None:
    failure = failure_of(InvalidAgent("no", "/app/a.py", 3))
    assert (failure.file, failure.line) == ("/app/a.py", 3)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), MemoryError()])
def test_any_exception_can_be_described(error: BaseException) -> None:
    failure = failure_of(error)
    assert failure.type == type(error).__name__
    assert (failure.file, failure.line) == (None, None)


def test_an_exception_without_a_text_can_be_described() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise SystemExit

    assert "no text" in failure_of(Mute()).message


def test_a_lone_surrogate_does_not_break_the_border() -> None:
    failure = failure_of(ValueError("\ud800"))
    assert failure.message.encode() == b"\\ud800"
    failure.traceback.encode()


def test_the_traceback_is_bounded(users: dict[str, Any]) -> None:
    failure = failure_of(raised(users["deep"], 10**6))
    assert len(failure.traceback) < TRACEBACK_LIMIT_CHARACTERS + 100
    assert "characters left out" in failure.traceback
