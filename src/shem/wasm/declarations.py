"""What a component's binary says, one frozen value per definition, with indices not yet resolved.

The words are those of the component model's binary format. Every kind of definition (*sort*) has its own
index space in every component; a definition takes the next number of its space, and refers to others by
theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .core import CoreModule, CoreSignature
from .plan import StringEncoding
from .types import Prim

CoreSort: TypeAlias = Literal[
    "core func",
    "core table",
    "core memory",
    "core global",
    "core tag",
    "core type",
    "core module",
    "core instance",
]
Sort: TypeAlias = CoreSort | Literal["func", "type", "component", "instance"]

TypeRef: TypeAlias = Prim | int
"""A primitive type, or the index of a type."""


@dataclass(frozen=True, slots=True)
class Reference:
    sort: Sort
    index: int


# types


@dataclass(frozen=True, slots=True)
class RecordDef:
    fields: tuple[tuple[str, TypeRef], ...]


@dataclass(frozen=True, slots=True)
class VariantDef:
    cases: tuple[tuple[str, TypeRef | None], ...]


@dataclass(frozen=True, slots=True)
class ListDef:
    element: TypeRef
    length: int | None = None


@dataclass(frozen=True, slots=True)
class MapDef:
    key: TypeRef
    value: TypeRef


@dataclass(frozen=True, slots=True)
class TupleDef:
    items: tuple[TypeRef, ...]


@dataclass(frozen=True, slots=True)
class FlagsDef:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EnumDef:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OptionDef:
    item: TypeRef


@dataclass(frozen=True, slots=True)
class ResultDef:
    ok: TypeRef | None
    err: TypeRef | None


@dataclass(frozen=True, slots=True)
class OwnDef:
    resource: int


@dataclass(frozen=True, slots=True)
class BorrowDef:
    resource: int


ValueDef: TypeAlias = (
    Prim
    | RecordDef
    | VariantDef
    | ListDef
    | MapDef
    | TupleDef
    | FlagsDef
    | EnumDef
    | OptionDef
    | ResultDef
    | OwnDef
    | BorrowDef
)


@dataclass(frozen=True, slots=True)
class FuncDef:
    params: tuple[tuple[str, TypeRef], ...]
    result: TypeRef | None


@dataclass(frozen=True, slots=True)
class ResourceDef:
    """A resource represented by an i32; ``destructor`` is the index of a core function."""

    destructor: int | None


@dataclass(frozen=True, slots=True)
class InstanceTypeDef:
    body: tuple[Declarator, ...]


@dataclass(frozen=True, slots=True)
class ComponentTypeDef:
    body: tuple[Declarator, ...]


@dataclass(frozen=True, slots=True)
class CoreModuleType:
    """A type of core modules. Modules are known when a component is linked, so what it says is not needed."""


TypeBody: TypeAlias = ValueDef | FuncDef | ResourceDef | InstanceTypeDef | ComponentTypeDef


# definitions


@dataclass(frozen=True, slots=True)
class ExternDesc:
    """What an import or export is: a sort and the index of its type.

    Without an index it is a type of its own, some resource, ``(type (sub resource))``. With one, a ``type``
    is equal to the type of that index.
    """

    sort: Literal["core module", "func", "type", "component", "instance"]
    index: int | None


@dataclass(frozen=True, slots=True)
class ModuleDef:
    module: CoreModule


@dataclass(frozen=True, slots=True)
class CoreInstantiateDef:
    """``args`` are (name, core instance)."""

    module: int
    args: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class CoreBundleDef:
    """A core instance put together from existing items."""

    exports: tuple[tuple[str, Reference], ...]


@dataclass(frozen=True, slots=True)
class CoreTypeDef:
    """``body`` is None for a struct or an array."""

    body: CoreSignature | CoreModuleType | None


@dataclass(frozen=True, slots=True)
class ComponentDef:
    component: Component


@dataclass(frozen=True, slots=True)
class InstantiateDef:
    component: int
    args: tuple[tuple[str, Reference], ...]


@dataclass(frozen=True, slots=True)
class BundleDef:
    """A component instance put together from existing items."""

    exports: tuple[tuple[str, Reference], ...]


@dataclass(frozen=True, slots=True)
class ExportAlias:
    """The item ``name`` of an instance; of a core instance where ``core``."""

    sort: Sort
    instance: int
    name: str
    core: bool


@dataclass(frozen=True, slots=True)
class OuterAlias:
    """Item ``index`` of the component or type ``depth`` levels outside of this one, 0 being this one."""

    sort: Sort
    depth: int
    index: int


@dataclass(frozen=True, slots=True)
class TypeDef:
    body: TypeBody


@dataclass(frozen=True, slots=True)
class OptionsDef:
    encoding: StringEncoding = "utf8"
    memory: int | None = None
    realloc: int | None = None
    post_return: int | None = None


@dataclass(frozen=True, slots=True)
class LiftDef:
    core_function: int
    options: OptionsDef
    type: int


@dataclass(frozen=True, slots=True)
class LowerDef:
    function: int
    options: OptionsDef


@dataclass(frozen=True, slots=True)
class ResourceFunctionDef:
    """One of the three core functions that handle the resource of type ``type``."""

    operation: Literal["new", "rep", "drop"]
    type: int


@dataclass(frozen=True, slots=True)
class StartDef:
    """A component function to call when the component is instantiated; ``args`` and results are values."""

    function: int
    args: tuple[int, ...]
    results: int


@dataclass(frozen=True, slots=True)
class ImportDef:
    name: str
    desc: ExternDesc


@dataclass(frozen=True, slots=True)
class ExportDef:
    """``desc``, where there is one, is the type that the item is given for those outside."""

    name: str
    item: Reference
    desc: ExternDesc | None


@dataclass(frozen=True, slots=True)
class ExportDeclarator:
    """Inside a type: instances of it export this."""

    name: str
    desc: ExternDesc


Plain: TypeAlias = (
    ModuleDef
    | CoreInstantiateDef
    | CoreBundleDef
    | CoreTypeDef
    | ComponentDef
    | InstantiateDef
    | BundleDef
    | ExportAlias
    | OuterAlias
    | TypeDef
    | LiftDef
    | LowerDef
    | ResourceFunctionDef
)
"""Definitions that do nothing but add one item to an index space."""

Body: TypeAlias = Plain | ImportDef | ExportDef | StartDef

Declarator: TypeAlias = CoreTypeDef | TypeDef | ExportAlias | OuterAlias | ImportDef | ExportDeclarator


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition and where it stands: offset in the file and section name, for errors."""

    body: Body
    offset: int
    section: str


@dataclass(frozen=True, slots=True)
class Component:
    """A component as it is written, its definitions in order. Custom sections are left out."""

    definitions: tuple[Definition, ...]
