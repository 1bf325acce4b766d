"""The agent's virtual file system: in memory, deterministic, bounded, and with no way to the host's files.

``/`` belongs to the agent and is writable. Mounts (``/app``, ``/python``) are trees that all agents of a
version share and none can change. Nothing here knows of WebAssembly or WASI; ``wasi/filesystem.py`` puts the
interface on top.

- ``errors``      what an operation can be refused with
- ``nodes``       files, directories and symbolic links
- ``tree``        a read-only tree out of a zip file
- ``paths``       the one place where a path becomes a node
- ``store``       which nodes an agent has, and what they take of its quota
- ``filesystem``  the operations
- ``image``       the agent's own nodes as plain data, and back
"""

from shem.wasi.vfs.errors import ErrorCode, FsError
from shem.wasi.vfs.filesystem import FileSystem
from shem.wasi.vfs.nodes import DirectoryNode, FileNode, Kind, Node, SymlinkNode
from shem.wasi.vfs.store import Quota
from shem.wasi.vfs.tree import Tree

__all__ = [
    "DirectoryNode",
    "ErrorCode",
    "FileNode",
    "FileSystem",
    "FsError",
    "Kind",
    "Node",
    "Quota",
    "SymlinkNode",
    "Tree",
]
