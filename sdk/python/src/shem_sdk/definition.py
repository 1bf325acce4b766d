"""An agent class, read: its identity, its methods, their types and their texts.

``define`` runs when a version is deployed, never while an agent works, so it checks everything that it can
and says where: the error names the file and the line of the function, or of the class.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Literal, TypeAlias

from shem_sdk.annotations import Refused, field_of, shape_of
from shem_sdk.shapes import NONE, Field, Shape

Mode: TypeAlias = Literal["durable", "ephemeral"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SNAPSHOT_METHODS = frozenset({"save_snapshot", "load_snapshot"})


class InvalidAgent(TypeError):
    """An agent class that cannot be deployed, or that does something else than its annotations say.

    Attributes:
        file, line: where in the user's code.
    """

    def __init__(self, message: str, file: str, line: int) -> None:
        super().__init__(message)
        self.file, self.line = file, line


@dataclass(frozen=True, slots=True)
class Registration:
    """A class under ``@agent``, before it is read: annotations may name what is defined further down."""

    python: type
    name: str
    mode: Mode
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Operation:
    """The constructor or a method.

    Attributes:
        positional: how many of the parameters are passed by position; the others by name.
        defaults: what a parameter that was left out gets: the function's own default objects.
        function: None for a class without a constructor.
    """

    name: str
    description: str
    parameters: tuple[Field, ...]
    positional: int
    defaults: Mapping[str, object]
    result: Shape
    function: Callable[..., Any] | None


@dataclass(frozen=True, slots=True)
class Definition:
    """An agent type, complete."""

    python: type
    name: str
    mode: Mode
    description: str
    constructor: Operation
    methods: tuple[Operation, ...]
    file: str
    line: int


def define(registration: Registration) -> Definition:
    """Read a class.

    Raises:
        InvalidAgent: a name, a parameter or a type that an agent cannot have.
    """
    cls = registration.python
    if not _NAME.fullmatch(registration.name):
        raise InvalidAgent(
            f"agent name {registration.name!r}: letters, digits, - and _ only, no digit or - in front",
            registration.file,
            registration.line,
        )
    if inspect.isabstract(cls):
        raise InvalidAgent(
            f"{cls.__name__} has abstract methods, so no agent of it can be made",
            registration.file,
            registration.line,
        )
    return Definition(
        cls,
        registration.name,
        registration.mode,
        inspect.cleandoc(cls.__doc__ or ""),
        _constructor(cls),
        tuple(_method(cls, name, function) for name, function in _public_functions(cls)),
        registration.file,
        registration.line,
    )


def define_all(registrations: Iterable[Registration]) -> dict[str, Definition]:
    """All agent types by name.

    Raises:
        InvalidAgent: as ``define``, and for two classes of one name.
    """
    definitions: dict[str, Definition] = {}
    for registration in registrations:
        first = definitions.get(registration.name)
        if first is not None:
            raise InvalidAgent(
                f"two agents are named {registration.name!r}; the other is at {first.file}:{first.line}",
                registration.file,
                registration.line,
            )
        definitions[registration.name] = define(registration)
    return definitions


def _constructor(cls: type) -> Operation:
    init = inspect.getattr_static(cls, "__init__")
    if not isinstance(init, FunctionType):
        return Operation("__init__", "", (), 0, {}, NONE, None)
    constructor = _callable(cls, "__init__", init)
    for parameter in constructor.parameters:
        if parameter.optional and parameter.default is None:
            raise _invalid(
                f"{cls.__name__}.__init__: the default of {parameter.name!r} is part of the agent's id, "
                "so it must be a plain value",
                init,
            )
    return constructor


def _public_functions(cls: type) -> list[tuple[str, FunctionType]]:
    """The methods in the order of their definition, those of base classes first."""
    names: dict[str, None] = {}
    for base in reversed(cls.__mro__[:-1]):
        names.update(dict.fromkeys(vars(base)))
    found = []
    for name in names:
        member = inspect.getattr_static(cls, name)
        if not name.startswith("_") and name not in _SNAPSHOT_METHODS and isinstance(member, FunctionType):
            found.append((name, member))
    return found


def _method(cls: type, name: str, function: FunctionType) -> Operation:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise _invalid(f"{cls.__name__}.{name}: a generator cannot cross the border; return a list", function)
    return _callable(cls, name, function)


def _callable(cls: type, name: str, function: FunctionType) -> Operation:
    place = f"{cls.__name__}.{name}"
    hints = _hints(function, place)
    fields, by_name = [], 0
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        raise _invalid(f"{place}: 'self' is missing", function)
    for parameter in parameters[1:]:
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            raise _invalid(f"{place}: *{parameter.name} has no fixed number of values; take a list", function)
        by_name += parameter.kind is inspect.Parameter.KEYWORD_ONLY
        fields.append(_parameter(parameter, hints, place, function))
    if "return" not in hints and name != "__init__":
        raise _invalid(
            f"{place}: the result has no annotation; write -> None if nothing comes back", function
        )
    try:
        result = shape_of(hints.get("return"), f"{place}: the result")
    except Refused as error:
        raise _invalid(str(error), function) from error
    return Operation(
        name,
        _description(function, fields),
        tuple(fields),
        len(fields) - by_name,
        {p.name: p.default for p in parameters if p.default is not p.empty},
        result,
        function,
    )


def _parameter(
    parameter: inspect.Parameter, hints: dict[str, Any], place: str, function: FunctionType
) -> Field:
    if parameter.name not in hints:
        raise _invalid(f"{place}: parameter {parameter.name!r} has no type annotation", function)
    default = dataclasses.MISSING if parameter.default is parameter.empty else parameter.default
    try:
        return field_of(
            parameter.name, hints[parameter.name], f"{place}: parameter {parameter.name!r}", default
        )
    except Refused as error:
        raise _invalid(str(error), function) from error


def _hints(function: FunctionType, place: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:  # annotations are code of the user and may raise anything
        raise _invalid(f"{place}: an annotation does not resolve: {error}", function) from error


def _description(function: FunctionType, parameters: list[Field]) -> str:
    """The docstring, and below it the texts of the parameters."""
    lines = [f"{p.name}: {p.description}" for p in parameters if p.description]
    texts = [inspect.cleandoc(function.__doc__ or ""), "\n".join(lines)]
    return "\n\n".join(text for text in texts if text)


def _invalid(message: str, function: FunctionType) -> InvalidAgent:
    code = inspect.unwrap(function).__code__
    return InvalidAgent(message, code.co_filename, code.co_firstlineno)
