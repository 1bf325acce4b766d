"""Components, their versions, and the agent types they define: deploying, and looking things up.

Type names are unique in an environment: ``Counter("bob")`` addresses an agent without naming a component. A
new version is made completely (compiled, linked, its modules imported, its agent types checked) before it
is written down; if any of that fails, the version before it stays and goes on serving.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog

from shem.agent import identity
from shem.agent.schema import AgentType, read_agent_types
from shem.agent.version import Version
from shem.clock import Clock, rfc3339
from shem.errors import BadComponent, BadInput, Conflict, NotFound, ShemError
from shem.golem.guest import DataValue
from shem.registry.artifacts import Artifacts
from shem.registry.environment import Environment
from shem.registry.versions import Recipe, Versions
from shem.storage.protocol import AgentRow, ComponentRow, PutComponent, PutVersion, Storage, VersionRow
from shem.views import AgentTypeView, ComponentView, VersionView

log = structlog.get_logger()

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Identified:
    """An agent id, understood: what it names, and what it would run if it does not exist yet.

    ``retired`` says that the newest version no longer defines the type: there may be such agents, but no new ones.
    """

    name: str
    type: str
    parameters: DataValue
    component: str
    version: int
    retired: bool = False


_Defined = tuple[str, int, AgentType]
"""Component id, version, type."""


@dataclass(slots=True)
class _Component:
    row: ComponentRow
    versions: list[VersionRow] = field(default_factory=list)


@dataclass(slots=True)
class _Catalog:
    """One environment in memory."""

    components: dict[str, _Component] = field(default_factory=dict)  # by name
    types: dict[str, _Defined] = field(default_factory=dict)  # of the newest versions
    retired: dict[str, _Defined] = field(default_factory=dict)  # of older ones only


class Registry:
    """All methods may be called from the event loop; those that are not coroutines also from any other thread."""

    def __init__(self, storage: Storage, versions: Versions, artifacts: Artifacts, clock: Clock) -> None:
        self._storage, self._versions, self._artifacts, self._clock = storage, versions, artifacts, clock
        self._deploying = (
            threading.Lock()
        )  # one deployment at a time: type names are checked against all others
        self._lock = threading.Lock()
        self._catalogs: dict[int, _Catalog] = {}
        self._rows: dict[tuple[str, int], tuple[VersionRow, dict[str, AgentType]]] = {}
        self._ready: dict[tuple[str, int], Version] = {}

    # -- for the executor ----------------------------------------------------------------------------------------

    def identify(self, env: Environment, text: str) -> Identified:
        """Understand an agent id as people write it.

        Raises:
            BadInput, TooLarge: it is malformed, or its parameters do not fit the constructor.
            NotFound: no component defines that type.
        """
        parsed = identity.parse(text)
        retired = self._catalog(env).retired.get(parsed.type)
        component, version, agent_type = retired or self._current(env, parsed.type)
        name, parameters = identity.canonical(parsed, agent_type)
        return Identified(name, parsed.type, parameters, component, version, retired is not None)

    def identify_row(self, row: AgentRow) -> Identified:
        """Understand an existing agent by the version that it runs."""
        agent_type = self.types(row.component, row.version)[row.type]
        _, parameters = identity.canonical(identity.parse(row.name), agent_type)
        return Identified(row.name, row.type, parameters, row.component, row.version)

    def types(self, component: str, version: int) -> Mapping[str, AgentType]:
        """The agent types of a version, by name; nothing is loaded for it."""
        return self._row(component, version)[1]

    def ready(self, component: str, version: int) -> Version:
        """A version that can run agents. May compile and prepare it: seconds, when caches are cold."""
        known = self._ready.get((component, version))
        if known is None:
            row, types = self._row(component, version)
            known = self._versions.ready(row, types)
            self._ready[component, version] = known
        return known

    def warm(self, env: Environment) -> None:
        """Load the newest version of every component of an environment, so that a first request need not wait for it.

        Meant for a thread of its own after a start. A version that cannot be loaded says so when it is needed.
        """
        for component in list(self._catalog(env).components.values()):
            newest = component.versions[-1]
            try:
                self.ready(newest.component, newest.version)
            except ShemError as error:
                log.warning("version not loaded", component=component.row.name, error=error.message)

    # -- deploying -----------------------------------------------------------------------------------------------

    async def deploy(
        self,
        env: Environment,
        name: str,
        manifest: bytes,
        wasm: bytes | None,
        files: bytes | None,
        progress: Progress | None = None,
    ) -> VersionView:
        """Make a new version of a component, or return the newest where nothing has changed.

        Args:
            manifest: JSON, see ``artifacts.Manifest``.
            wasm: the component binary, for language ``wasm``.
            files: a zip, what agents find at ``/app``.
            progress: gets a line at each step, on another thread.

        Raises:
            BadInput: the request does not make sense.
            BadComponent: the component cannot be deployed; says why, for Python with file and line.
            Conflict: another component defines an agent type of that name.
        """
        return await asyncio.to_thread(self._deploy, env, name, manifest, wasm, files, progress or _silent)

    def _deploy(
        self,
        env: Environment,
        name: str,
        manifest: bytes,
        wasm: bytes | None,
        files: bytes | None,
        say: Progress,
    ) -> VersionView:
        recipe = self._artifacts.recipe(name, manifest, wasm, files, say)
        with self._deploying:
            catalog = self._catalog(env)
            component = catalog.components.get(name)
            if component and component.versions:
                newest = component.versions[-1]
                if msgspec.json.decode(newest.manifest, type=Recipe) == recipe:
                    return self._version_view(component.row, newest, unchanged=True)
            created_at_ns = self._clock.wall_ns()
            say("preparing the base image")
            discovered = self._versions.discover(recipe, created_at_ns, say)
            types = read_agent_types(discovered)
            self._check_types(env, name, types)
            new = component is None
            if component is None:
                component = _Component(
                    ComponentRow(
                        component=str(uuid.uuid4()),
                        environment=env.key,
                        name=name,
                        created_at_ns=created_at_ns,
                    )
                )
            row = VersionRow(
                component=component.row.component,
                version=len(component.versions),
                wasm=recipe.wasm,
                files=recipe.files,
                manifest=msgspec.json.encode(recipe),
                agent_types=msgspec.json.encode([t.to_stored() for t in types.values()]),
                created_at_ns=created_at_ns,
            )
            self._storage.commit([*([PutComponent(component.row)] if new else []), PutVersion(row)])
            component.versions.append(row)
            catalog.components[name] = component
            self._rows[row.component, row.version] = row, types
            self._publish(catalog, row, types)
        return self._version_view(component.row, row)

    def _check_types(self, env: Environment, name: str, types: Mapping[str, AgentType]) -> None:
        if not types:
            raise BadInput(
                f"{name} defines no agent types",
                hint="Decorate a class with @agent in one of the modules that the manifest names.",
            )
        for agent_type in types.values():
            if agent_type.mode != "durable":
                raise BadComponent(
                    f"agent type {agent_type.name} is {agent_type.mode}; only durable agents run here so far"
                )
        for other in self._catalog(env).components.values():
            if other.row.name == name or not other.versions:
                continue
            taken = types.keys() & self.types(other.row.component, other.versions[-1].version).keys()
            if taken:
                raise Conflict(
                    f"agent type {min(taken)} is defined by component {other.row.name} already",
                    hint="Type names are unique in an environment: rename one of them.",
                )

    # -- looking things up ---------------------------------------------------------------------------------------

    async def components(self, env: Environment) -> list[ComponentView]:
        """All components of an environment, by name."""
        catalog = self._catalog(env)
        return [self._component_view(catalog.components[name]) for name in sorted(catalog.components)]

    async def component(self, env: Environment, name: str) -> ComponentView:
        """Raises ``NotFound``."""
        return self._component_view(self._named(env, name))

    async def version(self, env: Environment, name: str, n: int) -> VersionView:
        """Raises ``NotFound``."""
        component = self._named(env, name)
        if not 0 <= n < len(component.versions):
            raise NotFound(
                f"component {name} has no version {n}", hint=f"Its newest is {len(component.versions) - 1}."
            )
        return self._version_view(component.row, component.versions[n])

    async def agent_types(self, env: Environment) -> list[AgentTypeView]:
        """The agent types that an environment's newest versions define, by name."""
        types = self._catalog(env).types
        return [self._type_view(*types[name]) for name in sorted(types)]

    async def agent_type(self, env: Environment, type_name: str) -> AgentTypeView:
        """Raises ``NotFound``."""
        return self._type_view(*self._current(env, type_name))

    def component_name(self, component: str) -> str:
        """The name of a component by its id."""
        row, _ = self._row(component, 0)
        return msgspec.json.decode(row.manifest, type=Recipe).name

    # -- keeping it in memory ------------------------------------------------------------------------------------

    def _catalog(self, env: Environment) -> _Catalog:
        with self._lock:
            catalog = self._catalogs.get(env.key)
            if catalog is None:
                catalog = _Catalog()
                for row in self._storage.components(env.key):
                    component = _Component(row, self._storage.versions(row.component))
                    catalog.components[row.name] = component
                    for version in component.versions:
                        types = _stored_types(version)
                        self._rows[version.component, version.version] = version, types
                        self._publish(catalog, version, types)
                self._catalogs[env.key] = catalog
            return catalog

    def _publish(self, catalog: _Catalog, row: VersionRow, types: Mapping[str, AgentType]) -> None:
        """From now on new agents get this version."""
        before = {name: defined for name, defined in catalog.types.items() if defined[0] == row.component}
        others = {name: defined for name, defined in catalog.types.items() if name not in before}
        catalog.types = others | {name: (row.component, row.version, kind) for name, kind in types.items()}
        retired = catalog.retired | before
        catalog.retired = {name: defined for name, defined in retired.items() if name not in types}

    def _row(self, component: str, version: int) -> tuple[VersionRow, dict[str, AgentType]]:
        known = self._rows.get((component, version))
        if known is None:
            rows = {row.version: row for row in self._storage.versions(component)}
            if version not in rows:
                raise NotFound(f"component {component} has no version {version}")
            known = self._rows[component, version] = rows[version], _stored_types(rows[version])
        return known

    def _current(self, env: Environment, type_name: str) -> tuple[str, int, AgentType]:
        types = self._catalog(env).types
        if type_name not in types:
            known = ", ".join(sorted(types)) or "none; deploy a component first"
            raise NotFound(
                f"there is no agent type {type_name} in {env.app}/{env.name}",
                hint=f"Agent types there: {known}.",
            )
        return types[type_name]

    def _named(self, env: Environment, name: str) -> _Component:
        component = self._catalog(env).components.get(name)
        if component is None:
            raise NotFound(f"there is no component {name} in {env.app}/{env.name}")
        return component

    def _component_view(self, component: _Component) -> ComponentView:
        return ComponentView(
            id=component.row.component,
            name=component.row.name,
            created_at=rfc3339(component.row.created_at_ns),
            latest=self._version_view(component.row, component.versions[-1]) if component.versions else None,
            versions=[row.version for row in component.versions],
        )

    def _version_view(
        self, component: ComponentRow, row: VersionRow, *, unchanged: bool = False
    ) -> VersionView:
        types = self.types(row.component, row.version)
        return VersionView(
            component=component.name,
            component_id=row.component,
            version=row.version,
            created_at=rfc3339(row.created_at_ns),
            wasm=row.wasm,
            files=row.files,
            agent_types=[types[name].view(component.name, row.version) for name in sorted(types)],
            unchanged=unchanged,
        )

    def _type_view(self, component: str, version: int, agent_type: AgentType) -> AgentTypeView:
        return agent_type.view(self.component_name(component), version)


def _stored_types(row: VersionRow) -> dict[str, AgentType]:
    stored: list[Any] = msgspec.json.decode(row.agent_types)
    return {t.name: t for t in map(AgentType.from_stored, stored)}


def _silent(line: str) -> None: ...
