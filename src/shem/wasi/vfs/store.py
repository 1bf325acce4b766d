"""The nodes that belong to one agent: their numbers, what keeps them alive, and what they take of the quota.

A node lives while a directory entry names it or somebody holds it open. Whoever changes the tree goes through
here, so that the sums are always those of what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from shem.errors import StorageCorrupt
from shem.wasi.vfs import image
from shem.wasi.vfs.errors import FsError
from shem.wasi.vfs.nodes import Directory, File, Node, Own, Symlink

ROOT_INODE = 1

_N = TypeVar("_N", File, Directory, Symlink)


@dataclass(frozen=True, slots=True)
class Quota:
    """What an agent's own files may take.

    Attributes:
        bytes_max: contents of files and targets of symbolic links.
        names_max: directory entries, and open files that have no entry any more.
    """

    bytes_max: int = 1 << 30
    names_max: int = 100_000


class Store:
    """See the head of this file.

    Args:
        now_ns: the agent's time, ns since the epoch.

    Attributes:
        nodes: by inode number.
        root: the root directory.
        used_bytes, used_names: of the quota.
    """

    __slots__ = ("_next_inode", "_quota", "nodes", "now_ns", "root", "used_bytes", "used_names")

    def __init__(self, now_ns: Callable[[], int], quota: Quota) -> None:
        self.now_ns, self._quota = now_ns, quota
        self._next_inode = ROOT_INODE
        self.nodes: dict[int, Own] = {}
        self.used_bytes = self.used_names = 0
        self.root = self.directory(None)

    # -- new nodes, not yet named by anything

    def file(self) -> File:
        """A new empty file."""
        return self._add(File(self._take_inode(), self.now_ns()))

    def directory(self, parent: Directory | None) -> Directory:
        """A new empty directory."""
        return self._add(Directory(self._take_inode(), self.now_ns(), parent))

    def symlink(self, target: str) -> Symlink:
        """A new symbolic link; the caller has claimed its bytes."""
        return self._add(Symlink(self._take_inode(), self.now_ns(), target))

    # -- names

    def attach(self, parent: Directory, name: str, node: Own) -> None:
        """Enter ``node`` into a directory; its ``links`` are the caller's to count."""
        parent.entries[name] = node
        self.used_names += 1
        self._touch(parent)

    def detach(self, parent: Directory, name: str) -> None:
        """Remove an entry, and its node when that was the last."""
        node = parent.entries.pop(name)
        assert isinstance(node, Own), "mounts are never detached"
        self._touch(parent)
        node.links -= 1
        node.changed_ns = self.now_ns()
        if node.links or not node.holds:
            self.used_names -= 1
        self._forget_if_unused(node)

    def move(self, parent: Directory, name: str, new_parent: Directory, new_name: str) -> None:
        """Take an entry from one place to another, which is free."""
        node = parent.entries.pop(name)
        self._touch(parent)
        new_parent.entries[new_name] = node
        self._touch(new_parent)
        node.changed_ns = self.now_ns()
        if isinstance(node, Directory):
            node.parent = new_parent

    # -- holds

    def hold(self, node: Node) -> None:
        """Keep a node alive although its last name may go; shared nodes need no keeping."""
        if isinstance(node, Own):
            node.holds += 1

    def release(self, node: Node) -> None:
        """The opposite of ``hold``."""
        if isinstance(node, Own):
            node.holds -= 1
            if not node.holds and not node.links:
                self.used_names -= 1
            self._forget_if_unused(node)

    # -- the quota

    def claim_bytes(self, count: int) -> None:
        """Take bytes, or give back where ``count`` is negative; ``insufficient-space`` beyond the quota."""
        if count > 0 and self.used_bytes + count > self._quota.bytes_max:
            raise FsError("insufficient-space")
        self.used_bytes += count

    def check_names(self, count: int) -> None:
        """``insufficient-space`` when so many more entries would be beyond the quota."""
        if self.used_names + count > self._quota.names_max:
            raise FsError("insufficient-space")

    # -- state

    def capture(self, mounts: Mapping[int, str]) -> dict[str, Any]:
        """All nodes as plain data; ``mounts`` gives a mounted root's path by the identity of its node."""
        return {"next_inode": self._next_inode, "nodes": image.capture(self.nodes, mounts)}

    def restore(self, data: Mapping[str, Any], mounts: Mapping[str, Node]) -> None:
        """The inverse; ``mounts`` gives the root of a mounted tree by its path.

        Raises:
            StorageCorrupt: the data is not what ``capture`` gives, or names a mount that is not there.
        """
        nodes = image.restore(data["nodes"], mounts)
        root = nodes.get(ROOT_INODE)
        if not isinstance(root, Directory):
            raise StorageCorrupt("the captured files have no root directory")
        self.nodes, self.root, self._next_inode = nodes, root, data["next_inode"]
        self.used_bytes = sum(node.size for node in nodes.values())
        self.used_names = sum(max(node.links, 1) for node in nodes.values() if node is not root)

    def _touch(self, directory: Directory) -> None:
        directory.modified_ns = directory.changed_ns = self.now_ns()

    def _add(self, node: _N) -> _N:
        self.nodes[node.inode] = node
        return node

    def _forget_if_unused(self, node: Own) -> None:
        if not node.links and not node.holds:
            del self.nodes[node.inode]
            self.used_bytes -= node.size

    def _take_inode(self) -> int:
        self._next_inode += 1
        return self._next_inode - 1
