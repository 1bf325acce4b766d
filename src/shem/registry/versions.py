"""From a stored version to one that can run agents: compiled, linked, base image mapped. Kept in memory once made."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import structlog

from shem.agent import values
from shem.agent.schema import AgentType
from shem.agent.version import Version
from shem.errors import BadComponent
from shem.golem.choice import guest_of
from shem.golem.guest import AgentErrorValue
from shem.registry.base_image import preparing_context
from shem.storage.protocol import BlobStore, VersionRow
from shem.wasi import INTERFACES
from shem.wasi.cli import Exited
from shem.wasi.context import WasiContext
from shem.wasi.vfs import Tree
from shem.wasm.component import Component, Linked
from shem.wasm.engine import Engine
from shem.wasm.errors import LinkError, MalformedComponent, Trap, WasmError
from shem.wasm.host import NotCapturable
from shem.wasm.image import Image

log = structlog.get_logger()

OUTPUT_LINES_MAX = 200
"""Lines of the guest's output that a failed deployment shows, from the end."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a version's machine is made from; stored with the version, as JSON.

    Attributes:
        name: of the component.
        wasm: blob of the component binary.
        files: blob of the zip that appears at ``/app``, or None.
        library: blob of the zip that appears at ``/python`` (the guest's standard library), or None.
        agents: modules that define agents (Python).
        env: environment variables of the deployment.
    """

    name: str
    wasm: str
    files: str | None = None
    library: str | None = None
    agents: tuple[str, ...] = ()
    env: dict[str, str] = {}

    @property
    def environ(self) -> dict[str, str]:
        """What the guest finds in its environment from the start."""
        return {**({"SHEM_AGENTS": ",".join(self.agents)} if self.agents else {}), **self.env}


# msgspec 0.22 prepares a struct type when it is first used, and crashes when two threads do that at once:
# so it is done here, when the module is imported.
_recipe_decoder = msgspec.json.Decoder(Recipe)


class Versions:
    """Makes versions ready. All methods may be called from any thread; each version is made once.

    Args:
        cache: directory for base images; what is missing there is made again.
    """

    def __init__(self, blobs: BlobStore, engine: Engine, cache: Path) -> None:
        self._blobs, self._engine, self._cache = blobs, engine, cache
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}
        self._linked: dict[str, Linked] = {}
        self._trees: dict[str, Tree] = {}

    def ready(self, row: VersionRow, agent_types: Mapping[str, AgentType]) -> Version:
        """The version of a row, from the cache or made again."""
        recipe = _recipe_decoder.decode(row.manifest)
        path = self._image_path(recipe, row.created_at_ns)
        with self._lock_of(path.name):
            linked = self.link(recipe.wasm)
            image = self._open(path)
            if image is None:
                log.info("making the base image again", component=recipe.name, version=row.version)
                _, image = self._prepare(recipe, row.created_at_ns, path, _ignore)
        return Version(
            component=row.component,
            component_name=recipe.name,
            number=row.version,
            linked=linked,
            guest=guest_of(linked.component, recipe.name),
            image=image,
            starting=functools.partial(self._world, recipe, row.created_at_ns, path, _ignore),
            mounts=self._mounts(recipe),
            environ=recipe.environ,
            agent_types=agent_types,
        )

    def discover(self, recipe: Recipe, created_at_ns: int, output: Callable[[str], None]) -> list[Any]:
        """Make the base image of a version that is being deployed; the agent types it defines, as the guest tells them.

        Args:
            output: gets each line that the guest writes meanwhile.

        Raises:
            BadComponent: broken wasm, missing imports, nothing to call, or user code that cannot be imported.
        """
        path = self._image_path(recipe, created_at_ns)
        with self._lock_of(path.name):
            types, _ = self._prepare(recipe, created_at_ns, path, output)
        return types

    def link(self, wasm: str) -> Linked:
        """The linked component of a blob, compiled or from the cache.

        Raises:
            BadComponent: it cannot be read, compiled or linked.
        """
        with self._lock_of(wasm):
            linked = self._linked.get(wasm)
            if linked is None:
                try:
                    component = Component.cached(self._engine, wasm) or Component.load(
                        self._engine, self._blobs.get(wasm)
                    )
                    linked = component.link(INTERFACES)
                except (MalformedComponent, LinkError) as error:
                    raise BadComponent(f"not a component that can run here: {error}") from error
                self._linked[wasm] = linked
            return linked

    def _prepare(
        self, recipe: Recipe, created_at_ns: int, path: Path, output: Callable[[str], None]
    ) -> tuple[list[Any], Image]:
        linked = self.link(recipe.wasm)
        guest = guest_of(linked.component, recipe.name)
        lines: list[str] = []

        def write(line: str) -> None:
            lines.append(line)
            del lines[:-OUTPUT_LINES_MAX]
            output(line)

        context = self._world(recipe, created_at_ns, path, write)
        try:
            with linked.instantiate(context) as instance:
                tag, answer = guest.discover(instance)
                context.finish_output()
                if tag == "err":
                    raise _refused(recipe, answer)
                image = instance.capture(context.capture())
        except (Trap, Exited) as end:
            context.finish_output()
            raise BadComponent(
                f"the component ended while it was asked for its agent types: {end}", output="\n".join(lines)
            ) from end
        except NotCapturable as reason:
            raise BadComponent(f"an agent could not be put away and brought back: {reason}") from reason
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
        except OSError as error:  # it serves from memory until the next start, which makes it again
            log.warning("base image not kept", path=str(path), error=str(error))
            return answer, image
        return answer, self._open(path) or image

    def _world(
        self, recipe: Recipe, created_at_ns: int, path: Path, output: Callable[[str], None]
    ) -> WasiContext:
        return preparing_context(
            created_at_ns=created_at_ns,
            key=path.stem,
            mounts=self._mounts(recipe),
            environ=recipe.environ,
            output=output,
        )

    def _open(self, path: Path) -> Image | None:
        """The image at ``path``; None where it is missing or cannot be trusted."""
        try:
            return Image.open(path)
        except FileNotFoundError:
            return None
        except WasmError as error:
            log.warning("base image is damaged", path=str(path), error=str(error))
            return None

    def _mounts(self, recipe: Recipe) -> dict[str, Tree]:
        named = {"/app": recipe.files, "/python": recipe.library}
        return {path: self._tree(blob) for path, blob in named.items() if blob is not None}

    def _tree(self, blob: str) -> Tree:
        with self._lock_of(blob):
            tree = self._trees.get(blob)
            if tree is None:
                tree = self._trees[blob] = Tree.from_zip(self._blobs.get(blob))
            return tree

    def _image_path(self, recipe: Recipe, created_at_ns: int) -> Path:
        made_from = msgspec.json.encode([recipe, created_at_ns, self._engine.fingerprint])
        return self._cache / f"{hashlib.sha256(made_from).hexdigest()}.image"

    def _lock_of(self, name: str) -> threading.Lock:
        with self._lock:
            return self._making.setdefault(name, threading.Lock())


def _refused(recipe: Recipe, answer: AgentErrorValue) -> BadComponent:
    """The guest could not say its agent types: for Python an exception of the user's modules, with file and line."""
    error = values.agent_error(answer, recipe.name)
    file, line = error.details.get("file"), error.details.get("line")
    where = f"{file}:{line}: " if file is not None else ""
    refusal = BadComponent(where + error.message)
    refusal.details.update(error.details)
    return refusal


def _ignore(line: str) -> None:
    """Output of a base image was shown when it was made first."""
