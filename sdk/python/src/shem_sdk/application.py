"""The user's modules, imported, and the agent types that they define."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Sequence

from shem_sdk.agents import registrations
from shem_sdk.definition import Definition, define_all
from shem_sdk.fresh import Freshness

ROOTS = ("/app/src", "/app")
"""Where a user's modules are in an agent's file system; both layouts of a Python project work."""


class Application:
    """Loaded once, while the base image of a version is made."""

    def __init__(self, roots: Sequence[str] = ROOTS) -> None:
        self._roots = roots
        self.freshness = Freshness()
        self.definitions: dict[str, Definition] = {}
        self._loaded = False

    def load(self, modules: Iterable[str]) -> None:
        """Import the modules and read their agent types; a second call does nothing.

        Raises:
            InvalidAgent: one that cannot be an agent.
            BaseException: whatever importing the modules raises.
        """
        if self._loaded:
            return
        self._extend_path()
        with self.freshness.watching():
            for name in modules:
                importlib.import_module(name)
        self.definitions = define_all(registrations)
        self._loaded = True

    def _extend_path(self) -> None:
        sys.dont_write_bytecode = True  # the user's files are read-only
        for root in reversed(self._roots):
            if root not in sys.path and os.path.isdir(root):
                sys.path.insert(0, root)
        # What the import system remembers of directories was seen when the runtime component was built.
        sys.path_importer_cache.clear()
        importlib.invalidate_caches()
