"""The state of one instance, as generated code and callbacks work on it.

Everything here belongs to one instance and nothing that could be shared does: the store, the few externs
that are needed after instantiation, the component instances with their handle tables, the views of
memories.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .abi_border import Border, ComponentInstance, abi_trap
from .component import Linked, MakeFunction
from .engine import EXTERN_BYTES, EXTERN_PAYLOAD, Store, invoke
from .types import ResourceType

_POINTER_CELL = struct.Struct("<I")


class _Watched(list[Border]):
    """The borders while the component starts: notes whether a host function has asked for one."""

    used = False

    def __getitem__(self, number: Any) -> Any:
        self.used = True
        return super().__getitem__(number)


class Machine:
    """One instance; ``start`` brings it to life.

    Args:
        context: first argument of every host function.
        destroy: runs the destructor of a resource that the host holds.

    Attributes:
        failure: an exception that a callback ended with, for the call that runs the guest to raise.
        stopping: the guest is to be stopped.
    """

    def __init__(
        self,
        linked: Linked,
        context: Any,
        destroy: Callable[[ResourceType, int], None],
        *,
        max_memory_bytes: int,
    ) -> None:
        self.linked, self.context = linked, context
        self.failure: BaseException | None = None
        self.stopping = False
        self.store = Store(linked.component.engine, self, max_memory_bytes=max_memory_bytes)
        self._externs = (ctypes.c_char * max(1, EXTERN_BYTES * len(linked.kept)))()
        self.externs_address = ctypes.addressof(self._externs)
        plan = linked.component.plan
        self.instances = [
            ComponentInstance(destroy, linked.defined[number]) for number in range(len(plan.parents))
        ]
        self.borders: list[Border] = _Watched(
            Border(self.store, self.instances[it.table], self._address(it.memory), self._address(it.realloc))
            for it in linked.borders
        )
        self.core_instances: list[bytes] = []
        self._started_globals: list[bytes] | None = None

    def _address(self, offset: int | None) -> int | None:
        return None if offset is None else self.externs_address + offset

    def start(self) -> None:
        """Instantiate the core modules; once, before anything else.

        Raises:
            Trap: a start function trapped.
            WasmError: a limit.
        """
        self._make_core_instances()
        self._note_start()

    def _make_core_instances(self) -> None:
        store, kept = self.store, self.linked.kept
        externs: list[bytes] = [b""] * self.linked.component.plan.slots
        for step in self.linked.steps:
            if isinstance(step, MakeFunction):
                externs[step.slot] = store.new_function(step.signature, step.code)
                continue
            imports = b"".join([externs[slot] for slot in step.imports])
            instance = store.new_instance(step.module, imports)
            self.core_instances.append(instance)
            for slot, extern in zip(step.slots, store.exports(instance, step.names), strict=True):
                externs[slot] = extern
                if slot in kept:
                    ctypes.memmove(self.externs_address + kept[slot], extern, EXTERN_BYTES)

    def _note_start(self) -> None:
        """Keep for the component what its globals start as: most need not be set when an image comes back.

        It is a function of the component as long as starting it calls no host function.
        """
        watched, self.borders = self.borders, list(self.borders)
        if isinstance(watched, _Watched) and not watched.used:
            if self.linked.started_globals is None:
                self.linked.started_globals = self.read_globals()
            self._started_globals = self.linked.started_globals

    def item(self, slot: int) -> int:
        """Address of the memory or function of a kept slot, for the functions of ``Store``."""
        return self.externs_address + self.linked.kept[slot] + EXTERN_PAYLOAD

    def state(self, slots: Iterable[int]) -> Iterator[int]:
        """Addresses of globals and tables, for the functions of ``Store``; each is good until the next.

        They are looked up when they are wanted, which is at captures: most instances have hundreds.
        """
        scratch = (ctypes.c_char * EXTERN_BYTES)()
        address = ctypes.addressof(scratch)
        find, where, core_instances = self.store.find_export, self.linked.state, self.core_instances
        for slot in slots:
            number, name = where[slot]
            find(core_instances[number], name, address)
            yield address + EXTERN_PAYLOAD

    def read_globals(self) -> list[bytes]:
        """Values of the mutable globals, in the order of the plan."""
        plan, read = self.linked.component.plan, self.store.read_global
        items = self.state([slot.slot for slot in plan.globals])
        return [read(item, slot.type) for slot, item in zip(plan.globals, items, strict=True)]

    def write_globals(self, values: list[bytes]) -> None:
        """The inverse of ``read_globals``, for an instance that was just started."""
        started = self._started_globals or [b""] * len(values)
        changed = [
            (slot, value)
            for slot, value, before in zip(self.linked.component.plan.globals, values, started, strict=True)
            if value != before
        ]
        items = self.state([slot.slot for slot, _ in changed])
        for (slot, value), item in zip(changed, items, strict=True):
            self.store.write_global(item, slot.type, value)

    def destroy(self, resource: ResourceType, representation: int, caller: ComponentInstance | None) -> None:
        """Run the destructor of a resource that the component defines, if it has one.

        Args:
            caller: the component instance that drops it; None for the host.

        Raises:
            Trap: it trapped, or its component instance is busy with a call.
        """
        defined = self.linked.guest_resources[resource]
        if defined.destructor is None:
            return
        store, instance = self.store, self.instances[defined.table]
        entering = instance is not caller
        if entering and instance.entered:
            abi_trap("cannot enter component instance")
        instance.entered = True
        _POINTER_CELL.pack_into(store.cells, 0, representation)
        function = self.item(defined.destructor)
        error = invoke(store.context, function, store.cells_address, 1, store.trap_address)
        if error or store.trap.value:
            store.raise_failure(error)
        instance.entered = not entering

    def close(self) -> None:
        """Free everything; no call runs."""
        for border in self.borders:
            border.close()
        self.store.close()
