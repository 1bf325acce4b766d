"""A word on the command line means what the parameter's type says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shem.cli.arguments import read_argument, read_arguments
from shem.errors import BadInput
from shem.views import ParameterView


@pytest.mark.parametrize(
    ("word", "type_text", "value"),
    [
        ("2", "int", 2),
        ("-2.5", "float", -2.5),
        ("true", "bool", True),
        ("[1,2]", "list[int]", [1, 2]),
        ('{"a":1}', "Order", {"a": 1}),
        ("bob", "str", "bob"),
        ("42", "str", "42"),
        ("true", "str", "true"),
        ("null", "string", "null"),
        ('"42"', "str", "42"),
        ('"half', "str", '"half'),
        ("", "str", ""),
        ("2026-01-01T00:00:00Z", "datetime", "2026-01-01T00:00:00Z"),
        ("1.10", "Decimal", "1.10"),
        ("null", "option<str>", None),
        ("7", "option<str>", "7"),
        ("7", "Optional[int]", 7),
        ("null", "str | None", None),
        ("7", "None | str", "7"),
        ("red", "Colour", "red"),
        ("7", "int | str", 7),
        ("seven", "int | str", "seven"),
        ("seven", "int", "seven"),
        ("7", None, 7),
        ("bob", None, "bob"),
    ],
)
def test_a_word_is_read_by_its_type(word: str, type_text: str | None, value: Any) -> None:
    assert read_argument(word, type_text) == value
    assert type(read_argument(word, type_text)) is type(value)


@given(st.text())
def test_text_reaches_a_text_parameter_as_json_or_as_it_is(text: str) -> None:
    assert read_argument(msgspec.json.encode(text).decode(), "str") == text
    if not text.startswith('"'):
        assert read_argument(text, "str") == text


@given(st.text(), st.none() | st.text())
def test_every_word_means_something(word: str, type_text: str | None) -> None:
    msgspec.json.encode(read_argument(word, type_text))


def test_words_beyond_the_parameters_are_passed_on_for_the_server_to_refuse() -> None:
    assert read_arguments(["1", "2", "x"], [ParameterView("name", "str")]) == ["1", 2, "x"]
    assert read_arguments([], [ParameterView("name", "str")]) == []


def test_a_mistyped_option_is_no_argument_but_a_negative_number_is() -> None:
    parameters = [ParameterView("by", "int")]
    assert read_arguments(["-2"], parameters) == [-2]
    for word in ("--trigerr", "-x"):
        with pytest.raises(BadInput, match=word):
            read_arguments([word], parameters)
