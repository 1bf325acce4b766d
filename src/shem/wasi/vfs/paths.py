"""From a path to a node: all operations come through ``walk``, so no path escapes but by this file.

The rules are those of WASI (``wasi:filesystem/types``, path resolution): a path is relative to a base
directory; one that begins with ``/``, climbs above the base with ``..``, or meets a symbolic link that does
either, is ``not-permitted``. The walk keeps the directories it came through on a stack, so ``..`` never needs
to ask a node for its parent, and cannot be led astray by a directory that was moved or is mounted in many
file systems.
"""

from __future__ import annotations

from dataclasses import dataclass

from shem.wasi.vfs.errors import FsError
from shem.wasi.vfs.nodes import DirectoryNode, Node, SymlinkNode

NAME_MAX_BYTES = 255
"""Of one component, in UTF-8; Linux's NAME_MAX."""

PATH_MAX_BYTES = 4_095
"""Of a path or a link's target; Linux's PATH_MAX without the NUL."""

SYMLINKS_MAX = 40
"""Symbolic links followed in one walk; Linux's MAXSYMLINKS."""

_UTF8_BYTES_PER_CHARACTER_MAX = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path leads.

    Attributes:
        parent: the directory that holds (or would hold) the last component.
        name: that component; None when the path ends in ``.`` or ``..`` and so names a directory without its
            parent.
        node: what is there, or None.
        slash: the path ended in ``/``: only a directory will do.
    """

    parent: DirectoryNode
    name: str | None
    node: Node | None
    slash: bool


def walk(base: DirectoryNode, path: str, *, follow: bool) -> Place:
    """Resolve ``path`` from ``base``. Every component but the last must exist.

    Args:
        follow: whether a symbolic link in the last place is followed as well.

    Raises:
        FsError: ``no-entry``, ``not-directory``, ``not-permitted`` (it escapes), ``loop``, ``name-too-long``,
            ``invalid``.
    """
    pending = split(path)
    slash = path.endswith("/")
    stack = [base]
    links = 0
    while True:
        name = pending.pop()
        here = stack[-1]
        if name == "..":
            if len(stack) == 1:
                raise FsError("not-permitted")
            stack.pop()
        if name in (".", ".."):
            if not pending:
                return Place(stack[-1], None, stack[-1], slash)
            continue
        node = here.children.get(name)
        if isinstance(node, SymlinkNode) and (pending or follow):
            links += 1
            if links > SYMLINKS_MAX:
                raise FsError("loop")
            if not pending and node.target.endswith("/"):
                slash = True
            pending += split(node.target)
            continue
        if not pending:
            return Place(here, name, node, slash)
        if node is None:
            raise FsError("no-entry")
        if not isinstance(node, DirectoryNode):
            raise FsError("not-directory")
        stack.append(node)


def split(path: str) -> list[str]:
    """The components of a path, the last one first.

    Raises:
        FsError: it is no relative path: ``no-entry`` (empty), ``not-permitted`` (absolute), ``invalid``
            (holds a NUL), ``name-too-long``.
    """
    if not path:
        raise FsError("no-entry")
    if path[0] == "/":
        raise FsError("not-permitted")
    if "\0" in path:
        raise FsError("invalid")
    names = [name for name in path.split("/") if name]
    # Characters are counted first because encoding every path would cost more than the rest of the walk.
    if len(path) * _UTF8_BYTES_PER_CHARACTER_MAX > NAME_MAX_BYTES:
        too_long = len(path.encode()) > PATH_MAX_BYTES
        if too_long or any(len(name.encode()) > NAME_MAX_BYTES for name in names):
            raise FsError("name-too-long")
    names.reverse()
    return names
