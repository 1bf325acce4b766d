"""Handles: how a component instance names resources (CanonicalABI.md, "Handle State" and "Table State").

Every component instance has one table. An entry says which resource type it is, what stands behind it (the
host's own object, or the number that the defining component knows it by), and whether the handle owns it or
has it on loan for the length of a call. Numbers are given out as the specification says, lowest freed last
in first out, because a guest can see them: a restored instance must go on with the same ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .errors import Trap
from .types import ResourceType

MAX_HANDLES = 1 << 20
"""Handles that are open at a time in one component instance; a guest that leaks is stopped before the host
suffers."""


@dataclass(slots=True, eq=False)
class Handle:
    """An entry of a table.

    Args:
        value: the host's object, or for a resource that a component defines its representation, an i32.
        owned: False while it is a borrowed handle, which must be gone when the call ends that brought it.
        lends: how many arguments of calls under way were borrowed from it.
    """

    resource: ResourceType
    value: Any
    owned: bool
    lends: int = 0


@dataclass(slots=True, eq=False)
class GuestResource:
    """A resource that a guest defines, held by the host. Lives until it is passed on as ``own`` or dropped.

    Args:
        representation: what the guest knows it by; None when the host no longer has it.
        destroy: runs the guest's destructor.
    """

    resource: ResourceType
    representation: int | None
    destroy: Callable[[ResourceType, int], None] = field(repr=False)

    def drop(self) -> None:
        """Run the guest's destructor. Does nothing when the resource was passed on or dropped before.

        Raises:
            Trap: the destructor trapped.
        """
        representation, self.representation = self.representation, None
        if representation is not None:
            self.destroy(self.resource, representation)


def _abi_trap(message: str) -> Trap:
    return Trap(message, kind="abi")


@dataclass(slots=True, eq=False)
class HandleTable:
    """The handles of one component instance.

    Attributes:
        entries: by number; 0 is never given out.
        free: numbers to give out again, the next one last.
        borrowed: how many entries are not owned.
        lent: handles that the call under way has borrowed from.
    """

    entries: list[Handle | None] = field(default_factory=lambda: [None])
    free: list[int] = field(default_factory=list)
    borrowed: int = 0
    lent: list[Handle] = field(default_factory=list)

    def add(self, resource: ResourceType, value: Any, *, owned: bool) -> int:
        """A new handle.

        Raises:
            Trap: more than ``MAX_HANDLES`` are open.
        """
        handle = Handle(resource, value, owned)
        if not owned:
            self.borrowed += 1
        if self.free:
            number = self.free.pop()
            self.entries[number] = handle
            return number
        number = len(self.entries)
        if number > MAX_HANDLES:
            raise _abi_trap(f"more than {MAX_HANDLES} handles are open")
        self.entries.append(handle)
        return number

    def get(self, number: int, resource: ResourceType) -> Handle:
        """The entry of a handle.

        Raises:
            Trap: there is none of that number, or it is of another type.
        """
        handle = self.entries[number] if number < len(self.entries) else None
        if handle is None:
            raise _abi_trap(f"unknown handle index {number}")
        if handle.resource is not resource:
            raise _abi_trap(
                f"handle index {number} is of resource {handle.resource.name!r}, not {resource.name!r}"
            )
        return handle

    def remove(self, number: int, resource: ResourceType) -> Handle:
        """Take a handle out.

        Raises:
            Trap: as ``get``, and when it is lent to a call under way.
        """
        handle = self.get(number, resource)
        if handle.lends:
            raise _abi_trap(f"handle index {number} is lent to a call under way")
        if not handle.owned:
            self.borrowed -= 1
        self.entries[number] = None
        self.free.append(number)
        return handle

    def take_owned(self, number: int, resource: ResourceType) -> Any:
        """Take out what an owned handle stands for, to pass it on.

        Raises:
            Trap: as ``remove``, and when the handle is borrowed.
        """
        if not self.get(number, resource).owned:
            raise _abi_trap(f"handle index {number} is borrowed and cannot be given away")
        return self.remove(number, resource).value

    def lend(self, number: int, resource: ResourceType) -> Any:
        """What a handle stands for, lent to a call until ``end_lends``.

        One list is enough: while a component instance has lent, it cannot be entered again.
        """
        handle = self.get(number, resource)
        if handle.owned:
            handle.lends += 1
            self.lent.append(handle)
        return handle.value

    def end_lends(self) -> None:
        """The call is over that handles were lent to."""
        for handle in self.lent:
            handle.lends -= 1
        self.lent.clear()
