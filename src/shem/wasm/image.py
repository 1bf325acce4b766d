"""An image: an instance put away, to go on from exactly there.

It holds what running the guest can change: linear memories, mutable globals, handle tables, and through
``HostResource.capture`` what stands behind the handles of the host's resources. Functions, tables of
functions and code are the component's and are made anew; resources that the host itself holds at that time
are not part of it.

In a file, version 1: one page with magic, version, place and SHA-256 of the metadata; the memories, each at
an offset that can be mapped, zero pages left out as holes; the metadata in MessagePack. Every image is a
file, an unsaved one has no name. The page digests of a later, incremental image belong in ``MemoryImage``
next to the runs.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .abi_border import ComponentInstance
from .errors import WasmError
from .handles import Handle
from .host import NotCapturable
from .pages import (
    WASM_PAGE_BYTES,
    Run,
    anonymous_file,
    copy_runs,
    lay_under,
    nonzero_runs,
    write_all,
)
from .types import ResourceType

if TYPE_CHECKING:
    from .component import Linked
    from .machine import Machine

_HEADER = struct.Struct("<8sIIQQ32s")
"""Magic, version, nothing, offset and length of the metadata, its SHA-256."""
_MAGIC = b"shemimag"
VERSION = 1


class MemoryImage(msgspec.Struct, frozen=True, array_like=True):
    """A linear memory.

    Args:
        offset: where it starts in the file, in bytes.
        size: in bytes.
        runs: offsets in the file of what is not zero.
    """

    offset: int
    size: int
    runs: list[Run]


class HandleImage(msgspec.Struct, frozen=True, array_like=True):
    """An owned handle.

    Args:
        interface: of a resource of the host; None for one that the component defines.
        resource: its name, or the number among the plan's resources as text.
        data: what ``HostResource.capture`` gave, or the representation.
    """

    interface: str | None
    resource: str
    data: Any


class TableImage(msgspec.Struct, frozen=True, array_like=True):
    """A handle table: entries from number 0, and numbers to give out again."""

    entries: list[HandleImage | None]
    free: list[int]


class Metadata(msgspec.Struct, frozen=True, array_like=True):
    """All of an image but the bytes of its memories; ``globals`` in the order of the plan.

    ``world`` is what the host wants to find again with it: plain data, not looked at.
    """

    component: str
    memories: list[MemoryImage]
    globals: list[bytes]
    tables: list[TableImage]
    world: Any = None


# msgspec 0.22 prepares a struct type when it is first used, and crashes when two threads do that at once:
# so it is done here, when the module is imported.
_metadata_decoder = msgspec.msgpack.Decoder(Metadata)


class Image:
    """Made by ``Instance.capture`` or ``Image.open``. Immutable; any number of instances can start from it.

    Attributes:
        metadata: what it holds.
    """

    def __init__(self, descriptor: int, metadata: Metadata) -> None:
        self._descriptor = descriptor
        self.metadata = metadata

    def __del__(self) -> None:
        os.close(self._descriptor)

    @property
    def component(self) -> str:
        """Hash of the component that it is an image of."""
        return self.metadata.component

    @property
    def world(self) -> Any:
        """The host's own data that was captured with it."""
        return self.metadata.world

    def save(self, path: Path) -> None:
        """Write it to a file, which is there whole or not at all, and durable when this returns.

        Raises:
            OSError: it cannot be written.
        """
        data = msgspec.msgpack.encode(self.metadata)
        place = _end(self.metadata)
        header = _HEADER.pack(_MAGIC, VERSION, 0, place, len(data), hashlib.sha256(data).digest())
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
        try:
            try:
                for memory in self.metadata.memories:
                    copy_runs(self._descriptor, descriptor, memory.runs)
                write_all(descriptor, header, 0)
                write_all(descriptor, data, place)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    @classmethod
    def open(cls, path: Path) -> Image:
        """Read an image; its memories are left in the file, which must not be changed from then on.

        Raises:
            WasmError: it is damaged or of another version.
            OSError: it cannot be read.
        """
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            metadata = _read_metadata(descriptor)
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, ValueError):
                raise WasmError(f"{path} is not a whole image: {error}") from error
            raise
        return cls(descriptor, metadata)

    @classmethod
    def of(cls, machine: Machine, world: Any) -> Image:
        """Capture an instance at rest, with ``world`` beside it.

        Raises:
            NotCapturable: something of it cannot be put away; names what.
        """
        linked = machine.linked
        plan = linked.component.plan
        if plan.uncapturable:
            raise NotCapturable(f"the component cannot be captured: {', '.join(plan.uncapturable)}")
        for table, item in zip(plan.tables, machine.state([it.slot for it in plan.tables]), strict=True):
            if machine.store.table_size(item) != table.minimum:
                raise NotCapturable("a table of functions has grown")
        tables = [_capture_table(linked, machine.context, instance) for instance in machine.instances]
        descriptor = anonymous_file()
        try:
            memories = _write_memories(machine, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(
            descriptor, Metadata(linked.component.hash, memories, machine.read_globals(), tables, world)
        )

    def bring_back(self, machine: Machine) -> None:
        """Make an instance that was just started what was captured.

        Raises:
            WasmError: it is an instance of another component.
            OSError: the memories cannot be mapped.
        """
        linked = machine.linked
        plan, store, metadata = linked.component.plan, machine.store, self.metadata
        if metadata.component != linked.component.hash:
            raise WasmError("the image is of another component")
        state = (metadata.memories, metadata.globals, metadata.tables)
        if [len(part) for part in state] != [len(plan.memories), len(plan.globals), len(plan.parents)]:
            raise WasmError("the image was made by a version that reads the component otherwise")
        for slot, memory in zip(plan.memories, metadata.memories, strict=True):
            item = machine.item(slot.slot)
            missing = memory.size - store.memory_size(item)
            if missing:
                store.grow_memory(item, missing // WASM_PAGE_BYTES)
            lay_under(store.memory_base(item), memory.size, self._descriptor, memory.offset)
        machine.write_globals(metadata.globals)
        for instance, table in zip(machine.instances, metadata.tables, strict=True):
            _restore_table(linked, machine.context, instance, table)


def _end(metadata: Metadata) -> int:
    """Where the memories end in the file."""
    return max((memory.offset + memory.size for memory in metadata.memories), default=WASM_PAGE_BYTES)


def _read_metadata(descriptor: int) -> Metadata:
    header = os.pread(descriptor, _HEADER.size, 0)
    if len(header) < _HEADER.size:
        raise ValueError("it is too short")
    magic, version, _, place, length, digest = _HEADER.unpack(header)
    if magic != _MAGIC or version != VERSION:
        raise ValueError(f"version {VERSION} was expected")
    data = os.pread(descriptor, length, place)
    if hashlib.sha256(data).digest() != digest:
        raise ValueError("the metadata is damaged")
    metadata = _metadata_decoder.decode(data)
    # Metadata stands behind the memories: where it is whole, no mapping reaches beyond the end of the file.
    if _end(metadata) != place:
        raise ValueError("the metadata stands in the wrong place")
    return metadata


def _write_memories(machine: Machine, descriptor: int) -> list[MemoryImage]:
    images, offset = [], WASM_PAGE_BYTES
    for slot in machine.linked.component.plan.memories:
        view = machine.store.memory_view(machine.item(slot.slot))
        runs = [(offset + start, offset + end) for start, end in nonzero_runs(view)]
        for start, end in runs:
            write_all(descriptor, view[start - offset : end - offset], start)
        images.append(MemoryImage(offset, len(view), runs))
        offset += len(view)
    os.ftruncate(descriptor, offset)
    return images


def _capture_table(linked: Linked, context: Any, instance: ComponentInstance) -> TableImage:
    def capture(handle: Handle | None) -> HandleImage | None:
        if handle is None:
            return None
        resource = handle.resource
        if resource.interface is None:
            return HandleImage(None, str(linked.guest_numbers[resource]), handle.value)
        declared = linked.host_resources[resource]
        if declared.capture is None:
            raise NotCapturable(f"a resource {resource.name!r} of {resource.interface} is open")
        return HandleImage(resource.interface, resource.name, declared.capture(context, handle.value))

    table = instance.handles
    return TableImage([capture(handle) for handle in table.entries], list(table.free))


def _restore_table(linked: Linked, context: Any, instance: ComponentInstance, image: TableImage) -> None:
    def restore(handle: HandleImage | None) -> Handle | None:
        if handle is None:
            return None
        if handle.interface is None:
            resource: ResourceType = linked.component.plan.resources[int(handle.resource)].type
            return Handle(resource, handle.data, owned=True)
        resource = linked.host_resource_types[handle.interface, handle.resource]
        declared = linked.host_resources[resource]
        if declared.restore is None:
            raise WasmError(f"resource {resource.name!r} of {resource.interface} cannot be restored")
        return Handle(resource, declared.restore(context, handle.data), owned=True)

    instance.handles.entries = [restore(handle) for handle in image.entries]
    instance.handles.free = list(image.free)
