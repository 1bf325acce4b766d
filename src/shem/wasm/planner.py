"""Running the program that a component is, once and without any guest code, to get its ``LinkPlan``.

Definitions are evaluated in order, each instance of a nested component in a scope of its own. Everything an
index can mean is known here, types included: a resource type is one object wherever it is visible, under
whatever index. So what comes out is free of indices, and of all that could still be wrong about them.

The binary is not trusted. A small one can ask for an enormous amount of work (a component that instantiates
twice a component that instantiates twice ...), so instances, nesting and the work as a whole are bounded.
"""

from __future__ import annotations

from typing import TypeAlias

from . import declarations as d
from .binary import read_component
from .binary_types import MAX_NESTING
from .plan import (
    ComponentFunc,
    ExportedInterface,
    HostFunc,
    ImportedInterface,
    LinkPlan,
)
from .resolve import ResolvedFunc, ResolvedType, TypeResolver
from .scope import (
    ComponentClosure,
    CoreInstance,
    Entity,
    Func,
    Instance,
    Item,
    Progress,
    Scope,
    TypeClosure,
    core_sort,
)
from .steps import StepBuilder
from .types import FuncType, ResourceType, ValType

MAX_INSTANCES = 1_000
"""Component instances; wasmtime has the same limit."""

MAX_WORK = 500_000
"""Definitions evaluated, names matched, types compared: about a second. Golem's TypeScript guest: 47,000."""

INSTANCE_WORK = 10
"""What an instance costs by itself, in the same units."""

Types: TypeAlias = dict[str, ValType | ResourceType]


def plan_component(wasm: bytes) -> LinkPlan:
    """Read a component and find out how it is put together.

    Raises:
        MalformedComponent: it is broken, is a core module, or uses what is not supported.
    """
    planner = _Planner()
    exports = planner.instantiate(ComponentClosure(read_component(wasm), None, {}), None, None)
    return planner.plan(exports)


