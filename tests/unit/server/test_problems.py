"""Errors are the same on both sides of the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shem.errors import CallerError, Divergence, GuestError, PlatformError, ShemError
from shem.problems import from_problem, retry_after_s, to_problem


def classes(kind: type[ShemError] = ShemError) -> Iterator[type[ShemError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == "shem.errors":
            yield from classes(child)


PLAIN = [kind for kind in classes() if kind is not Divergence]
NAMES = st.sampled_from(["path", "traceback", "stderr", "type", "status", "detail", "hint", "code", "title"])
VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()


@given(st.sampled_from(PLAIN), st.text(min_size=1), st.none() | st.text(), st.dictionaries(NAMES, VALUES))
def test_an_error_comes_back_as_it_was(
    kind: type[ShemError], message: str, hint: str | None, details: dict[str, Any]
) -> None:
    error = kind(message)
    error.hint, error.details = hint, details
    back = from_problem(msgspec.json.decode(msgspec.json.encode(to_problem(error))), error.status)
    assert type(back) is kind
    assert (back.message, back.hint, back.details) == (message, hint, details)


def test_a_divergence_comes_back_with_both_sides() -> None:
    back = from_problem(to_problem(Divergence(7, "a clock", "a random number")), 500)
    assert isinstance(back, Divergence)
    assert (back.index, back.expected, back.got) == (7, "a clock", "a random number")


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in classes()]
    assert len(codes) == len(set(codes))


def test_what_is_retryable_says_when_and_nothing_else_does() -> None:
    for kind in PLAIN:
        assert (retry_after_s(kind("x")) is not None) == kind.retryable


@pytest.mark.parametrize(
    ("status", "kind"), [(418, CallerError), (422, GuestError), (500, PlatformError), (503, PlatformError)]
)
def test_a_code_of_a_newer_server_keeps_its_code_and_gets_its_class_from_the_status(
    status: int, kind: type[ShemError]
) -> None:
    error = from_problem({"code": "teapot", "detail": "short and stout"}, status)
    assert type(error) is kind
    assert (error.code, error.status, error.message) == ("teapot", status, "short and stout")
    assert kind.code != "teapot"


@given(st.dictionaries(st.text(), VALUES | st.lists(VALUES)), st.integers(400, 599))
def test_whatever_a_problem_document_holds_becomes_an_error(problem: dict[str, Any], status: int) -> None:
    assert isinstance(from_problem(problem, status), ShemError)
