"""A read-only tree of files out of a zip file, shared by every agent that mounts it.

Mounting is putting the root node into a directory: it costs the same for ten files and for ten thousand, and
no byte is copied. Contents are inflated when they are first read and then kept, because what one agent reads
(a module of the standard library) the next one reads as well.
"""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
import zlib
from calendar import timegm
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from shem.errors import BadInput, StorageCorrupt, TooLarge
from shem.wasi.vfs.nodes import DirectoryNode, FileNode, Node, SymlinkNode

TREE_FILES_MAX = 100_000
"""Entries of one zip file; the bound of an agent's own files."""

TREE_BYTES_MAX = 1 << 30
"""Bytes of all contents, inflated; the bound of an agent's own files."""

FILES_TIME_NS = 315_532_800_000_000_000
"""1980-01-01: the earliest that a zip file can say, so that agents can pack what they find here."""

_SHARED_INODES = 1 << 62
"""Inode numbers from here on are of shared nodes; an agent's own count up from 1."""

_LOCAL_HEADER_BYTES = 30
_LOCAL_HEADER_MAGIC = b"PK\x03\x04"
_RAW_DEFLATE = -15


class SharedFile(FileNode):
    """A file of a shared tree. ``load`` gives its content the first time it is asked for."""

    __slots__ = ("_content", "_load", "_size")

    def __init__(self, now_ns: int, size: int, load: Callable[[], bytes]) -> None:
        super().__init__(0, now_ns)
        self._size, self._load = size, load
        self._content: bytes | None = None

    @property
    def size(self) -> int:
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        content = self._content
        if content is None:
            # Two threads may inflate it at the same time; both get the same bytes and one of them stays.
            content = self._content = self._load()
        return content[offset : offset + length]


class SharedDirectory(DirectoryNode):
    """A directory of a shared tree, its entries in name order."""

    __slots__ = ("_entries",)

    def __init__(self, now_ns: int, entries: Mapping[str, Node]) -> None:
        super().__init__(0, now_ns)
        self._entries = MappingProxyType(dict(sorted(entries.items())))

    @property
    def children(self) -> Mapping[str, Node]:
        return self._entries


class SharedSymlink(SymlinkNode):
    """A symbolic link of a shared tree."""

    __slots__ = ()


