"""A component: read and compiled once, linked once, instantiated many times.

``Component`` is what the binary says. ``Linked`` is a component with the host functions it will call: all
that can be prepared before there is an instance is in it (generated code, callbacks, the order of the
steps), and nothing of it changes any more, so that instances of any thread share it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .abi import Abi, Callee, Side
from .cache import StoredPlan
from .engine import EXTERN_BYTES, Engine, HostCode, Module
from .errors import LinkError, MalformedComponent, Trap, WasmError
from .host import HostFunction, HostInterface, HostResource
from .plan import (
    CanonOptions,
    ComponentFunc,
    GuestResource,
    HostFunc,
    Instantiate,
    LiftedFunc,
    LinkPlan,
    LowerFunc,
    ResourceDrop,
    ResourceNew,
    ResourceRep,
    TypeNames,
)
from .planner import plan_component
from .resources import resource_drop, resource_new, resource_rep
from .types import FuncType, ResourceType
from .versions import best_match

if TYPE_CHECKING:
    from .image import Image
    from .instance import Instance

MAX_MEMORY_BYTES = 4 << 30
"""All that 32-bit pointers reach; less is the business of who runs the instance."""

COMPILE_THREADS = 4
"""Core modules of a component that are compiled or loaded at a time; wasmtime itself uses all cores for a
large one."""


class Component:
    """A component, compiled.

    Attributes:
        hash: SHA-256 of the binary, in hexadecimal.
        imports: type of every function that the host must offer, by interface (``""`` for the root level)
            and name.
        exports: type of every function that can be called, likewise.
        types: the named types of those interfaces, likewise.
        plan: how it is put together.
    """

    def __init__(self, engine: Engine, hash_: str, plan: LinkPlan, modules: tuple[Module, ...]) -> None:
        self.engine, self.hash, self.plan, self.modules = engine, hash_, plan, modules
        self.imports: Mapping[str, Mapping[str, FuncType]] = {
            name: interface.functions for name, interface in plan.imports.items()
        }
        self.exports: Mapping[str, Mapping[str, FuncType]] = {
            name: {key: function.type for key, function in interface.functions.items()}
            for name, interface in plan.exports.items()
        }
        self.types: Mapping[str, TypeNames] = {
            **{name: interface.types for name, interface in plan.imports.items()},
            **{name: interface.types for name, interface in plan.exports.items()},
        }

    @classmethod
    def load(cls, engine: Engine, wasm: bytes) -> Component:
        """Read a component, and compile it or take its code from the engine's cache.

        Raises:
            MalformedComponent: the binary is broken, or uses what is not supported.
        """
        hash_ = hashlib.sha256(wasm).hexdigest()
        return cls.cached(engine, hash_) or cls._compiled(engine, hash_, wasm)

    @classmethod
    def cached(cls, engine: Engine, hash_: str) -> Component | None:
        """A component that was loaded before, from the engine's cache alone; None where that lacks anything.

        Args:
            hash_: SHA-256 of its binary, in hexadecimal.
        """
        stored = StoredPlan.read(engine.cache_dir, hash_)
        if stored is None:
            return None
        with ThreadPoolExecutor(COMPILE_THREADS, thread_name_prefix="load") as pool:
            loading = [pool.submit(engine.cached_module, f"{hash_}-{n}") for n in range(stored.modules)]
            plan = stored.decode()
            modules = [module for future in loading if (module := future.result()) is not None]
        return cls(engine, hash_, plan, tuple(modules)) if len(modules) == stored.modules else None

    @classmethod
    def _compiled(cls, engine: Engine, hash_: str, wasm: bytes) -> Component:
        plan = plan_component(wasm)

        def module(number: int) -> Module:
            core = plan.modules[number]
            try:
                return engine.module(f"{hash_}-{number}", lambda: core.rewritten(wasm))
            except WasmError as error:
                raise MalformedComponent(str(error), offset=core.start, section="core module") from error

        with ThreadPoolExecutor(COMPILE_THREADS, thread_name_prefix="compile") as pool:
            modules = tuple(pool.map(module, range(len(plan.modules))))
        with suppress(OSError):  # a cache that cannot be written is done without
            StoredPlan.write(engine.cache_dir, hash_, plan)
        return cls(engine, hash_, plan, modules)

    def link(self, interfaces: Iterable[HostInterface], *, trap_unknown: bool = False) -> Linked:
        """Choose the host function for every import.

        Versions match as semver has it: an import of 0.2.0 is satisfied by 0.2.12.

        Args:
            trap_unknown: link what no interface offers to a trap, "unsupported import NAME".

        Raises:
            LinkError: names all that no interface offers.
        """
        offers = {interface.name: interface for interface in interfaces}
        chosen = {name: offers.get(best_match(name, offers) or "") for name in self.plan.imports}
        missing: list[str] = []
        functions: dict[tuple[str, str], HostFunction] = {}
        resources: dict[ResourceType, HostResource] = {}
        for name, wanted in self.plan.imports.items():
            offer = chosen[name]
            for key in wanted.functions:
                found = offer.functions.get(key) if offer is not None else None
                if found is None:
                    missing.append(_full_name(name, key))
                    found = _unsupported(missing[-1])
                functions[name, key] = found
            for key, resource in wanted.resources.items():
                if resource.interface != name:
                    continue
                declared = offer.resources.get(resource.name) if offer is not None else None
                if declared is None:
                    missing.append(_full_name(name, key))
                    declared = HostResource(resource.name)
                resources[resource] = declared
        if missing and not trap_unknown:
            raise LinkError(f"the component imports what the host does not offer: {', '.join(missing)}")
        return Linked(self, functions, resources)


def _full_name(interface: str, name: str) -> str:
    return f"{interface}#{name}" if interface else name


def _unsupported(name: str) -> HostFunction:
    def trap(context: Any, *args: Any) -> Any:
        raise Trap(f"unsupported import {name}")

    return trap


@dataclass(frozen=True, slots=True)
class MakeFunction:
    """A step of instantiating: a core function that runs host code."""

    slot: int
    signature: int
    code: HostCode


@dataclass(frozen=True, slots=True)
class MakeInstance:
    """A step of instantiating: a core instance, and the exports to take of it.

    Args:
        imports: slots.
        names, slots: of the exports that something needs at once.
    """

    module: Module
    imports: tuple[int, ...]
    names: tuple[bytes, ...]
    slots: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BorderPlan:
    """What makes a ``Border``: a component instance, and offsets among the kept externs."""

    table: int
    memory: int | None
    realloc: int | None


class Linked:
    """A component and the host functions that it calls.

    Attributes:
        steps: in order.
        kept: slots whose externs an instance keeps, by offset in its array.
        borders: the distinct canonical options.
        state: where the slots of globals and tables are found: (number of the core instance, name of the
            export).
        defined: the resource types that each component instance defines.
        started_globals: what the mutable globals are after the start; set by the first instance.
        callees: what can be called, by interface and name.
        host_resources: what is declared for every imported resource type.
        guest_resources: what the component says of every resource type of its own.
    """

    def __init__(
        self,
        component: Component,
        functions: Mapping[tuple[str, str], HostFunction],
        resources: Mapping[ResourceType, HostResource],
    ) -> None:
        self.component = component
        self.host_resources = resources
        self.guest_resources: dict[ResourceType, GuestResource] = {
            resource.type: resource for resource in component.plan.resources
        }
        self.host_resource_types = {(type_.interface, type_.name): type_ for type_ in resources}
        self.started_globals: list[bytes] | None = None
        self.defined = [
            frozenset(resource.type for resource in component.plan.resources if resource.table == number)
            for number in range(len(component.plan.parents))
        ]
        self.guest_numbers = {type_: number for number, type_ in enumerate(self.guest_resources)}
        self.state: dict[int, tuple[int, bytes]] = {}
        self.borders: list[BorderPlan] = []
        self._functions = functions
        self._abi = Abi()
        self._offsets: dict[int, int] = {}
        self._callees: dict[LiftedFunc, Callee] = {}
        plan = component.plan
        for memory in plan.memories:
            self.offset(memory.slot)
        for resource in plan.resources:
            if resource.destructor is not None:
                self.offset(resource.destructor)
        self.steps: Sequence[MakeFunction | MakeInstance] = self._prepare(plan)
        self.callees: Mapping[str, Mapping[str, Callee]] = {
            name: {key: self._exported(function) for key, function in interface.functions.items()}
            for name, interface in plan.exports.items()
        }
        self.kept: Mapping[int, int] = self._offsets

    def instantiate(
        self,
        context: Any,
        image: Image | None = None,
        *,
        starting: Any = None,
        max_memory_bytes: int = MAX_MEMORY_BYTES,
    ) -> Instance:
        """A new instance.

        Args:
            context: first argument of every host function.
            image: what it starts as, instead of as the component does.
            starting: takes the place of ``context`` while the component starts. Nothing of a start is left once
                an image is brought back, so neither should what host functions do meanwhile.
            max_memory_bytes: what each of its linear memories may grow to; a guest that asks for more is told
                that there is none.

        Raises:
            Trap: the component's own start trapped.
            WasmError: the image is of another component, or a limit is too low to start.
        """
        from .instance import Instance  # which knows this module

        return Instance(self, context, image, starting=starting, max_memory_bytes=max_memory_bytes)

    def offset(self, slot: int) -> int:
        """Where the extern of a slot stands among those that an instance keeps."""
        return self._offsets.setdefault(slot, EXTERN_BYTES * len(self._offsets))

    def _prepare(self, plan: LinkPlan) -> list[MakeFunction | MakeInstance]:
        imported = {slot for step in plan.steps if isinstance(step, Instantiate) for slot in step.imports}
        state = {item.slot for item in plan.globals} | {item.slot for item in plan.tables}
        steps: list[MakeFunction | MakeInstance] = []
        core_instances = 0
        signature_type = self.component.engine.signature_type
        for step in plan.steps:
            match step:
                case Instantiate(module, imports, exports):
                    for name, slot in exports:
                        if slot in state:
                            self.state[slot] = core_instances, name.encode()
                    now = [
                        (name.encode(), slot)
                        for name, slot in exports
                        if slot in imported or slot not in state
                    ]
                    steps.append(
                        MakeInstance(
                            self.component.modules[module],
                            imports,
                            tuple(name for name, _ in now),
                            tuple(slot for _, slot in now),
                        )
                    )
                    core_instances += 1
                case LowerFunc(slot, _, _, signature):
                    type_ = signature_type(signature.params, signature.results)
                    steps.append(MakeFunction(slot, type_, HostCode(self._lowered(step))))
                case ResourceNew(slot, resource, table):
                    code = HostCode(resource_new(resource, table))
                    steps.append(MakeFunction(slot, signature_type(("i32",), ("i32",)), code))
                case ResourceRep(slot, resource, table):
                    code = HostCode(resource_rep(resource, table))
                    steps.append(MakeFunction(slot, signature_type(("i32",), ("i32",)), code))
                case ResourceDrop(slot, resource, table):
                    declared = self.host_resources.get(resource)
                    code = HostCode(resource_drop(resource, table, declared.drop if declared else None))
                    steps.append(MakeFunction(slot, signature_type(("i32",), ()), code))
        return steps

    def _lowered(self, step: LowerFunc) -> Callable[[int, int, int, int], int]:
        side = self._side(step.options)
        match step.function:
            case HostFunc(interface, name, type_):
                host = self._functions[interface, name]
                return self._abi.lowered_host(type_, side, _full_name(interface, name), host)
            case LiftedFunc() as lifted:
                return self._abi.lowered_guest(lifted.type, side, self._callee(lifted))

    def _exported(self, function: ComponentFunc) -> Callee:
        if isinstance(function, LiftedFunc):
            return self._callee(function)
        host = self._functions[function.interface, function.name]
        return self._abi.exported_host(function.type, _full_name(function.interface, function.name), host)

    def _callee(self, lifted: LiftedFunc) -> Callee:
        known = self._callees.get(lifted)
        if known is None:
            post_return = lifted.options.post_return
            known = self._callees[lifted] = self._abi.lifted(
                lifted.type,
                self._side(lifted.options),
                self.offset(lifted.slot),
                self.offset(post_return) if post_return is not None else None,
            )
        return known

    def _side(self, options: CanonOptions) -> Side:
        memory, realloc = options.memory, options.realloc
        border = BorderPlan(
            options.table,
            self.offset(memory) if memory is not None else None,
            self.offset(realloc) if realloc is not None else None,
        )
        if border not in self.borders:
            self.borders.append(border)
        return Side(self.borders.index(border), options.encoding)
