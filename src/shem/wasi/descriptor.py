"""The resources of ``wasi:filesystem/types``: open files and directories, their streams, directory listings.

They refer to nodes of the agent's file system and hold them, so that an unlinked file lives as long as it is
open. In captured data a node is its inode number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shem.wasi.context import WasiContext
from shem.wasi.io_error import IoError
from shem.wasi.streams import InputStream, OutputStream, StreamClosed, StreamFailed
from shem.wasi.vfs import DirectoryNode, FileNode, FsError, Node


class Descriptor:
    """The resource ``descriptor``.

    Attributes:
        node: the file or directory.
        flags: ``descriptor-flags``: how it was opened.
    """

    __slots__ = ("flags", "node")

    def __init__(self, node: Node, flags: frozenset[str]) -> None:
        self.node, self.flags = node, flags

    @property
    def file(self) -> FileNode:
        """The file; ``bad-descriptor`` for a directory."""
        if not isinstance(self.node, FileNode):
            raise FsError("bad-descriptor")
        return self.node

    @property
    def directory(self) -> DirectoryNode:
        """The directory; ``not-directory`` for a file."""
        if not isinstance(self.node, DirectoryNode):
            raise FsError("not-directory")
        return self.node

    @property
    def readable(self) -> FileNode:
        """The file, when it was opened for reading; else ``bad-descriptor``."""
        if "read" not in self.flags:
            raise FsError("bad-descriptor")
        return self.file

    @property
    def writable(self) -> FileNode:
        """The file, when it was opened for writing; else ``bad-descriptor``."""
        if "write" not in self.flags:
            raise FsError("bad-descriptor")
        return self.file

    @property
    def mutable(self) -> DirectoryNode:
        """The directory, when its entries may be changed through this descriptor; else ``read-only``."""
        directory = self.directory
        if "mutate-directory" not in self.flags:
            raise FsError("read-only")
        return directory


class FileInput(InputStream, kind="file"):
    """Reads a file from a position on."""

    __slots__ = ("file", "position")

    def __init__(self, file: FileNode, position: int) -> None:
        self.file, self.position = file, position

    def read(self, _ctx: WasiContext, length: int) -> bytes:
        data = self.file.read(self.position, length)
        if not data and length:
            # Asked again, it looks again: the file may have grown.
            raise StreamClosed
        self.position += len(data)
        return data

    def drop(self, ctx: WasiContext) -> None:
        ctx.files.release(self.file)

    def capture(self) -> list[int]:
        return [self.file.inode, self.position]

    @classmethod
    def restore(cls, ctx: WasiContext, data: list[int]) -> FileInput:
        inode, position = data
        return cls(_held_file(ctx, inode), position)


class FileOutput(OutputStream, kind="file"):
    """Writes a file from a position on, or always at its end where the position is None."""

    __slots__ = ("file", "position")

    def __init__(self, file: FileNode, position: int | None) -> None:
        self.file, self.position = file, position

    def write(self, ctx: WasiContext, data: bytes) -> None:
        position = self.position
        try:
            ctx.files.write(self.file, self.file.size if position is None else position, data)
        except FsError as error:
            raise StreamFailed(IoError(f"writing to a file failed: {error.code}", error.code)) from error
        if position is not None:
            self.position = position + len(data)

    def drop(self, ctx: WasiContext) -> None:
        ctx.files.release(self.file)

    def capture(self) -> list[int | None]:
        return [self.file.inode, self.position]

    @classmethod
    def restore(cls, ctx: WasiContext, data: list[Any]) -> FileOutput:
        inode, position = data
        return cls(_held_file(ctx, inode), position)


class DirectoryListing:
    """The resource ``directory-entry-stream``: what was there when it was opened, in name order."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Iterable[tuple[str, str]]) -> None:
        self._entries = list(entries)
        self._entries.reverse()

    def next(self) -> dict[str, str] | None:
        """The next ``directory-entry``."""
        if not self._entries:
            return None
        name, kind = self._entries.pop()
        return {"type": kind, "name": name}

    def capture(self) -> list[list[str]]:
        """What is left, as plain data."""
        return [list(entry) for entry in reversed(self._entries)]


def capture_descriptor(_ctx: WasiContext, descriptor: Descriptor) -> list[Any]:
    """A descriptor as plain data."""
    return [descriptor.node.inode, sorted(descriptor.flags)]


def restore_descriptor(ctx: WasiContext, data: list[Any]) -> Descriptor:
    """The inverse of ``capture_descriptor``."""
    inode, flags = data
    node = ctx.files.node(inode)
    ctx.files.hold(node)
    return Descriptor(node, frozenset(flags))


def drop_descriptor(ctx: WasiContext, descriptor: Descriptor) -> None:
    """The guest closes it."""
    ctx.files.release(descriptor.node)


def _held_file(ctx: WasiContext, inode: int) -> FileNode:
    node = ctx.files.node(inode)
    assert isinstance(node, FileNode), "streams are made of files alone"
    ctx.files.hold(node)
    return node