class _Planner:
    def __init__(self) -> None:
        self._progress = Progress(MAX_WORK)
        self._core = StepBuilder(self._progress)
        self._parents: list[int | None] = []
        self._depth = 0
        self._imports: dict[str, tuple[dict[str, FuncType], Types]] = {}

    def plan(self, exports: dict[str, Item]) -> LinkPlan:
        core = self._core
        return LinkPlan(
            modules=tuple(core.modules),
            slots=core.slots,
            steps=core.steps(),
            parents=tuple(self._parents),
            resources=tuple(core.resources.values()),
            imports={name: ImportedInterface(*wanted) for name, wanted in self._imports.items()},
            exports=_offered(exports),
            memories=tuple(core.memories),
            globals=tuple(core.globals),
            tables=tuple(core.tables),
            uncapturable=tuple(core.uncapturable),
        )

    def _descend(self) -> None:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._progress.error(f"instances are nested more than {MAX_NESTING} deep")

    # components

    def instantiate(
        self, closure: ComponentClosure, args: dict[str, Item] | None, parent: int | None
    ) -> dict[str, Item]:
        """Evaluate a component and return its exports.

        Args:
            args: what its imports are; None for the outermost component, whose imports are the host's.
            parent: number of the component instance that asks for it.
        """
        if len(self._parents) >= MAX_INSTANCES:
            raise self._progress.error(f"there are more than {MAX_INSTANCES} component instances")
        self._descend()
        self._progress.spend(INSTANCE_WORK)
        asked_at = self._progress.at
        scope = Scope(len(self._parents), closure.scope, closure.sizes)
        self._parents.append(parent)
        names = _resource_names(closure.component)
        imported: set[str] = set()
        for definition in closure.component.definitions:
            self._progress.at = definition
            self._progress.spend(1)
            match definition.body:
                case d.ImportDef(name, desc):
                    if name in imported:
                        raise self._progress.error(f"{name!r} is imported twice")
                    imported.add(name)
                    scope.push(desc.sort, self._import(scope, name, desc, args))
                case d.TypeDef(d.ResourceDef(destructor)):
                    name = names.get(scope.length("type"), "resource")
                    scope.push("type", self._core.resource(scope, name, destructor))
                case d.ExportDef() as export:
                    self._export(scope, export)
                case d.StartDef():
                    raise self._progress.error("start functions of components are not supported")
                case body:
                    sort, entity = self._define(scope, body)
                    scope.push(sort, entity)
        self._progress.at = asked_at
        self._depth -= 1
        return scope.exports

    def _define(self, scope: Scope, body: d.Plain) -> tuple[d.Sort, Entity]:
        match body:
            case d.ModuleDef(module):
                return "core module", module
            case d.CoreInstantiateDef():
                return "core instance", self._core.instantiate(scope, body)
            case d.CoreBundleDef():
                return "core instance", self._core.bundle(scope, body)
            case d.CoreTypeDef():
                return "core type", body
            case d.ComponentDef(component):
                return "component", ComponentClosure(component, scope, scope.lengths())
            case d.InstantiateDef(index, references):
                closure = self._progress.find(scope, "component", index, ComponentClosure, "a component")
                args = self._items(scope, references)
                return "instance", Instance(self.instantiate(closure, args, scope.table))
            case d.BundleDef(references):
                return "instance", Instance(self._items(scope, references))
            case d.ExportAlias() | d.OuterAlias():
                return body.sort, self._alias(scope, body)
            case d.TypeDef(type_):
                return "type", self._type(scope, type_)
            case d.LiftDef():
                return "func", self._core.lift(scope, body)
            case d.LowerDef():
                return "core func", self._core.lower(scope, body)
            case d.ResourceFunctionDef():
                return "core func", self._core.resource_function(scope, body)

    def _items(self, scope: Scope, references: tuple[tuple[str, d.Reference], ...]) -> dict[str, Item]:
        self._progress.spend(len(references))
        return {name: self._item(scope, reference) for name, reference in references}

    def _item(self, scope: Scope, reference: d.Reference) -> Item:
        if reference.sort.startswith("core") and reference.sort != "core module":
            raise self._progress.error(f"a {reference.sort} cannot cross the border of a component")
        return Item(reference.sort, self._progress.get(scope, reference.sort, reference.index))

    def _alias(self, scope: Scope, alias: d.ExportAlias | d.OuterAlias) -> Entity:
        match alias:
            case d.OuterAlias(sort, depth, index):
                if sort not in ("type", "component", "core module", "core type"):
                    raise self._progress.error(f"a {sort} further out cannot be reached from here")
                try:
                    return scope.outer(sort, depth, index)
                except IndexError as error:
                    raise self._progress.error(str(error)) from None
            case d.ExportAlias(sort, index, name, True):
                core = self._progress.find(scope, "core instance", index, CoreInstance, "a core instance")
                found = core.item(name)
                if found is None or core_sort(found.type) != sort:
                    raise self._progress.error(f"core instance {index} exports no {sort} {name!r}")
                return found
            case d.ExportAlias(sort, index, name):
                instance = self._progress.find(scope, "instance", index, Instance, "an instance")
                item = instance.exports.get(name)
                if item is None or item.sort != sort:
                    raise self._progress.error(f"instance {index} exports no {sort} {name!r}")
                return item.entity

    def _export(self, scope: Scope, export: d.ExportDef) -> None:
        item = self._item(scope, export.item)
        if export.desc is not None:
            item = Item(item.sort, self._seen_as(scope, export.name, export.desc, item))
        if export.name in scope.exports:
            raise self._progress.error(f"{export.name!r} is exported twice")
        scope.exports[export.name] = item
        scope.push(item.sort, item.entity)

    # imports

    def _import(self, scope: Scope, name: str, desc: d.ExternDesc, args: dict[str, Item] | None) -> Entity:
        if args is not None:
            return self._seen_as(scope, name, desc, args.get(name))
        if desc.sort != "instance":
            return self._from_host(scope, "", name, desc)
        self._imports[name] = ({}, {})
        return self._instance(self._instance_type(scope, desc), None, name)

    def _from_host(self, scope: Scope, interface: str, name: str, desc: d.ExternDesc) -> Entity:
        """What an import of the outermost component stands for: a promise of the host."""
        functions, types = self._imports.setdefault(interface, ({}, {}))
        if desc.sort == "func":
            type_ = self._func_type(scope, desc)
            functions[name] = type_.type
            return Func(HostFunc(interface, name, type_.type), type_)
        if desc.sort == "type":
            made = ResourceType(name, interface) if desc.index is None else self._desc_type(scope, desc)
            _name_type(types, name, made)
            return made
        place = f"{interface!r} has {name!r}, " if interface else f"{name!r} is "
        raise self._progress.error(f"import {place}a {desc.sort}, which a host cannot offer")

    def _seen_as(self, scope: Scope, name: str, desc: d.ExternDesc, item: Item | None) -> Entity:
        """The item of that name, seen through ``desc``, which it must fit."""
        if item is None or item.sort != desc.sort:
            given = "nothing" if item is None else f"a {item.sort}"
            raise self._progress.error(f"{name!r} must be a {desc.sort}, given is {given}")
        match item.entity:
            case Func(_, type_):
                self._match(name, self._func_type(scope, desc), type_)
            case Instance() as instance:
                return self._instance(self._instance_type(scope, desc), instance, "")
            case ResolvedType() | ResolvedFunc() | ResourceType() | TypeClosure() as given_type:
                if desc.index is not None:
                    self._match(name, self._desc_type(scope, desc), given_type)
                elif not isinstance(given_type, ResourceType):
                    raise self._progress.error(f"{name!r} must be a resource")
        return item.entity

    def _match(self, name: str, wanted: Entity, given: Entity) -> None:
        """Refuse another type. Types of instances and components are matched where they are used."""
        match wanted, given:
            case ResolvedType(), ResolvedType():
                self._progress.spend(wanted.size)
                same = wanted.type == given.type
            case ResolvedFunc(), ResolvedFunc():
                self._progress.spend(wanted.size)
                same = wanted.type == given.type
            case TypeClosure(), TypeClosure():
                same = True
            case _:
                same = wanted is given
        if not same:
            raise self._progress.error(f"{name!r} is given with another type than is asked for")

    def _desc_type(self, scope: Scope, desc: d.ExternDesc) -> Entity:
        if desc.index is None:
            raise self._progress.error("the type is missing")
        return self._progress.get(scope, "type", desc.index)

    def _func_type(self, scope: Scope, desc: d.ExternDesc) -> ResolvedFunc:
        type_ = self._desc_type(scope, desc)
        if not isinstance(type_, ResolvedFunc):
            raise self._progress.error(f"type {desc.index} is not a function type")
        return type_

    def _instance_type(self, scope: Scope, desc: d.ExternDesc) -> TypeClosure:
        type_ = self._desc_type(scope, desc)
        if not isinstance(type_, TypeClosure) or not isinstance(type_.body, d.InstanceTypeDef):
            raise self._progress.error(f"type {desc.index} is not an instance type")
        return type_

    # types

    def _type(self, scope: Scope, body: d.TypeBody) -> Entity:
        def value(index: int) -> ResolvedType:
            return self._progress.find(scope, "type", index, ResolvedType, "a value type")

        def resource(index: int) -> ResourceType:
            return self._progress.find(scope, "type", index, ResourceType, "a resource")

        resolver = TypeResolver(value, resource, self._progress.error)
        match body:
            case d.InstanceTypeDef() | d.ComponentTypeDef():
                return TypeClosure(body, scope, scope.lengths())
            case d.FuncDef():
                return resolver.func_type(body)
            case d.ResourceDef():
                raise self._progress.error("a resource cannot be defined inside a type")
            case _:
                return resolver.value_type(body)

    def _instance(self, type_: TypeClosure, given: Instance | None, interface: str) -> Instance:
        """``given``, cut down to what the type shows; without it, what the host must offer."""
        self._descend()
        self._progress.spend(INSTANCE_WORK)
        scope = Scope(type_.scope.table, type_.scope, type_.sizes)
        for declarator in type_.body.body:
            self._progress.spend(1)
            match declarator:
                case d.ExportDeclarator(name, desc):
                    if given is None:
                        entity = self._from_host(scope, interface, name, desc)
                    else:
                        entity = self._seen_as(scope, name, desc, given.exports.get(name))
                    if name in scope.exports:
                        raise self._progress.error(f"{name!r} is exported twice")
                    scope.exports[name] = Item(desc.sort, entity)
                    scope.push(desc.sort, entity)
                case d.TypeDef(body):
                    scope.push("type", self._type(scope, body))
                case d.CoreTypeDef():
                    scope.push("core type", declarator)
                case d.ExportAlias() | d.OuterAlias():
                    scope.push(declarator.sort, self._alias(scope, declarator))
                case d.ImportDef(name):
                    raise self._progress.error(f"an instance type cannot import {name!r}")
        self._depth -= 1
        return Instance(scope.exports)


