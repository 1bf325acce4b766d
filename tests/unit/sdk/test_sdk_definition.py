"""Agent classes are read completely when they are deployed, and refused with file and line."""

from __future__ import annotations

import abc
import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from shem_sdk import InvalidAgent, agent
from shem_sdk.agents import registrations
from shem_sdk.definition import Registration, define, define_all


@pytest.fixture(autouse=True)
def _own_registrations() -> Iterator[None]:
    before = registrations.copy()
    yield
    registrations[:] = before


def registration(cls: type, name: str | None = None) -> Registration:
    return Registration(cls, name or cls.__name__, "durable", __file__, 1)


class Base:
    def first(self) -> int:
        """Inherited."""
        return 1


class Sample(Base):
    """A sample.

    With a second line.
    """

    LIMIT = 3

    def __init__(self, name: str, size: Annotated[int, "how large"] = 2) -> None:
        """Make it."""

    def second(self, by: Annotated[int, "how much"] = 1, *, loud: bool = False) -> str | None:
        """Do it."""

    async def third(self) -> None: ...

    def _private(self, x: complex) -> None: ...

    @property
    def shown(self) -> int:
        return 1

    @classmethod
    def make(cls, x: complex) -> Sample:
        return cls("x")

    @staticmethod
    def help(x: complex) -> None: ...

    def save_snapshot(self) -> bytes:
        return b""


def test_public_methods_are_the_interface_those_of_bases_first() -> None:
    definition = define(registration(Sample))
    assert [m.name for m in definition.methods] == ["first", "second", "third"]
    assert definition.description == "A sample.\n\nWith a second line."
    assert definition.methods[1].description == "Do it.\n\nby: how much"
    assert definition.constructor.description == "Make it.\n\nsize: how large"
    assert [(p.name, p.optional, p.default) for p in definition.constructor.parameters] == [
        ("name", False, None),
        ("size", True, "2"),
    ]


def test_a_dataclass_can_be_an_agent() -> None:
    @dataclass
    class Point:
        x: int
        y: int = 0

        def norm(self) -> int:
            return abs(self.x) + abs(self.y)

    assert [p.name for p in define(registration(Point)).constructor.parameters] == ["x", "y"]


def test_a_class_without_a_constructor_is_a_singleton() -> None:
    assert define(registration(Base)).constructor.parameters == ()


def test_a_wrapped_method_keeps_its_interface() -> None:
    def logged(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inner(*args: Any, **named: Any) -> Any:
            return function(*args, **named)

        return inner

    class Wrapped:
        @logged
        def add(self, by: int) -> int:
            return by

    assert [p.name for p in define(registration(Wrapped)).methods[0].parameters] == ["by"]


def no_self() -> int:
    return 1


def no_annotation(self: object, by) -> int:  # type: ignore[no-untyped-def]  # what is tested
    return 1


def no_result(self: object, by: int):  # type: ignore[no-untyped-def]  # what is tested
    return 1


def star(self: object, *by: int) -> int:
    return 1


def named(self: object, **by: int) -> int:
    return 1


def generator(self: object) -> Iterator[int]:
    yield 1


def foreign(self: object, by: complex) -> int:
    return 1


def foreign_result(self: object) -> list[complex]:
    return []


def unresolved(self: object, by: Missing) -> int:  # type: ignore[name-defined]  # noqa: F821  # what is tested
    return 1


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (no_self, "Bad.method: 'self' is missing"),
        (no_annotation, "Bad.method: parameter 'by' has no type annotation"),
        (no_result, "Bad.method: the result has no annotation"),
        (star, "Bad.method: *by has no fixed number of values"),
        (named, "Bad.method: *by has no fixed number of values"),
        (generator, "Bad.method: a generator cannot cross the border"),
        (foreign, "Bad.method: parameter 'by': complex cannot cross"),
        (foreign_result, "Bad.method: the result[...]: complex cannot cross"),
        (unresolved, "Bad.method: an annotation does not resolve: name 'Missing' is not defined"),
    ],
)
def test_a_method_that_cannot_be_called_from_outside_is_refused(
    function: Callable[..., Any], reason: str
) -> None:
    with pytest.raises(InvalidAgent) as raised:
        define(registration(type("Bad", (), {"method": function})))
    assert str(raised.value).startswith(reason)
    assert raised.value.file == __file__
    assert raised.value.line == inspect.getsourcelines(function)[1]


def test_a_default_that_is_no_value_cannot_be_part_of_an_id() -> None:
    class Bad:
        def __init__(self, name: str = object()) -> None: ...  # type: ignore[assignment]  # what is tested

    with pytest.raises(InvalidAgent, match="part of the agent's id"):
        define(registration(Bad))


def test_names_are_checked_and_unique() -> None:
    with pytest.raises(InvalidAgent, match="letters, digits"):
        define(registration(Base, "my agent"))
    with pytest.raises(InvalidAgent, match="two agents are named 'Base'"):
        define_all([registration(Base), registration(Base)])


def test_an_abstract_class_is_no_agent() -> None:
    class Abstract(abc.ABC):
        @abc.abstractmethod
        def do(self) -> None: ...

    with pytest.raises(InvalidAgent, match="abstract"):
        define(registration(Abstract))


def test_the_decorator_leaves_the_class_as_it_is() -> None:
    @agent
    class Plain:
        def __init__(self, name: str) -> None:
            self.name = name

    @agent(mode="ephemeral", name="Other")
    class Short: ...

    assert Plain("bob").name == "bob"
    assert [(r.python, r.name, r.mode, r.file) for r in registrations[-2:]] == [
        (Plain, "Plain", "durable", __file__),
        (Short, "Other", "ephemeral", __file__),
    ]


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(InvalidAgent, match="mode 'lasting'"):
        agent(mode="lasting")  # type: ignore[call-overload]  # what is tested
