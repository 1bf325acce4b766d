"""Zip archives that are the same bytes whenever their files are: sorted, without times, owners or modes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest time that the format can say."""

_MODE = 0o644 << 16


def archive(files: Mapping[str, bytes]) -> bytes:
    """A zip of ``files``: path, with ``/`` between its parts, to content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as output:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _MODE
            entry.create_system = 3  # Unix; the default depends on the machine
            output.writestr(entry, files[path])
    return buffer.getvalue()
