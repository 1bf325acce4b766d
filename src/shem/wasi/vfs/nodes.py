"""What a file system is made of. Each kind of node comes in two forms:

    Node ── FileNode ─────── File (own)        SharedFile (in tree.py)
         ├─ DirectoryNode ── Directory (own)   SharedDirectory
         └─ SymlinkNode ──── Symlink (own)     SharedSymlink

The *own* form belongs to one agent and changes; the *shared* form is immutable and part of many file systems
at once. Reading code asks for the family, writing code for the own form; that difference is what makes a
mount read-only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal, TypeAlias

Kind: TypeAlias = Literal["regular-file", "directory", "symbolic-link"]
"""``descriptor-type`` of ``wasi:filesystem/types``."""


class Node(ABC):
    """A file, a directory or a symbolic link.

    Attributes:
        inode: number of the node, unique in its file system and never used again.
        links: how many directory entries name it; 0 once it is removed (it lives on while it is held).
        holds: how many open descriptors and streams refer to it.
        accessed_ns, modified_ns, changed_ns: the three times of POSIX, ns since the epoch. Reading does not
            touch the first, as on a disk mounted with ``noatime``.
    """

    __slots__ = ("accessed_ns", "changed_ns", "holds", "inode", "links", "modified_ns")
    kind: ClassVar[Kind]

    def __init__(self, inode: int, now_ns: int) -> None:
        self.inode = inode
        self.links = 1
        self.holds = 0
        self.accessed_ns = self.modified_ns = self.changed_ns = now_ns

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes of content; of a symbolic link, of its target; of a directory, 0."""


class FileNode(Node):
    """A regular file."""

    __slots__ = ()
    kind = "regular-file"

    @abstractmethod
    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``; empty at and after the end."""


class DirectoryNode(Node):
    """A directory: ``entries`` maps names to nodes."""

    __slots__ = ()
    kind = "directory"

    @property
    @abstractmethod
    def children(self) -> Mapping[str, Node]:
        """The entries, without ``.`` and ``..``."""

    @property
    def size(self) -> int:
        return 0


class SymlinkNode(Node):
    """A symbolic link."""

    __slots__ = ("target",)
    kind = "symbolic-link"

    def __init__(self, inode: int, now_ns: int, target: str) -> None:
        super().__init__(inode, now_ns)
        self.target = target

    @property
    def size(self) -> int:
        return len(self.target.encode())


class File(FileNode):
    """A file of the agent."""

    __slots__ = ("data",)

    def __init__(self, inode: int, now_ns: int) -> None:
        super().__init__(inode, now_ns)
        self.data = bytearray()

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        # Through a view, because slicing a bytearray and then making bytes of it copies twice.
        with memoryview(self.data) as view:
            return bytes(view[offset : offset + length])


class Directory(DirectoryNode):
    """A directory of the agent. ``parent`` is None for the root alone."""

    __slots__ = ("entries", "parent")

    def __init__(self, inode: int, now_ns: int, parent: Directory | None) -> None:
        super().__init__(inode, now_ns)
        self.entries: dict[str, Node] = {}
        self.parent = parent

    @property
    def children(self) -> Mapping[str, Node]:
        return self.entries


class Symlink(SymlinkNode):
    """A symbolic link of the agent."""

    __slots__ = ()


Own: TypeAlias = File | Directory | Symlink
"""The nodes that belong to one agent."""
