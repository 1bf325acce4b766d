"""The core functions by which a guest handles resources.

They are ``resource.new``, ``resource.rep`` and ``resource.drop``. Each is made once per component as a
callback for ``HostCode`` and finds its instance by the token (CanonicalABI.md, "canon resource.new" and its
neighbours).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from .abi_border import abi_trap
from .engine import fail, live
from .types import ResourceType

_cell = ctypes.c_uint32.from_address

Callback = Callable[[int, int, int, int], int]


def resource_new(resource: ResourceType, table: int) -> Callback:
    """``(representation) -> handle``, owned."""

    def new(token: int, caller: int, cells: int, count: int) -> int:
        try:
            instance = live[token].instances[table]
            if not instance.may_leave:
                abi_trap("cannot leave component instance")
            cell = _cell(cells)
            cell.value = instance.handles.add(resource, cell.value, owned=True)
            return 0
        except BaseException as error:  # noqa: BLE001 - the call that runs the guest raises it
            return fail(token, error)

    return new


def resource_rep(resource: ResourceType, table: int) -> Callback:
    """``(handle) -> representation``."""

    def rep(token: int, caller: int, cells: int, count: int) -> int:
        try:
            cell = _cell(cells)
            cell.value = live[token].instances[table].handles.get(cell.value, resource).value
            return 0
        except BaseException as error:  # noqa: BLE001 - the call that runs the guest raises it
            return fail(token, error)

    return rep


def resource_drop(
    resource: ResourceType, table: int, host_drop: Callable[[Any, Any], None] | None
) -> Callback:
    """``(handle)``: gives up a handle, and with an owned one the resource.

    Args:
        host_drop: called with (context, object) for a resource of the host.
    """

    def drop(token: int, caller: int, cells: int, count: int) -> int:
        try:
            machine = live[token]
            instance = machine.instances[table]
            if not instance.may_leave:
                abi_trap("cannot leave component instance")
            handle = instance.handles.remove(_cell(cells).value, resource)
            if handle.owned:
                if resource.interface is None:
                    machine.destroy(resource, handle.value, instance)
                elif host_drop is not None:
                    host_drop(machine.context, handle.value)
            return 0
        except BaseException as error:  # noqa: BLE001 - the call that runs the guest raises it
            return fail(token, error)

    return drop