class Tree:
    """An immutable tree of nodes; ``root`` is what gets mounted.

    Inode numbers follow from the content, so they are the same in every process, and differ between two trees
    that are mounted side by side.
    """

    __slots__ = ("_first", "_nodes", "root")

    def __init__(self, root: SharedDirectory, digest: bytes) -> None:
        self.root = root
        self._first = _SHARED_INODES | (int.from_bytes(digest[:4], "big") >> 2) << 32
        self._nodes = list(_all_nodes(root))
        for index, node in enumerate(self._nodes):
            node.inode = self._first + index

    def find(self, inode: int) -> Node | None:
        """The node with that number, or None when it is not of this tree."""
        index = inode - self._first
        return self._nodes[index] if 0 <= index < len(self._nodes) else None

    @classmethod
    def from_zip(cls, data: bytes, *, trusted: bool = False) -> Tree:
        """A tree with the files, directories and symbolic links of a zip file.

        Args:
            data: the zip file; entries are stored or deflated.
            trusted: it was checked before, so contents are looked at only when they are read.

        Raises:
            BadInput: it is no such zip file, or a path in it is absolute, holds ``..``, or comes twice.
            TooLarge: beyond ``TREE_FILES_MAX`` or ``TREE_BYTES_MAX``.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                infos = archive.infolist()
        except (zipfile.BadZipFile, ValueError, UnicodeDecodeError) as error:
            raise BadInput(f"the files are not a readable zip file: {error}") from error
        if len(infos) > TREE_FILES_MAX:
            raise TooLarge(f"the zip file has {len(infos)} entries, more than {TREE_FILES_MAX}")
        total = sum(info.file_size for info in infos)
        if total > TREE_BYTES_MAX:
            raise TooLarge(f"the files are {total} bytes, more than {TREE_BYTES_MAX}")
        builder = _Builder()
        for info in infos:
            _add(builder, info, data, trusted=trusted)
        return cls(builder.finish(), hashlib.sha256(data).digest())

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Tree:
        """A tree of these files by path, all of ``FILES_TIME_NS``.

        Raises:
            BadInput: a path is absolute, holds ``..``, or is both a file and a directory.
        """
        builder = _Builder()
        digest = hashlib.sha256()
        for path, content in sorted(files.items()):
            digest.update(f"{len(path)}:{path}{len(content)}:".encode())
            digest.update(content)
            builder.add(path, SharedFile(FILES_TIME_NS, len(content), content.__bytes__))
        return cls(builder.finish(), digest.digest())


class _Builder:
    """Collects nodes by path, then turns them into nested directories."""

    def __init__(self) -> None:
        self._root: dict[str, object] = {}
        self._times: dict[int, int] = {}

    def add(self, path: str, node: Node | None, modified_ns: int = 0) -> None:
        """Put ``node`` at ``path``; None makes a directory."""
        names = _names(path)
        here = self._root
        for name in names if node is None else names[:-1]:
            child = here.setdefault(name, {})
            if not isinstance(child, dict):
                raise BadInput(f"{path!r}: {name!r} is both a file and a directory", path=path)
            here = child
        if node is None:
            self._times[id(here)] = modified_ns
        elif names[-1] in here:
            raise BadInput(f"{path!r} is there twice", path=path)
        else:
            here[names[-1]] = node

    def finish(self) -> SharedDirectory:
        return self._directory(self._root)

    def _directory(self, entries: dict[str, object]) -> SharedDirectory:
        nodes: dict[str, Node] = {}
        for name, entry in entries.items():
            if isinstance(entry, Node):
                nodes[name] = entry
            elif isinstance(entry, dict):
                nodes[name] = self._directory(entry)
        return SharedDirectory(self._times.get(id(entries), 0), nodes)


_DEPTH_MAX = 64
"""Directories within directories in a tree; real packages stay below 20."""


def _names(path: str) -> list[str]:
    """The components of a path in a zip file or mapping."""
    names = [name for name in path.split("/") if name not in ("", ".")]
    if path.startswith("/") or ".." in names or "\0" in path or not names:
        raise BadInput(f"{path!r} is not a path below the root", path=path)
    if len(names) > _DEPTH_MAX:
        raise BadInput(f"{path!r} is more than {_DEPTH_MAX} directories deep", path=path)
    return names


def _add(builder: _Builder, info: zipfile.ZipInfo, data: bytes, *, trusted: bool) -> None:
    modified_ns = _modified_ns(info)
    if info.is_dir():
        builder.add(info.filename, None, modified_ns)
        return
    load = _loader(info, data)
    if stat.S_ISLNK(info.external_attr >> 16):
        builder.add(info.filename, SharedSymlink(0, modified_ns, _checked(info, load).decode()))
        return
    if not trusted:
        _checked(info, load)
    builder.add(info.filename, SharedFile(modified_ns, info.file_size, load))


def _modified_ns(info: zipfile.ZipInfo) -> int:
    """The entry's time, read as UTC; the epoch where it is no date (some tools write month 0)."""
    try:
        return timegm((*info.date_time, 0, 0, 0)) * 1_000_000_000
    except ValueError:
        return 0


def _checked(info: zipfile.ZipInfo, load: Callable[[], bytes]) -> bytes:
    """The content, read while somebody is there to be told that it is bad."""
    try:
        return load()
    except StorageCorrupt as error:
        raise BadInput(error.message, path=info.filename) from error


def _loader(info: zipfile.ZipInfo, data: bytes) -> Callable[[], bytes]:
    """What gives one entry's content. It keeps ``data`` alone: an archive object is bound to one thread."""
    name, crc, size, packed_size = info.filename, info.CRC, info.file_size, info.compress_size
    if info.flag_bits & 0x1:
        raise BadInput(f"{name!r} in the zip file is encrypted", path=name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadInput(
            f"{name!r} in the zip file is neither stored nor deflated (method {info.compress_type})",
            path=name,
        )
    deflated = info.compress_type == zipfile.ZIP_DEFLATED
    offset = info.header_offset

    def load() -> bytes:
        header = data[offset : offset + _LOCAL_HEADER_BYTES]
        if not header.startswith(_LOCAL_HEADER_MAGIC) or len(header) < _LOCAL_HEADER_BYTES:
            raise StorageCorrupt(f"{name!r} in the zip file has no header")
        variable = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        start = offset + _LOCAL_HEADER_BYTES + variable
        content = data[start : start + packed_size]
        if deflated:
            try:
                # One byte more than announced: a longer content is noticed and not inflated further.
                content = zlib.decompressobj(_RAW_DEFLATE).decompress(content, size + 1)
            except zlib.error as error:
                raise StorageCorrupt(f"{name!r} in the zip file is damaged: {error}") from error
        if len(content) != size or zlib.crc32(content) != crc:
            raise StorageCorrupt(f"{name!r} in the zip file is damaged: its checksum is wrong")
        return content

    return load


def _all_nodes(root: Node) -> Iterable[Node]:
    """All nodes, parents first, in name order: what inode numbers are counted along."""
    yield root
    if isinstance(root, DirectoryNode):
        for child in root.children.values():
            yield from _all_nodes(child)
