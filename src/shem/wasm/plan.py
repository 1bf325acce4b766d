"""How a component is put together, as data: ``planner.plan_component`` finds it out, every instance follows.

A component is a program that says how to instantiate core modules and how to wrap their functions. It has no
branches and its inputs are known when it is read, so that program runs once, statically. What is left of it
is a ``LinkPlan``: a numbered array of *slots*, one for every core item (function, memory, global, table)
that something refers to, and the *steps* that fill them in order. An instance is then one array of ``slots``
externs and one pass over ``steps``.

Every number here is valid: a slot is filled by exactly one step and before any step or export reads it,
module and table numbers exist, core signatures are the ones that the core functions have. A consumer may
call with them unchecked.

Plans are immutable, hold no bytes of the binary and can be pickled; resource identities survive within one
plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .core import CoreCode, CoreSignature
from .types import FuncType, ResourceType, ValType

StringEncoding: TypeAlias = Literal["utf8", "utf16", "latin1+utf16"]


@dataclass(frozen=True, slots=True)
class CanonOptions:
    """With what a function is lifted or lowered. All but ``table`` are slots.

    Args:
        table: number of the component instance that the core code belongs to. Its handle table holds the
            handles that cross here, and its "may enter" and "may leave" flags are the ones that count.
        memory: slot of the linear memory; None only where no value of the signature needs memory.
        realloc: slot of ``(old, old_size, align, new_size) -> pointer``; None only where nothing is
            allocated.
        post_return: slot of the function that frees results, called with the lifted function's core results.
    """

    table: int
    encoding: StringEncoding = "utf8"
    memory: int | None = None
    realloc: int | None = None
    post_return: int | None = None


@dataclass(frozen=True, slots=True)
class HostFunc:
    """A function that the component imports. ``interface`` is ``""`` for one imported at root level."""

    interface: str
    name: str
    type: FuncType


@dataclass(frozen=True, slots=True)
class LiftedFunc:
    """A core function as a component function.

    Args:
        slot: of the core function.
        signature: its core signature, checked to be what lifting ``type`` asks for: parameters spilled to
            memory when more than 16, the result returned as a pointer when it has more than one flat value.
    """

    slot: int
    type: FuncType
    options: CanonOptions
    signature: CoreSignature


ComponentFunc: TypeAlias = HostFunc | LiftedFunc


@dataclass(frozen=True, slots=True)
class Instantiate:
    """Instantiate a core module.

    Args:
        module: number in ``LinkPlan.modules``.
        imports: slots, in the order of the module's imports.
        exports: (name, slot) of the exports that something refers to, and of what capture needs; no others
            are taken.
    """

    module: int
    imports: tuple[int, ...]
    exports: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class LowerFunc:
    """Make a core function that calls ``function``, which the host has, or another component instance.

    ``options`` are the caller's; those of the callee are in the ``LiftedFunc``.
    """

    slot: int
    function: ComponentFunc
    options: CanonOptions
    signature: CoreSignature


@dataclass(frozen=True, slots=True)
class ResourceNew:
    """Make the core function ``(rep: i32) -> handle: i32`` for a resource that the guest defines."""

    slot: int
    resource: ResourceType
    table: int


@dataclass(frozen=True, slots=True)
class ResourceRep:
    """Make the core function ``(handle: i32) -> rep: i32`` for a resource that the guest defines."""

    slot: int
    resource: ResourceType
    table: int


@dataclass(frozen=True, slots=True)
class ResourceDrop:
    """Make the core function ``(handle: i32)`` that drops a handle of any resource."""

    slot: int
    resource: ResourceType
    table: int


Step: TypeAlias = Instantiate | LowerFunc | ResourceNew | ResourceRep | ResourceDrop


@dataclass(frozen=True, slots=True)
class GuestResource:
    """A resource type that the component defines.

    Args:
        type: its identity; ``type.interface`` is None.
        table: number of the component instance that defines it.
        destructor: slot of ``(rep: i32) -> ()``, or None.
    """

    type: ResourceType
    table: int
    destructor: int | None


@dataclass(frozen=True, slots=True)
class MemorySlot:
    """A linear memory that some module of the component defines.

    Args:
        slot: where it is.
        minimum_pages: pages of 64 KiB that it starts with.
        maximum_pages: its declared limit, or None.
    """

    slot: int
    minimum_pages: int
    maximum_pages: int | None


@dataclass(frozen=True, slots=True)
class GlobalSlot:
    """A mutable global that some module of the component defines.

    Args:
        slot: where it is.
        type: ``"i32"``, ``"i64"``, ``"f32"``, ``"f64"`` or ``"v128"``.
    """

    slot: int
    type: str


@dataclass(frozen=True, slots=True)
class TableSlot:
    """A table that some module of the component defines; sizes are in elements."""

    slot: int
    minimum: int
    maximum: int | None


TypeNames: TypeAlias = Mapping[str, "ValType | ResourceType"]


@dataclass(frozen=True, slots=True)
class ImportedInterface:
    """What the component wants from one interface of the host, in the order of the binary."""

    functions: Mapping[str, FuncType]
    types: TypeNames

    @property
    def resources(self) -> dict[str, ResourceType]:
        """The resource types among ``types``, own ones and used ones of other interfaces, by name."""
        return {name: t for name, t in self.types.items() if isinstance(t, ResourceType)}


@dataclass(frozen=True, slots=True)
class ExportedInterface:
    """What the component offers under one name, in the order of the binary."""

    functions: Mapping[str, ComponentFunc]
    types: TypeNames


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """Everything needed to instantiate and call a component.

    Args:
        modules: the distinct core modules that the steps instantiate.
        slots: length of the extern array of an instance.
        steps: in the order in which they must be done.
        parents: per component instance (a handle table each) the number of the instance that made it; None
            for the first, which is the component itself. ``len(parents)`` is the number of handle tables.
        resources: resource types that the component defines.
        imports: what the host must offer, by interface name with version, ``""`` for the root level.
        exports: what can be called, by interface name with version, ``""`` for the root level.
        memories, globals, tables: the state that core code can change, in the order of the steps.
        uncapturable: why an instance cannot be captured, one phrase for each reason; empty when it can.
            Tables that change at run time are not detected here.
    """

    modules: tuple[CoreCode, ...]
    slots: int
    steps: tuple[Step, ...]
    parents: tuple[int | None, ...]
    resources: tuple[GuestResource, ...]
    imports: Mapping[str, ImportedInterface]
    exports: Mapping[str, ExportedInterface]
    memories: tuple[MemorySlot, ...]
    globals: tuple[GlobalSlot, ...]
    tables: tuple[TableSlot, ...]
    uncapturable: tuple[str, ...]
