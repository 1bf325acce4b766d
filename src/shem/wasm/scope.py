"""What indices mean while a component is planned: its index spaces, and the entities in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from . import declarations as d
from .core import CoreExtern, CoreGlobal, CoreMemory, CoreModule, CoreSignature, CoreTable, CoreTag
from .errors import MalformedComponent
from .plan import ComponentFunc, Instantiate
from .resolve import ResolvedFunc, ResolvedType
from .types import ResourceType

E = TypeVar("E")


@dataclass(frozen=True, slots=True, eq=False)
class CoreItem:
    """A core function, memory, table, global or tag, and the slot where an instance has it."""

    slot: int
    type: CoreExtern


@dataclass(slots=True, eq=False)
class InstantiateDraft:
    """An ``Instantiate`` step that still collects the exports that something uses."""

    module: int
    imports: tuple[int, ...]
    exports: dict[str, CoreItem] = field(default_factory=dict)

    def step(self) -> Instantiate:
        exports = tuple((name, item.slot) for name, item in self.exports.items())
        return Instantiate(self.module, self.imports, exports)


@dataclass(frozen=True, slots=True, eq=False)
class CoreInstance:
    """An instance of a module, or a bundle of items. ``item`` gives the export of a name, or None."""

    item: Callable[[str], CoreItem | None]


@dataclass(frozen=True, slots=True, eq=False)
class Func:
    function: ComponentFunc
    type: ResolvedFunc


@dataclass(frozen=True, slots=True, eq=False)
class TypeClosure:
    """An instance type or a component type, and the scope whose types it refers to, as it was then."""

    body: d.InstanceTypeDef | d.ComponentTypeDef
    scope: Scope
    sizes: dict[d.Sort, int]


@dataclass(frozen=True, slots=True, eq=False)
class ComponentClosure:
    """A component that can be instantiated, and the scope around it, as it was then."""

    component: d.Component
    scope: Scope | None
    sizes: dict[d.Sort, int]


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """What an instance exports, or a component is handed, under a name."""

    sort: d.Sort
    entity: Entity


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    exports: dict[str, Item]


Entity: TypeAlias = (
    CoreItem
    | CoreModule
    | CoreInstance
    | d.CoreTypeDef
    | Func
    | ResolvedType
    | ResolvedFunc
    | ResourceType
    | TypeClosure
    | ComponentClosure
    | Instance
)


@dataclass(slots=True, eq=False)
class Scope:
    """The index spaces of one instance of a component, or of a type while it is evaluated.

    Args:
        table: number of the component instance.
        parent: the scope around it.
        sizes: how long the parent's index spaces were where this one begins: what is defined later is out of
            sight.
    """

    table: int
    parent: Scope | None
    sizes: dict[d.Sort, int]
    spaces: dict[d.Sort, list[Entity]] = field(default_factory=dict)
    exports: dict[str, Item] = field(default_factory=dict)

    def push(self, sort: d.Sort, entity: Entity) -> None:
        self.spaces.setdefault(sort, []).append(entity)

    def length(self, sort: d.Sort) -> int:
        return len(self.spaces.get(sort, ()))

    def lengths(self) -> dict[d.Sort, int]:
        return {sort: len(space) for sort, space in self.spaces.items()}

    def get(self, sort: d.Sort, index: int) -> Entity:
        """Raises IndexError with a sentence when there is no such item."""
        space = self.spaces.get(sort, [])
        if index >= len(space):
            raise IndexError(f"there is no {sort} {index}; {len(space)} are defined so far")
        return space[index]

    def outer(self, sort: d.Sort, depth: int, index: int) -> Entity:
        """An item of the scope ``depth`` levels outside. Raises IndexError as ``get`` does."""
        scope, visible = self, self.length(sort)
        for _ in range(depth):
            if scope.parent is None:
                raise IndexError(f"there are no {depth} components or types around this one")
            visible = scope.sizes.get(sort, 0)
            scope = scope.parent
        if index >= visible:
            raise IndexError(f"there is no {sort} {index} around this one; {visible} are defined before it")
        return scope.get(sort, index)


_CORE_SORTS: dict[type, d.Sort] = {
    CoreSignature: "core func",
    CoreTable: "core table",
    CoreMemory: "core memory",
    CoreGlobal: "core global",
    CoreTag: "core tag",
}


def core_sort(extern: CoreExtern) -> d.Sort:
    """The sort of a core item."""
    return _CORE_SORTS[type(extern)]


class Progress:
    """Where planning stands: the definition at hand, for errors, and how much work has been done.

    Args:
        max_work: definitions evaluated, names matched and types compared that are allowed.
    """

    def __init__(self, max_work: int) -> None:
        self.at: d.Definition | None = None
        self._left = max_work

    def error(self, reason: str) -> MalformedComponent:
        """The error to raise for what the definition at hand says."""
        if self.at is None:
            return MalformedComponent(reason, offset=0, section="component")
        return MalformedComponent(reason, offset=self.at.offset, section=self.at.section)

    def spend(self, work: int) -> None:
        """Raises MalformedComponent when it is too much."""
        self._left -= work
        if self._left < 0:
            raise self.error("linking this component is more work than any real component needs")

    def get(self, scope: Scope, sort: d.Sort, index: int) -> Entity:
        """An item of an index space. Raises MalformedComponent when there is none."""
        try:
            return scope.get(sort, index)
        except IndexError as error:
            raise self.error(str(error)) from None

    def find(self, scope: Scope, sort: d.Sort, index: int, kind: type[E], what: str) -> E:
        """The same, where only one kind of entity will do. Raises MalformedComponent for any other."""
        entity = self.get(scope, sort, index)
        if not isinstance(entity, kind):
            raise self.error(f"{sort} {index} is not {what}")
        return entity