def _name_type(types: Types, name: str, entity: Entity) -> None:
    match entity:
        case ResolvedType(type_):
            types[name] = type_
        case ResourceType():
            types[name] = entity


def _offered(exports: dict[str, Item]) -> dict[str, ExportedInterface]:
    """The functions and types among the exports of the outermost component.

    Components, core modules, and instances inside exported instances are left out: a host has no way to use
    them.
    """
    found: dict[str, tuple[dict[str, ComponentFunc], Types]] = {}

    def add(interface: str, items: dict[str, Item]) -> None:
        functions, types = found.setdefault(interface, ({}, {}))
        for name, item in items.items():
            if isinstance(item.entity, Func):
                functions[name] = item.entity.function
            else:
                _name_type(types, name, item.entity)

    root = {name: item for name, item in exports.items() if item.sort in ("func", "type")}
    if root:
        add("", root)
    for name, item in exports.items():
        if isinstance(item.entity, Instance):
            add(name, item.entity.exports)
    return {name: ExportedInterface(*offer) for name, offer in found.items()}


def _resource_names(component: d.Component) -> dict[int, str]:
    """The names under which a component lets its types out, by type index; a definition has none itself."""
    names: dict[int, str] = {}
    index = 0
    for definition in component.definitions:
        match definition.body:
            case d.TypeDef():
                index += 1
            case d.ImportDef(_, d.ExternDesc("type")):
                index += 1
            case d.ExportAlias("type") | d.OuterAlias("type"):
                index += 1
            case d.ExportDef(name, d.Reference("type", exported)):
                names.setdefault(exported, name)
                names[index] = name
                index += 1
            case d.InstantiateDef(_, references) | d.BundleDef(references):
                for name, reference in references:
                    if reference.sort == "type":
                        names.setdefault(reference.index, name.removeprefix("import-type-"))
    return names
