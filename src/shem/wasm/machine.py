"""The state of one instance, as generated code and callbacks work on it.

Everything here belongs to one instance and nothing that could be shared does: the store, the few externs that are
needed after instantiation, the component instances with their handle tables, the views of memories.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from typing import Any

from .abi_border import Border, ComponentInstance, abi_trap
from .component import Linked, MakeFunction
from .engine import EXTERN_BYTES, EXTERN_PAYLOAD, Store, invoke
from .types import ResourceType

_POINTER_CELL = struct.Struct("<I")


class Machine:
    """One instance.

    Args:
        context: first argument of every host function.
        destroy: runs the destructor of a resource that the host holds.

    Attributes:
        failure: an exception that a callback ended with, for the call that runs the guest to raise.
        stopping: the guest is to be stopped.
        host_called: a host function may have run while the component started, so that what it started as is not a
            function of the component alone.
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
            ComponentInstance(destroy, frozenset(r.type for r in plan.resources if r.table == number))
            for number in range(len(plan.parents))
        ]
        self.borders = [
            Border(self.store, self.instances[it.table], self._address(it.memory), self._address(it.realloc))
            for it in linked.borders
        ]
        self.core_instances: list[bytes] = []
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _address(self, offset: int | None) -> int | None:
        return None if offset is None else self.externs_address + offset

    def _start(self) -> None:
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

    def item(self, slot: int) -> int:
        """Address of the memory, table or function of a kept slot, for the functions of ``Store``."""
        return self.externs_address + self.linked.kept[slot] + EXTERN_PAYLOAD

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
