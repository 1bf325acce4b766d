"""How a host function is written.

A ``HostInterface`` is one WIT interface as Python functions, declared once for the whole process and shared by all
instances. What belongs to one instance is the *context*: any object, handed to ``instantiate`` and passed on as the
first argument of every function of every interface.

    wall_clock = HostInterface("wasi:clocks/wall-clock@0.2.12")

    @wall_clock.function("now")
    def now(ctx: Context) -> dict[str, int]:
        return {"seconds": ..., "nanoseconds": ...}

Arguments and results are Python values as ``types.py`` maps them. A resource is any Python object of the host: what a
function returns for ``own<R>`` is put into the guest's handle table, and comes back as that same object when the guest
passes the handle. An exception that a function raises ends the guest call with a trap and leaves ``Instance.call``
unchanged; errors that the guest may see are ``("err", ...)`` values.

Versions match as semver does within 0.2.x: an import of ``wasi:io/poll@0.2.0`` is satisfied by ``wasi:io/poll@0.2.12``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

HostFunction = Callable[..., Any]
F = TypeVar("F", bound=HostFunction)


@dataclass(frozen=True, slots=True)
class HostResource:
    """A resource type that the host implements.

    Args:
        name: as in WIT, for instance ``"input-stream"``.
        drop: called with (context, object) when the guest drops an owned handle.
        capture: (context, object) -> plain data (None, bool, int, float, str, bytes, list, dict); raises
            ``NotCapturable`` for what cannot be put away at this moment.
        restore: (context, data) -> object, the inverse.
    """

    name: str
    drop: Callable[[Any, Any], None] | None = None
    capture: Callable[[Any, Any], Any] | None = None
    restore: Callable[[Any, Any], Any] | None = None


class NotCapturable(Exception):
    """This resource cannot be captured now (an open connection, say); the message names it."""


@dataclass(slots=True)
class HostInterface:
    """One interface, for instance ``HostInterface("wasi:io/poll@0.2.12")``; the empty name holds root-level functions.

    ``functions`` are keyed by WIT's names: ``"now"``, ``"[method]pollable.block"``, ``"[static]fields.from-list"``,
    ``"[constructor]fields"``.
    """

    name: str
    functions: dict[str, HostFunction] = field(default_factory=dict)
    resources: dict[str, HostResource] = field(default_factory=dict)

    def function(self, name: str) -> Callable[[F], F]:
        """Decorator: this Python function implements the WIT function ``name``."""

        def add(function: F) -> F:
            self.functions[name] = function
            return function

        return add

    def resource(
        self,
        name: str,
        *,
        drop: Callable[[Any, Any], None] | None = None,
        capture: Callable[[Any, Any], Any] | None = None,
        restore: Callable[[Any, Any], Any] | None = None,
    ) -> HostResource:
        """Declare a resource type of this interface."""
        self.resources[name] = HostResource(name, drop, capture, restore)
        return self.resources[name]
