"""``@agent``: marks the classes that are agent types."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar, overload

from shem_sdk.definition import InvalidAgent, Mode, Registration

T = TypeVar("T")

registrations: list[Registration] = []
"""Every class under ``@agent`` of this process, in the order of definition."""


@overload
def agent(cls: type[T], /) -> type[T]: ...


@overload
def agent(*, mode: Mode = "durable", name: str | None = None) -> Callable[[type[T]], type[T]]: ...


def agent(
    cls: type[T] | None = None, /, *, mode: Mode = "durable", name: str | None = None
) -> type[T] | Callable[[type[T]], type[T]]:
    """Make a class an agent type.

    The constructor's parameters are the agent's identity, the public methods its interface; docstrings become
    descriptions. The class itself stays as it is, so tests use it like any other.

    Args:
        mode: ``durable`` agents live until they are deleted; an ``ephemeral`` one lives for one invocation.
        name: of the agent type, unique in an environment; the class's own name where it is left out.

    Raises:
        InvalidAgent: an unknown mode. Names, parameters and types are checked at deployment.
    """
    frame = sys._getframe(1)
    file, line = frame.f_code.co_filename, frame.f_lineno

    def register(python: type[T]) -> type[T]:
        registrations.append(Registration(python, name or python.__name__, mode, file, line))
        return python

    if mode not in ("durable", "ephemeral"):
        raise InvalidAgent(f"mode {mode!r}: expected 'durable' or 'ephemeral'", file, line)
    return register if cls is None else register(cls)
