"""The core half of planning: slots, and the steps that fill them.

Core instances are lazy: an export gets a slot when something first asks for it, so that instantiating looks
up hundreds of names and not the thousands that a language runtime exports.
"""

from __future__ import annotations

from . import declarations as d
from .core import CoreCode, CoreGlobal, CoreMemory, CoreModule, CoreSignature, CoreTable, describe, fits
from .flatten import lifted_signature, lowered_signature, spills_params, spills_result
from .plan import (
    CanonOptions,
    GlobalSlot,
    GuestResource,
    LiftedFunc,
    LowerFunc,
    MemorySlot,
    ResourceDrop,
    ResourceNew,
    ResourceRep,
    Step,
    TableSlot,
)
from .resolve import ResolvedFunc
from .scope import CoreInstance, CoreItem, Func, InstantiateDraft, Progress, Scope
from .types import ResourceType

MAX_CORE_INSTANCES = 1_000
"""As in wasmtime."""

_REALLOC = CoreSignature(("i32", "i32", "i32", "i32"), ("i32",))
_ONE_TO_ONE = CoreSignature(("i32",), ("i32",))
_ONE_TO_NONE = CoreSignature(("i32",), ())


class StepBuilder:
    """Collects the steps of a plan, and the state that instances of its modules have."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._drafts: list[Step | InstantiateDraft] = []
        self._numbers: dict[int, int] = {}  # of modules, by their offset
        self._instances = 0
        self.slots = 0
        self.modules: list[CoreCode] = []
        self.resources: dict[ResourceType, GuestResource] = {}
        self.memories: list[MemorySlot] = []
        self.globals: list[GlobalSlot] = []
        self.tables: list[TableSlot] = []
        self.uncapturable: dict[str, None] = {}

    def steps(self) -> tuple[Step, ...]:
        """All steps, once everything has asked for its exports."""
        return tuple(draft.step() if isinstance(draft, InstantiateDraft) else draft for draft in self._drafts)

    def _new_slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    # core instances

    def instantiate(self, scope: Scope, body: d.CoreInstantiateDef) -> CoreInstance:
        self._instances += 1
        if self._instances > MAX_CORE_INSTANCES:
            raise self._progress.error(f"there are more than {MAX_CORE_INSTANCES} core instances")
        module = self._progress.find(scope, "core module", body.module, CoreModule, "a core module")
        args = {
            name: self._progress.find(scope, "core instance", index, CoreInstance, "a core instance")
            for name, index in body.args
        }
        number = self._numbers.setdefault(module.code.start, len(self.modules))
        if number == len(self.modules):
            self.modules.append(module.code)
        draft = InstantiateDraft(number, self._imports(module, args))
        self._drafts.append(draft)

        def export(name: str) -> CoreItem | None:
            if name not in draft.exports and name in module.exports:
                draft.exports[name] = CoreItem(self._new_slot(), module.exports[name])
            return draft.exports.get(name)

        self._note_state(module, draft)
        return CoreInstance(export)

    def _imports(self, module: CoreModule, args: dict[str, CoreInstance]) -> tuple[int, ...]:
        self._progress.spend(len(module.imports))
        slots: list[int] = []
        for wanted in module.imports:
            given = args[wanted.module].item(wanted.name) if wanted.module in args else None
            place = f"core import {wanted.module!r} {wanted.name!r}"
            if given is None:
                raise self._progress.error(f"nothing is given for {place}")
            if not fits(wanted.type, given.type):
                raise self._progress.error(
                    f"{place} is a {describe(wanted.type)}, given is a {describe(given.type)}"
                )
            slots.append(given.slot)
        return tuple(slots)

    def _note_state(self, module: CoreModule, draft: InstantiateDraft) -> None:
        self._progress.spend(len(module.state))
        for name, extern in module.state.items():
            slot = self._new_slot()
            draft.exports[name] = CoreItem(slot, extern)
            match extern:
                case CoreMemory():
                    self.memories.append(MemorySlot(slot, extern.minimum, extern.maximum))
                case CoreGlobal():
                    self.globals.append(GlobalSlot(slot, extern.type))
                case CoreTable():
                    self.tables.append(TableSlot(slot, extern.minimum, extern.maximum))
        self.uncapturable.update(dict.fromkeys(module.uncapturable))

    def bundle(self, scope: Scope, body: d.CoreBundleDef) -> CoreInstance:
        self._progress.spend(len(body.exports))
        items = {
            name: self._progress.find(scope, item.sort, item.index, CoreItem, "a core item")
            for name, item in body.exports
        }
        return CoreInstance(items.get)

    # functions

    def lift(self, scope: Scope, body: d.LiftDef) -> Func:
        item = self._progress.find(scope, "core func", body.core_function, CoreItem, "a core function")
        type_ = self._progress.find(scope, "type", body.type, ResolvedFunc, "a function type")
        self._progress.spend(type_.size)
        signature = lifted_signature(type_.type)
        if item.type != signature:
            raise self._progress.error(
                f"core function {body.core_function} is a {describe(item.type)}; "
                f"to be lifted to this type it must be a function {signature}"
            )
        allocates = type_.param_pointers or spills_params(type_.type)
        through_memory = allocates or type_.result_pointers or spills_result(type_.type)
        options = self._options(scope, body.options, memory=through_memory, realloc=allocates)
        if body.options.post_return is not None:
            wanted = CoreSignature(signature.results, ())
            self._core_function(scope, body.options.post_return, wanted, "post-return")
        return Func(LiftedFunc(item.slot, type_.type, options, signature), type_)

    def lower(self, scope: Scope, body: d.LowerDef) -> CoreItem:
        func = self._progress.find(scope, "func", body.function, Func, "a function")
        if body.options.post_return is not None:
            raise self._progress.error("post-return is only for functions that are lifted")
        type_ = func.type
        self._progress.spend(type_.size)
        spilled = spills_params(type_.type) or spills_result(type_.type)
        through_memory = spilled or type_.param_pointers or type_.result_pointers
        options = self._options(scope, body.options, memory=through_memory, realloc=type_.result_pointers)
        item = CoreItem(self._new_slot(), signature := lowered_signature(type_.type))
        self._drafts.append(LowerFunc(item.slot, func.function, options, signature))
        return item

    def _options(self, scope: Scope, body: d.OptionsDef, *, memory: bool, realloc: bool) -> CanonOptions:
        memory_slot = realloc_slot = post_return_slot = None
        if body.memory is not None:
            item = self._progress.find(scope, "core memory", body.memory, CoreItem, "a memory")
            if not isinstance(item.type, CoreMemory) or item.type.wide or item.type.shared:
                raise self._progress.error("values can only be in an unshared memory with 32-bit addresses")
            memory_slot = item.slot
        elif memory or body.realloc is not None:
            raise self._progress.error("this needs the canonical option memory")
        if body.realloc is not None:
            realloc_slot = self._core_function(scope, body.realloc, _REALLOC, "realloc")
        elif realloc:
            raise self._progress.error("this needs the canonical option realloc")
        if body.post_return is not None:
            post_return = self._progress.find(scope, "core func", body.post_return, CoreItem, "a function")
            post_return_slot = post_return.slot
        return CanonOptions(scope.table, body.encoding, memory_slot, realloc_slot, post_return_slot)

    def _core_function(self, scope: Scope, index: int, wanted: CoreSignature, role: str) -> int:
        item = self._progress.find(scope, "core func", index, CoreItem, "a core function")
        if item.type != wanted:
            raise self._progress.error(
                f"{role} must be a function {wanted}, core function {index} is a {describe(item.type)}"
            )
        return item.slot

    # resources

    def resource(self, scope: Scope, name: str, destructor: int | None) -> ResourceType:
        """A resource type that the component defines, a new one in each of its instances."""
        slot = None
        if destructor is not None:
            slot = self._core_function(scope, destructor, _ONE_TO_NONE, "a destructor")
        made = ResourceType(name, None)
        self.resources[made] = GuestResource(made, scope.table, slot)
        return made

    def resource_function(self, scope: Scope, body: d.ResourceFunctionDef) -> CoreItem:
        type_ = self._progress.find(scope, "type", body.type, ResourceType, "a resource")
        if body.operation == "drop":
            item = CoreItem(self._new_slot(), _ONE_TO_NONE)
            self._drafts.append(ResourceDrop(item.slot, type_, scope.table))
            return item
        own = self.resources.get(type_)
        if own is None or own.table != scope.table:
            raise self._progress.error(
                f"resource.{body.operation} is only for resources defined in the same component"
            )
        item = CoreItem(self._new_slot(), _ONE_TO_ONE)
        make = ResourceNew if body.operation == "new" else ResourceRep
        self._drafts.append(make(item.slot, type_, scope.table))
        return item
