"""A virtual and a real directory: the same operations give the same answers and the same files."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shem.wasi.vfs import DirectoryNode, FileNode, FileSystem, FsError, SymlinkNode

ERRNO = {
    "exist": "EEXIST",
    "invalid": "EINVAL",
    "is-directory": "EISDIR",
    "loop": "ELOOP",
    "name-too-long": "ENAMETOOLONG",
    "no-entry": "ENOENT",
    "not-directory": "ENOTDIR",
    "not-empty": "ENOTEMPTY",
    "not-permitted": "EPERM",
    "busy": "EBUSY",
}

NAME = st.sampled_from(["a", "b", "c", "d"])
COMPONENT = st.one_of(NAME, NAME, NAME, NAME, st.sampled_from([".", ".."]))
PATH = st.builds(
    lambda parts, slash: "/".join(parts) + slash,
    st.lists(COMPONENT, min_size=1, max_size=4),
    st.sampled_from(["", "", "", "", "", "/"]),
)
DATA = st.binary(max_size=12)


class Oracle(RuleBasedStateMachine):
    """``real`` lies two levels below a directory of its own: what climbed out of it would meet nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.scratch = Path(tempfile.mkdtemp(prefix="shem-vfs-"))
        self.real = self.scratch / "outer" / "root"
        self.real.mkdir(parents=True)
        self.files = FileSystem()
        self.files.remove_directory(self.files.root, "tmp")
        self.held: list[tuple[FileNode, int]] = []

    def teardown(self) -> None:
        for _, descriptor in self.held:
            os.close(descriptor)
        shutil.rmtree(self.scratch)

    def both(self, virtual: Callable[[], Any], real: Callable[[], Any], *paths: str) -> bool:
        """Do it in both worlds, compare the answers; whether it was done."""
        try:
            expected: Any = virtual()
        except FsError as error:
            if error.code == "not-permitted" and any(self.escapes(path) for path in paths):
                return False
            expected = ERRNO[error.code]
        try:
            got = real()
        except OSError as error:
            got = next(name for name in ERRNO.values() if getattr(__import__("errno"), name) == error.errno)
        assert got == expected
        return not isinstance(expected, str) or expected not in ERRNO.values()

    def escapes(self, path: str) -> bool:
        """Whether a path, walked by hand, leaves the root."""
        with contextlib.suppress(OSError):
            here = self.real
            pending = [part for part in path.split("/") if part]
            for _ in range(200):
                if not pending:
                    return False
                part = pending.pop(0)
                if part == "..":
                    if here == self.real:
                        return True
                    here = here.parent
                elif (here / part).is_symlink():
                    pending = [p for p in os.readlink(here / part).split("/") if p] + pending
                elif part != ".":
                    here = here / part
        return False

    def at(self, path: str) -> str:
        return f"{self.real}/{path}"

    @rule(path=PATH, data=DATA, offset=st.integers(0, 20), exclusive=st.booleans(), truncate=st.booleans())
    def write(self, path: str, data: bytes, offset: int, exclusive: bool, truncate: bool) -> None:
        def virtual() -> None:
            node = self.files.open(
                self.files.root, path, create=True, exclusive=exclusive, truncate=truncate, write=True
            )
            assert isinstance(node, FileNode)
            self.files.write(node, offset, data)

        def real() -> None:
            flags = os.O_RDWR | os.O_CREAT | (os.O_EXCL * exclusive) | (os.O_TRUNC * truncate)
            descriptor = os.open(self.at(path), flags)
            os.pwrite(descriptor, data, offset)
            os.close(descriptor)

        self.both(virtual, real, path)

    @rule(path=PATH)
    def read(self, path: str) -> None:
        def virtual() -> bytes:
            node = self.files.open(self.files.root, path)
            if isinstance(node, DirectoryNode):
                raise FsError("is-directory")
            return node.read(0, 1000)

        def real() -> bytes:
            descriptor = os.open(self.at(path), os.O_RDONLY)
            try:
                return os.read(descriptor, 1000)
            finally:
                os.close(descriptor)

        self.both(virtual, real, path)

    @rule(path=PATH, directory=st.booleans(), follow=st.booleans())
    def open_existing(self, path: str, directory: bool, follow: bool) -> None:
        def virtual() -> str:
            return self.files.open(self.files.root, path, directory=directory, follow=follow).kind

        def real() -> str:
            descriptor = os.open(
                self.at(path), os.O_RDONLY | (os.O_DIRECTORY * directory) | (os.O_NOFOLLOW * (not follow))
            )
            try:
                return "directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "regular-file"
            finally:
                os.close(descriptor)

        self.both(virtual, real, path)

    @rule(path=PATH)
    def keep_open(self, path: str) -> None:
        opened: list[Any] = []

        def virtual() -> None:
            node = self.files.open(self.files.root, path, write=True)
            assert isinstance(node, FileNode)
            self.files.hold(node)
            opened.append(node)

        def real() -> None:
            opened.append(os.open(self.at(path), os.O_RDWR))

        if self.both(virtual, real, path):
            self.held.append((opened[0], opened[1]))

    @rule(data=DATA, index=st.integers(0, 9))
    def write_open(self, data: bytes, index: int) -> None:
        if self.held:
            node, descriptor = self.held[index % len(self.held)]
            self.files.write(node, node.size, data)
            os.pwrite(descriptor, data, os.fstat(descriptor).st_size)

    @rule(size=st.integers(0, 30), index=st.integers(0, 9))
    def resize_open(self, size: int, index: int) -> None:
        if self.held:
            node, descriptor = self.held[index % len(self.held)]
            self.files.resize(node, size)
            os.ftruncate(descriptor, size)

    @rule(index=st.integers(0, 9))
    def close(self, index: int) -> None:
        if self.held:
            node, descriptor = self.held.pop(index % len(self.held))
            self.files.release(node)
            os.close(descriptor)

    @rule(path=PATH)
    def make_directory(self, path: str) -> None:
        self.both(
            lambda: self.files.make_directory(self.files.root, path), lambda: os.mkdir(self.at(path)), path
        )

    @rule(path=PATH)
    def remove_directory(self, path: str) -> None:
        if path.strip("/.") == "" and ".." not in path:
            return  # the real root may be removed by its path; the virtual one has no path
        self.both(
            lambda: self.files.remove_directory(self.files.root, path), lambda: os.rmdir(self.at(path)), path
        )

    @rule(path=PATH)
    def unlink(self, path: str) -> None:
        self.both(lambda: self.files.unlink(self.files.root, path), lambda: os.unlink(self.at(path)), path)

    @rule(contents=PATH, path=PATH)
    def symlink(self, contents: str, path: str) -> None:
        self.both(
            lambda: self.files.symlink(contents, self.files.root, path),
            lambda: os.symlink(contents, self.at(path)),
            path,
        )

    @rule(path=PATH)
    def read_link(self, path: str) -> None:
        self.both(
            lambda: self.files.read_link(self.files.root, path).encode(),
            lambda: os.readlink(self.at(path)).encode(),
            path,
        )

    @rule(path=PATH, new=PATH)
    def link(self, path: str, new: str) -> None:
        self.both(
            lambda: self.files.link(self.files.root, path, self.files.root, new),
            lambda: os.link(self.at(path), self.at(new), follow_symlinks=False),
            path,
            new,
        )

    @rule(path=PATH, new=PATH)
    def rename(self, path: str, new: str) -> None:
        self.both(
            lambda: self.files.rename(self.files.root, path, self.files.root, new),
            lambda: os.rename(self.at(path), self.at(new)),
            path,
            new,
        )

    @rule(path=PATH, follow=st.booleans())
    def look(self, path: str, follow: bool) -> None:
        def virtual() -> tuple[str, int]:
            node = self.files.lookup(self.files.root, path, follow=follow)
            return node.kind, 0 if isinstance(node, DirectoryNode) else node.size

        def real() -> tuple[str, int]:
            found = os.stat(self.at(path)) if follow else os.lstat(self.at(path))
            if stat.S_ISDIR(found.st_mode):
                return "directory", 0
            return ("symbolic-link" if stat.S_ISLNK(found.st_mode) else "regular-file"), found.st_size

        self.both(virtual, real, path)

    @rule()
    def captured_and_restored(self) -> None:
        """Open files go on after it by their inode number, as descriptors do."""
        restored = FileSystem()
        restored.restore(self.files.capture())
        held = []
        for node, descriptor in self.held:
            again = restored.node(node.inode)
            assert isinstance(again, FileNode)
            restored.hold(again)
            held.append((again, descriptor))
        assert restored.capture() == self.files.capture()
        assert (restored.used_bytes, restored.used_names) == (self.files.used_bytes, self.files.used_names)
        self.files, self.held = restored, held

    @invariant()
    def same_tree(self) -> None:
        assert virtual_tree(self.files, self.files.root) == real_tree(self.real)

    @invariant()
    def same_open_files(self) -> None:
        for node, descriptor in self.held:
            assert (node.read(0, 1000), node.links) == (
                os.pread(descriptor, 1000, 0),
                os.fstat(descriptor).st_nlink,
            )

    @invariant()
    def what_is_used_is_what_is_there(self) -> None:
        nodes: dict[int, Any] = {node.inode: node for node, _ in self.held}
        names = 0
        pending: list[DirectoryNode] = [self.files.root]
        while pending:
            for _, node in self.files.list(pending.pop()):
                names += 1
                nodes[node.inode] = node
                if isinstance(node, DirectoryNode):
                    pending.append(node)
        unlinked = sum(not node.links for node in nodes.values())
        assert self.files.used_bytes == sum(node.size for node in nodes.values())
        assert self.files.used_names == names + unlinked


def virtual_tree(files: FileSystem, directory: DirectoryNode) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, node in files.list(directory):
        match node:
            case DirectoryNode():
                tree[name] = virtual_tree(files, node)
            case SymlinkNode():
                tree[name] = (node.target, node.links)
            case FileNode():
                tree[name] = (node.read(0, 1000), node.links)
    return tree


def real_tree(directory: Path) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        links = entry.stat(follow_symlinks=False).st_nlink
        if entry.is_symlink():
            tree[entry.name] = (os.readlink(entry.path), links)
        elif entry.is_dir():
            tree[entry.name] = real_tree(Path(entry.path))
        else:
            tree[entry.name] = (Path(entry.path).read_bytes(), links)
    return tree


TestVirtualAgainstReal = Oracle.TestCase
TestVirtualAgainstReal.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
