"""``wasi:filesystem``: types and preopens, over the agent's virtual file system.

There is one preopen, ``/``, readable and writable. Nothing here is recorded: files are a function of what the
agent did, and replay rebuilds them. Refusals of the file system (``FsError``) become ``error-code`` values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from shem.wasi.clocks import SECOND_NS, to_datetime
from shem.wasi.context import WasiContext
from shem.wasi.descriptor import (
    Descriptor,
    DirectoryListing,
    FileInput,
    FileOutput,
    capture_descriptor,
    drop_descriptor,
    restore_descriptor,
)
from shem.wasi.io_error import IoError
from shem.wasi.streams import READ_MAX_BYTES
from shem.wasi.version import VERSION
from shem.wasi.vfs import FsError, Node
from shem.wasm.host import HostFunction, HostInterface

TYPES = HostInterface(f"wasi:filesystem/types@{VERSION}")
PREOPENS = HostInterface(f"wasi:filesystem/preopens@{VERSION}")
FILESYSTEM_INTERFACES = (TYPES, PREOPENS)

PREOPEN = "/"

Datetime = dict[str, int]
NewTimestamp = tuple[str, Datetime | None]
Result = tuple[str, Any]

_DIRECTORY_FLAGS = frozenset({"read", "mutate-directory"})
_MASK_64 = (1 << 64) - 1
_HASH_FACTOR = 0x9E3779B97F4A7C15
"""2^64 divided by the golden ratio: spreads times that differ in few bits (Knuth, TAOCP 3, section 6.4)."""
_TIME_MAX_NS = (1 << 63) - 1

TYPES.resource("descriptor", drop=drop_descriptor, capture=capture_descriptor, restore=restore_descriptor)
TYPES.resource(
    "directory-entry-stream",
    capture=lambda _ctx, listing: listing.capture(),
    restore=lambda _ctx, data: DirectoryListing((name, kind) for name, kind in data),
)


def _method(name: str) -> Callable[[HostFunction], Callable[..., Result]]:
    """Decorator: a method that returns the ok value, or raises ``FsError`` for the err value."""

    def decorate(function: HostFunction) -> Callable[..., Result]:
        @wraps(function)
        def method(ctx: WasiContext, *arguments: Any) -> Result:
            try:
                return "ok", function(ctx, *arguments)
            except FsError as error:
                return "err", error.code

        return TYPES.function(name)(method)

    return decorate


@PREOPENS.function("get-directories")
def get_directories(ctx: WasiContext) -> list[tuple[Descriptor, str]]:
    return [(_open(ctx, ctx.files.root, _DIRECTORY_FLAGS), PREOPEN)]


# -- contents of files


@_method("[method]descriptor.read-via-stream")
def read_via_stream(ctx: WasiContext, descriptor: Descriptor, offset: int) -> FileInput:
    file = descriptor.readable
    ctx.files.hold(file)
    return FileInput(file, offset)


@_method("[method]descriptor.write-via-stream")
def write_via_stream(ctx: WasiContext, descriptor: Descriptor, offset: int) -> FileOutput:
    file = descriptor.writable
    ctx.files.hold(file)
    return FileOutput(file, offset)


@_method("[method]descriptor.append-via-stream")
def append_via_stream(ctx: WasiContext, descriptor: Descriptor) -> FileOutput:
    file = descriptor.writable
    ctx.files.hold(file)
    return FileOutput(file, None)


@_method("[method]descriptor.read")
def read(_ctx: WasiContext, descriptor: Descriptor, length: int, offset: int) -> tuple[bytes, bool]:
    file = descriptor.readable
    data = file.read(offset, min(length, READ_MAX_BYTES))
    return data, offset + len(data) >= file.size


@_method("[method]descriptor.write")
def write(ctx: WasiContext, descriptor: Descriptor, buffer: bytes, offset: int) -> int:
    ctx.files.write(descriptor.writable, offset, buffer)
    return len(buffer)


@_method("[method]descriptor.set-size")
def set_size(ctx: WasiContext, descriptor: Descriptor, size: int) -> None:
    ctx.files.resize(descriptor.writable, size)


@_method("[method]descriptor.advise")
def advise(_ctx: WasiContext, descriptor: Descriptor, _offset: int, _length: int, _advice: str) -> None:
    _ = descriptor.file


@_method("[method]descriptor.sync-data")
def sync_data(_ctx: WasiContext, _descriptor: Descriptor) -> None:
    """What the guest wrote is as durable as its oplog; there is nothing more to do."""


@_method("[method]descriptor.sync")
def sync(_ctx: WasiContext, _descriptor: Descriptor) -> None:
    """As ``sync-data``."""


# -- metadata


@_method("[method]descriptor.get-flags")
def get_flags(_ctx: WasiContext, descriptor: Descriptor) -> frozenset[str]:
    return descriptor.flags


@_method("[method]descriptor.get-type")
def get_type(_ctx: WasiContext, descriptor: Descriptor) -> str:
    return descriptor.node.kind


@_method("[method]descriptor.stat")
def stat(_ctx: WasiContext, descriptor: Descriptor) -> dict[str, Any]:
    return _stat(descriptor.node)


@_method("[method]descriptor.stat-at")
def stat_at(
    ctx: WasiContext, descriptor: Descriptor, path_flags: frozenset[str], path: str
) -> dict[str, Any]:
    return _stat(ctx.files.lookup(descriptor.directory, path, follow=bool(path_flags)))


@_method("[method]descriptor.set-times")
def set_times(
    ctx: WasiContext, descriptor: Descriptor, accessed: NewTimestamp, modified: NewTimestamp
) -> None:
    ctx.files.set_times(descriptor.node, _time(ctx, accessed), _time(ctx, modified))


@_method("[method]descriptor.set-times-at")
def set_times_at(
    ctx: WasiContext,
    descriptor: Descriptor,
    path_flags: frozenset[str],
    path: str,
    accessed: NewTimestamp,
    modified: NewTimestamp,
) -> None:
    node = ctx.files.lookup(descriptor.mutable, path, follow=bool(path_flags))
    ctx.files.set_times(node, _time(ctx, accessed), _time(ctx, modified))


@_method("[method]descriptor.metadata-hash")
def metadata_hash(_ctx: WasiContext, descriptor: Descriptor) -> dict[str, int]:
    return _metadata_hash(descriptor.node)


@_method("[method]descriptor.metadata-hash-at")
def metadata_hash_at(
    ctx: WasiContext, descriptor: Descriptor, path_flags: frozenset[str], path: str
) -> dict[str, int]:
    return _metadata_hash(ctx.files.lookup(descriptor.directory, path, follow=bool(path_flags)))


@TYPES.function("[method]descriptor.is-same-object")
def is_same_object(_ctx: WasiContext, descriptor: Descriptor, other: Descriptor) -> bool:
    return descriptor.node is other.node


# -- directories


@_method("[method]descriptor.open-at")
def open_at(
    ctx: WasiContext,
    descriptor: Descriptor,
    path_flags: frozenset[str],
    path: str,
    open_flags: frozenset[str],
    flags: frozenset[str],
) -> Descriptor:
    directory = descriptor.directory
    write = "write" in flags
    changes = write or "mutate-directory" in flags or "create" in open_flags or "truncate" in open_flags
    if changes:
        directory = descriptor.mutable
    node = ctx.files.open(
        directory,
        path,
        follow=bool(path_flags),
        create="create" in open_flags,
        exclusive="exclusive" in open_flags,
        directory="directory" in open_flags,
        truncate="truncate" in open_flags,
        write=write,
    )
    if node.kind == "directory":
        # wasi-libc opens directories for reading alone and expects to change what is in them: pass on what
        # the base has, as wasmtime does.
        flags = (flags - {"mutate-directory"}) | (descriptor.flags & {"mutate-directory"})
    else:
        flags -= {"mutate-directory"}
    return _open(ctx, node, flags)


@_method("[method]descriptor.read-directory")
def read_directory(ctx: WasiContext, descriptor: Descriptor) -> DirectoryListing:
    return DirectoryListing((name, node.kind) for name, node in ctx.files.list(descriptor.directory))


@_method("[method]directory-entry-stream.read-directory-entry")
def read_directory_entry(_ctx: WasiContext, listing: DirectoryListing) -> dict[str, str] | None:
    return listing.next()


@_method("[method]descriptor.create-directory-at")
def create_directory_at(ctx: WasiContext, descriptor: Descriptor, path: str) -> None:
    ctx.files.make_directory(descriptor.mutable, path)


@_method("[method]descriptor.remove-directory-at")
def remove_directory_at(ctx: WasiContext, descriptor: Descriptor, path: str) -> None:
    ctx.files.remove_directory(descriptor.mutable, path)


@_method("[method]descriptor.unlink-file-at")
def unlink_file_at(ctx: WasiContext, descriptor: Descriptor, path: str) -> None:
    ctx.files.unlink(descriptor.mutable, path)


@_method("[method]descriptor.rename-at")
def rename_at(
    ctx: WasiContext, descriptor: Descriptor, old_path: str, new_descriptor: Descriptor, new_path: str
) -> None:
    ctx.files.rename(descriptor.mutable, old_path, new_descriptor.mutable, new_path)


@_method("[method]descriptor.link-at")
def link_at(
    ctx: WasiContext,
    descriptor: Descriptor,
    old_path_flags: frozenset[str],
    old_path: str,
    new_descriptor: Descriptor,
    new_path: str,
) -> None:
    follow = bool(old_path_flags)
    ctx.files.link(descriptor.mutable, old_path, new_descriptor.mutable, new_path, follow=follow)


@_method("[method]descriptor.symlink-at")
def symlink_at(ctx: WasiContext, descriptor: Descriptor, old_path: str, new_path: str) -> None:
    ctx.files.symlink(old_path, descriptor.mutable, new_path)


@_method("[method]descriptor.readlink-at")
def readlink_at(ctx: WasiContext, descriptor: Descriptor, path: str) -> str:
    return ctx.files.read_link(descriptor.directory, path)


@TYPES.function("filesystem-error-code")
def filesystem_error_code(_ctx: WasiContext, error: IoError) -> str | None:
    return error.filesystem_code


# -- inside


def _open(ctx: WasiContext, node: Node, flags: frozenset[str]) -> Descriptor:
    ctx.files.hold(node)
    return Descriptor(node, flags)


def _stat(node: Node) -> dict[str, Any]:
    return {
        "type": node.kind,
        "link-count": node.links,
        "size": node.size,
        "data-access-timestamp": to_datetime(node.accessed_ns),
        "data-modification-timestamp": to_datetime(node.modified_ns),
        "status-change-timestamp": to_datetime(node.changed_ns),
    }


def _metadata_hash(node: Node) -> dict[str, int]:
    """``lower`` is the inode number and nothing else: wasi-libc gives it to programs as ``st_ino``, which
    must tell files apart and stay the same while one changes. ``upper`` changes with the content."""
    upper = (node.modified_ns * _HASH_FACTOR + node.size) & _MASK_64
    return {"lower": node.inode, "upper": upper}


def _time(ctx: WasiContext, new: NewTimestamp) -> int | None:
    """The time to set, in ns since the epoch; None to leave it."""
    case, given = new
    if case == "no-change":
        return None
    if given is None:
        return ctx.files.now_ns()
    if given["nanoseconds"] >= SECOND_NS:
        raise FsError("invalid")
    at_ns = given["seconds"] * SECOND_NS + given["nanoseconds"]
    if at_ns > _TIME_MAX_NS:
        raise FsError("overflow")
    return at_ns
