"""From what was uploaded to what a version is made from, with every large part in the blob store."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from shem.build.runtime import python_runtime
from shem.errors import BadComponent, BadInput
from shem.registry.versions import Recipe
from shem.storage.protocol import BlobStore

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
"""A component's name: it appears in URLs and file names."""

WASM_MAGIC = b"\0asm"


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a deployment says of itself.

    Attributes:
        name: of the component; the one in the request counts, this one must agree with it.
        language: ``python`` (sources, run by the prebuilt runtime component) or ``wasm`` (a ready component).
        agents: Python modules that define agents.
        env: environment variables for all agents of the version.
    """

    name: str
    language: Literal["python", "wasm"] = "python"
    agents: tuple[str, ...] = ()
    env: dict[str, str] = {}


# msgspec 0.22 prepares a struct type when it is first used, and crashes when two threads do that at once:
# so it is done here, when the module is imported.
_manifest_decoder = msgspec.json.Decoder(Manifest)


class Artifacts:
    """Puts uploads away.

    Args:
        cache: directory where the Python runtime component is built and kept.
    """

    def __init__(self, blobs: BlobStore, cache: Path) -> None:
        self._blobs, self._cache = blobs, cache

    def recipe(
        self, name: str, manifest: bytes, wasm: bytes | None, files: bytes | None, say: Callable[[str], None]
    ) -> Recipe:
        """Check an upload and store its parts.

        Raises:
            BadInput: the name, the manifest or the combination of parts is wrong.
            BadComponent: a part is not what it claims to be.
        """
        described = self._manifest(name, manifest)
        if files is not None:
            _check_zip(files)
        stored_files = self._blobs.put(files) if files is not None else None
        if described.language == "wasm":
            if wasm is None:
                raise BadInput("a component of language wasm needs the part `wasm`")
            if not wasm.startswith(WASM_MAGIC):
                raise BadComponent("the part `wasm` is not a WebAssembly binary")
            return Recipe(name=name, wasm=self._blobs.put(wasm), files=stored_files, env=described.env)
        if wasm is not None:
            raise BadInput(
                "a Python component brings `files`, not `wasm`", hint="Set language to wasm in the manifest."
            )
        if files is None:
            raise BadInput("a Python component needs the part `files`, a zip of its sources")
        if not described.agents:
            raise BadInput(
                "the manifest names no modules with agents", hint='Set agents = ["module"] in [tool.shem].'
            )
        runtime = python_runtime(self._cache, say)
        return Recipe(
            name=name,
            wasm=self._blobs.put(runtime.wasm),
            files=stored_files,
            library=self._blobs.put(runtime.library),
            agents=described.agents,
            env=described.env,
        )

    def _manifest(self, name: str, text: bytes) -> Manifest:
        if not NAME.fullmatch(name):
            raise BadInput(
                f"{name!r} is no name for a component",
                hint="Letters, digits, dot, dash and underscore; at most 63, the first a letter or digit.",
            )
        try:
            manifest = _manifest_decoder.decode(text)
        except msgspec.DecodeError as error:
            raise BadInput(f"manifest: {error}", path="manifest") from error
        if manifest.name != name:
            raise BadInput(
                f"manifest: name is {manifest.name!r}, the request says {name!r}", path="manifest.name"
            )
        return manifest


def _check_zip(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            broken = archive.testzip()
    except zipfile.BadZipFile as error:
        raise BadComponent(f"the part `files` is not a zip file: {error}") from error
    if broken is not None:
        raise BadComponent(f"the part `files` is damaged at {broken}")
