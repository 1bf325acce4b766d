"""Struct types that several threads decode are prepared when their module is imported.

msgspec reads a type's annotations at its first use, and two threads that do so at once end the process. Which is a
matter of microseconds, so the test takes the annotations away: whoever does not need them any more is safe.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

FIRST_USE = """
import msgspec
from {module} import {names}

for kind in ({names},):
    kind.__annotations__ = {{"field": "Missing"}}
    try:
        msgspec.msgpack.decode(b"{nothing}", type=kind)
    except msgspec.ValidationError:
        pass
"""


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("shem.views", "AgentPage, AgentTypeView, ComponentView, Invoked, OplogPage, VersionView"),
        ("shem.storage.rows", "AgentRow, ComponentRow, VersionRow"),
        ("shem.registry.versions", "Recipe"),
        ("shem.registry.artifacts", "Manifest"),
        ("shem.wasm.image", "Metadata, MemoryImage, TableImage, HandleImage"),
    ],
)
def test_a_type_is_prepared_by_the_import_of_its_module(module: str, names: str) -> None:
    script = FIRST_USE.format(module=module, names=names, nothing="\\x80")
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
