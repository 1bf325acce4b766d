"""The agent's own nodes as plain data, and back.

One row per node, in inode order: ``[inode, links, accessed_ns, modified_ns, changed_ns, content]``. Content
is the bytes of a file, the target of a symbolic link, or for a directory a list of ``[name, inode]``, with
the path of the mount in the inode's place where a shared tree is mounted. Parents, holds and what is used of
the quota follow from that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shem.errors import StorageCorrupt
from shem.wasi.vfs.nodes import Directory, File, Node, Own, Symlink


def capture(nodes: Mapping[int, Own], mounts: Mapping[int, str]) -> list[list[Any]]:
    """Rows of ``nodes``; ``mounts`` gives the path of a mounted root by the identity of its node."""
    return [
        [
            node.inode,
            node.links,
            node.accessed_ns,
            node.modified_ns,
            node.changed_ns,
            _content(node, mounts),
        ]
        for _, node in sorted(nodes.items())
    ]


def restore(rows: Iterable[list[Any]], mounts: Mapping[str, Node]) -> dict[int, Own]:
    """Nodes by inode number; ``mounts`` gives the root of a mounted tree by its path.

    Raises:
        StorageCorrupt: a row names a node or a mount that is not there.
    """
    nodes: dict[int, Own] = {}
    listings: list[tuple[Directory, list[Any]]] = []
    for inode, links, accessed_ns, modified_ns, changed_ns, content in rows:
        node = nodes[inode] = _node(inode, content)
        node.links = links
        node.accessed_ns, node.modified_ns, node.changed_ns = accessed_ns, modified_ns, changed_ns
        if isinstance(node, Directory):
            listings.append((node, content))
    for directory, listing in listings:
        for name, key in listing:
            child: Node | None = mounts.get(key) if isinstance(key, str) else nodes.get(key)
            if child is None:
                raise StorageCorrupt(f"the captured files name {key!r} as {name!r}, which is not there")
            directory.entries[name] = child
            if isinstance(child, Directory):
                child.parent = directory
    return nodes


def _content(node: Own, mounts: Mapping[int, str]) -> bytes | str | list[list[Any]]:
    match node:
        case File():
            return bytes(node.data)
        case Symlink():
            return node.target
        case Directory():
            return [
                [name, child.inode if isinstance(child, Own) else mounts[id(child)]]
                for name, child in sorted(node.entries.items())
            ]


def _node(inode: int, content: bytes | str | list[Any]) -> Own:
    match content:
        case bytes():
            file = File(inode, 0)
            file.data += content
            return file
        case str():
            return Symlink(inode, 0, content)
        case _:
            return Directory(inode, 0, None)
