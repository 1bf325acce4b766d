"""The module that the Python runtime component is made of; it runs inside the guest only.

componentize-py runs it once and keeps the memory that results. At that moment, and never again, the guest's
standard library is readable, below ``/python``, and the folder of this file is writable. So the library is
copied out file by file, through one small buffer: what stays in the memory is a few kilobytes.
"""

import os
import shutil

from shem_sdk.guest import Guest, LoadSnapshot, SaveSnapshot

__all__ = ["Guest", "LoadSnapshot", "SaveSnapshot"]

_LIBRARY = "/python"
_COPY = os.path.join(os.path.dirname(__file__), "library")
_BUFFER_BYTES = 16_384


def _copy_library() -> None:
    for folder, _, names in os.walk(_LIBRARY):
        target = _COPY + folder.removeprefix(_LIBRARY)
        os.makedirs(target, exist_ok=True)
        for name in names:
            with (
                open(os.path.join(folder, name), "rb") as source,
                open(os.path.join(target, name), "wb") as copy,
            ):
                shutil.copyfileobj(source, copy, _BUFFER_BYTES)


_copy_library()
