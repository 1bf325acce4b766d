"""The operations of a file system, over nodes in memory.

Every operation is refused as a whole or done as a whole: it finds and checks everything first, then changes.
The order of the checks is Linux's wherever POSIX leaves it open, because that is what programs were written
against; the tests compare with a real directory.

Nothing is read from the machine: times come from the injected ``now_ns``, inode numbers count up, directories
are listed in name order. So the same operations give the same file system, byte for byte, live and in replay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shem.errors import StorageCorrupt
from shem.wasi.vfs.errors import FsError
from shem.wasi.vfs.nodes import Directory, DirectoryNode, File, FileNode, Node, Own, SymlinkNode
from shem.wasi.vfs.paths import Place, split, walk
from shem.wasi.vfs.store import Quota, Store
from shem.wasi.vfs.tree import Tree

_OFFSET_MAX = (1 << 63) - 1


class FileSystem:
    """One agent's files.

    Paths are relative to a base directory, ``root`` or any other. All methods that take one raise ``FsError``
    with the codes of ``walk``; what else they raise is said there. Whatever changes something raises
    ``read-only`` in a mount and ``insufficient-space`` beyond the quota.

    Args:
        mounts: read-only trees by absolute path, for instance ``"/app"``; a missing parent directory is made,
            and ``/tmp`` as well.
        now_ns: the agent's time, ns since the epoch.
        quota: bounds of the agent's own files.
    """

    def __init__(
        self,
        mounts: Mapping[str, Tree] | None = None,
        now_ns: Callable[[], int] = lambda: 0,
        *,
        quota: Quota | None = None,
    ) -> None:
        self._mounts = dict(mounts or {})
        self._store = Store(now_ns, quota or Quota())
        self._now_ns = now_ns
        for path, tree in self._mounts.items():
            self._mount(path, tree)
        if "tmp" not in self.root.entries:
            self._store.attach(self.root, "tmp", self._store.directory(self.root))

    @property
    def root(self) -> Directory:
        """The directory ``/``."""
        return self._store.root

    @property
    def used_bytes(self) -> int:
        """Bytes that count against the quota."""
        return self._store.used_bytes

    @property
    def used_names(self) -> int:
        """Names that count against the quota."""
        return self._store.used_names

    # -- looking

    def lookup(self, base: DirectoryNode, path: str, *, follow: bool = True) -> Node:
        """The node at a path; with ``follow`` what a symbolic link in the last place points to."""
        place = walk(base, path, follow=follow or path.endswith("/"))
        if place.node is None:
            raise FsError("no-entry")
        if place.slash and not isinstance(place.node, DirectoryNode):
            raise FsError("not-directory")
        return place.node

    def node(self, inode: int) -> Node:
        """The node with that number, also one that has no name any more but is held.

        Raises:
            StorageCorrupt: there is none, so what names it belongs to other files.
        """
        own = self._store.nodes.get(inode)
        if own is not None:
            return own
        for tree in self._mounts.values():
            shared = tree.find(inode)
            if shared is not None:
                return shared
        raise StorageCorrupt(f"no file has the inode number {inode}")

    def read_link(self, base: DirectoryNode, path: str) -> str:
        """The target of a symbolic link; ``invalid`` for anything else."""
        node = self.lookup(base, path, follow=False)
        if not isinstance(node, SymlinkNode):
            raise FsError("invalid")
        if node.target.startswith("/"):
            raise FsError("not-permitted")
        return node.target

    def list(self, directory: DirectoryNode) -> list[tuple[str, Node]]:
        """The entries in name order, as they are now."""
        return sorted(directory.children.items())

    # -- opening

    def open(
        self,
        base: DirectoryNode,
        path: str,
        *,
        follow: bool = True,
        create: bool = False,
        exclusive: bool = False,
        directory: bool = False,
        truncate: bool = False,
        write: bool = False,
    ) -> FileNode | DirectoryNode:
        """Open, and with ``create`` make, a file or directory.

        The caller holds it (``hold``) as long as it is open.

        Args:
            exclusive: with ``create``: refuse with ``exist`` what is there, even a dangling symbolic link.
            directory: refuse with ``not-directory`` what is none.
            truncate: empty the file.
            write: it will be written to; a directory is refused with ``is-directory``.

        Raises:
            FsError: also ``loop`` for a symbolic link when not following, ``invalid`` for ``create`` and
                ``directory`` together.
        """
        if create and directory:
            raise FsError("invalid")
        slash = path.endswith("/")
        place = walk(base, path, follow=follow and not (exclusive or slash) if create else follow or slash)
        node = place.node
        if create and place.slash and place.name is not None:
            raise FsError("is-directory")
        if node is None:
            if not create:
                raise FsError("no-entry")
            return self._create(place)
        if create and exclusive:
            raise FsError("exist")
        if isinstance(node, SymlinkNode):
            raise FsError("not-directory" if directory else "loop")
        if isinstance(node, DirectoryNode):
            if create or truncate or write:
                raise FsError("is-directory")
            return node
        assert isinstance(node, FileNode)
        if directory or place.slash:
            raise FsError("not-directory")
        if (write or truncate) and not isinstance(node, File):
            raise FsError("read-only")
        if truncate:
            self.resize(node, 0)
        return node

    def hold(self, node: Node) -> None:
        """Keep a node alive although its last name may go."""
        self._store.hold(node)

    def release(self, node: Node) -> None:
        """The opposite of ``hold``: a node without names or holds is gone, and its bytes are free."""
        self._store.release(node)

    # -- contents

    def write(self, file: FileNode, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Write all of ``data``; a gap after the end is filled with zeroes."""
        content = self._writable(file)
        end = offset + len(data)
        if end > _OFFSET_MAX:
            raise FsError("invalid")
        if not data:
            return
        size = len(content.data)
        if end > size:
            self._store.claim_bytes(end - size)
            if offset > size:
                content.data.extend(bytes(offset - size))
        content.data[offset:end] = data
        content.modified_ns = content.changed_ns = self._now_ns()

    def resize(self, file: FileNode, size: int) -> None:
        """Cut, or extend with zeroes."""
        content = self._writable(file)
        if size > _OFFSET_MAX:
            raise FsError("invalid")
        grown = size - len(content.data)
        self._store.claim_bytes(grown)
        if grown > 0:
            content.data.extend(bytes(grown))
        else:
            del content.data[size:]
        content.modified_ns = content.changed_ns = self._now_ns()

    def set_times(self, node: Node, accessed_ns: int | None, modified_ns: int | None) -> None:
        """Set times; None leaves one as it is."""
        if not isinstance(node, Own):
            raise FsError("read-only")
        if accessed_ns is not None:
            node.accessed_ns = accessed_ns
        if modified_ns is not None:
            node.modified_ns = modified_ns
        node.changed_ns = self._now_ns()

    def now_ns(self) -> int:
        """The agent's time, as files are stamped with it."""
        return self._now_ns()

    # -- entries

    def make_directory(self, base: DirectoryNode, path: str) -> None:
        """``exist`` when anything is there."""
        parent, name = self._vacant(base, path, slash_is_fine=True)
        self._store.check_names(1)
        self._store.attach(parent, name, self._store.directory(parent))

    def symlink(self, target: str, base: DirectoryNode, path: str) -> None:
        """Make a symbolic link at ``path``; an absolute target is ``not-permitted``."""
        split(target)
        parent, name = self._vacant(base, path)
        self._store.check_names(1)
        self._store.claim_bytes(len(target.encode()))
        self._store.attach(parent, name, self._store.symlink(target))

    def link(
        self, base: DirectoryNode, path: str, new_base: DirectoryNode, new_path: str, *, follow: bool = False
    ) -> None:
        """Give a file one more name; a directory is ``not-permitted``."""
        node = self.lookup(base, path, follow=follow)
        parent, name = self._vacant(new_base, new_path)
        if not isinstance(node, Own):
            raise FsError("cross-device")
        if isinstance(node, Directory):
            raise FsError("not-permitted")
        if not node.links:
            raise FsError("no-entry")
        self._store.check_names(1)
        node.links += 1
        node.changed_ns = self._now_ns()
        self._store.attach(parent, name, node)

    def unlink(self, base: DirectoryNode, path: str) -> None:
        """Remove a name of what is no directory (``is-directory``)."""
        place = walk(base, path, follow=False)
        if place.node is None:
            raise FsError("no-entry")
        if place.name is None or isinstance(place.node, DirectoryNode):
            raise FsError("is-directory")
        if place.slash:
            raise FsError("not-directory")
        self._store.detach(_own_directory(place.parent), place.name)

    def remove_directory(self, base: DirectoryNode, path: str) -> None:
        """Remove an empty directory; a mount is ``busy``."""
        place = walk(base, path, follow=False)
        if place.node is None:
            raise FsError("no-entry")
        if place.name is None:
            raise FsError("invalid" if split(path)[0] == "." else "not-empty")
        if not isinstance(place.node, DirectoryNode):
            raise FsError("not-directory")
        parent = _own_directory(place.parent)
        if not isinstance(place.node, Directory):
            raise FsError("busy")
        if place.node.entries:
            raise FsError("not-empty")
        self._store.detach(parent, place.name)

    def rename(self, base: DirectoryNode, path: str, new_base: DirectoryNode, new_path: str) -> None:
        """Move a node; a file is put over a file, a directory over an empty directory."""
        old, new = walk(base, path, follow=False), walk(new_base, new_path, follow=False)
        if isinstance(old.parent, Directory) != isinstance(new.parent, Directory):
            raise FsError("cross-device")
        if old.name is None or new.name is None:
            raise FsError("busy")
        old_parent, new_parent = _own_directory(old.parent), _own_directory(new.parent)
        node, replaced = old.node, new.node
        if node is None:
            raise FsError("no-entry")
        if not isinstance(node, DirectoryNode) and (old.slash or new.slash):
            raise FsError("not-directory")
        if isinstance(node, Directory) and _is_within(new_parent, node):
            raise FsError("invalid")
        if isinstance(replaced, Directory) and _is_within(old_parent, replaced):
            raise FsError("not-empty")
        if node is replaced:
            return
        _check_replaceable(node, replaced)
        if not isinstance(node, Own) or (replaced is not None and not isinstance(replaced, Own)):
            raise FsError("busy")
        if not new_parent.links:
            raise FsError("no-entry")
        if replaced is not None:
            self._store.detach(new_parent, new.name)
        self._store.move(old_parent, old.name, new_parent, new.name)

    # -- state

    def capture(self) -> dict[str, Any]:
        """The agent's own nodes as plain data; mounts by their path alone."""
        return self._store.capture({id(tree.root): path for path, tree in self._mounts.items()})

    def restore(self, data: Mapping[str, Any]) -> None:
        """Become what was captured, over the mounts of now.

        Holds start at none: descriptors and streams that are restored hold again.

        Raises:
            StorageCorrupt: the data is not what ``capture`` gives, or names a mount that is not there.
        """
        self._store.restore(data, {path: tree.root for path, tree in self._mounts.items()})

    # -- inside

    def _mount(self, path: str, tree: Tree) -> None:
        *parents, name = [part for part in path.split("/") if part]
        here = self.root
        for part in parents:
            if part not in here.entries:
                self._store.attach(here, part, self._store.directory(here))
            here = _own_directory(here.entries[part])
        here.entries[name] = tree.root

    def _create(self, place: Place) -> File:
        parent = _own_directory(place.parent)
        assert place.name is not None, "what has no name of its own exists"
        if not parent.links:
            raise FsError("no-entry")
        self._store.check_names(1)
        file = self._store.file()
        self._store.attach(parent, place.name, file)
        return file

    def _vacant(
        self, base: DirectoryNode, path: str, *, slash_is_fine: bool = False
    ) -> tuple[Directory, str]:
        """Where a new entry can go."""
        place = walk(base, path, follow=False)
        if place.name is None or place.node is not None:
            raise FsError("exist")
        if place.slash and not slash_is_fine:
            raise FsError("no-entry")
        parent = _own_directory(place.parent)
        if not parent.links:
            raise FsError("no-entry")
        return parent, place.name

    def _writable(self, file: FileNode) -> File:
        if not isinstance(file, File):
            raise FsError("read-only")
        return file


def _own_directory(node: Node) -> Directory:
    if not isinstance(node, Directory):
        raise FsError("read-only")
    return node


def _is_within(directory: Directory | None, ancestor: Directory) -> bool:
    """Whether ``directory`` is ``ancestor`` or below it."""
    while directory is not None:
        if directory is ancestor:
            return True
        directory = directory.parent
    return False


def _check_replaceable(node: Node, replaced: Node | None) -> None:
    """Raise unless ``node`` may be renamed over ``replaced``."""
    if replaced is None:
        return
    if isinstance(node, DirectoryNode):
        if not isinstance(replaced, DirectoryNode):
            raise FsError("not-directory")
        if isinstance(replaced, Directory) and replaced.entries:
            raise FsError("not-empty")
    elif isinstance(replaced, DirectoryNode):
        raise FsError("is-directory")
