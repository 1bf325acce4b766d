"""From type definitions, which refer to each other by index, to the types of ``types.py``.

A type of a few bytes in the binary can stand for a value of astronomical size: sixty tuples, each of two of
the one before. Types are shared here and not expanded, but comparing or flattening one walks all of it, so
every type carries its expanded size and depth, and both have a bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from . import declarations as d
from .types import (
    BorrowType,
    EnumType,
    FlagsType,
    FuncType,
    ListType,
    OptionType,
    OwnType,
    Prim,
    RecordType,
    ResourceType,
    ResultType,
    TupleType,
    ValType,
    VariantType,
)

MAX_TYPE_SIZE = 100_000
"""Types within a type, itself included. The largest of WASI and Golem has some hundreds."""

MAX_TYPE_DEPTH = 100
"""Types inside each other; wasmtime has the same limit."""


@dataclass(frozen=True, slots=True, eq=False)
class ResolvedType:
    """A value type, its expanded size and depth, and what a value of it may hold.

    Args:
        pointers: strings or lists, which live in linear memory.
        borrows: borrowed handles, which a result may not have.
    """

    type: ValType
    size: int = 1
    depth: int = 1
    pointers: bool = False
    borrows: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ResolvedFunc:
    type: FuncType
    size: int
    param_pointers: bool
    result_pointers: bool


ValueOf: TypeAlias = Callable[[int], ResolvedType]
ResourceOf: TypeAlias = Callable[[int], ResourceType]
Refuse: TypeAlias = Callable[[str], Exception]


@dataclass(frozen=True, slots=True)
class TypeResolver:
    """Resolves definitions in one index space.

    Args:
        value: the value type of an index, or raises.
        resource: the resource type of an index, or raises.
        error: makes the exception for a type that breaks a rule.
    """

    value: ValueOf
    resource: ResourceOf
    error: Refuse

    def value_type(self, body: d.ValueDef) -> ResolvedType:
        match body:
            case Prim(name):
                return ResolvedType(body, pointers=name == "string")
            case d.OwnDef(index):
                return ResolvedType(OwnType(self.resource(index)))
            case d.BorrowDef(index):
                return ResolvedType(BorrowType(self.resource(index)), borrows=True)
            case d.FlagsDef(names):
                return ResolvedType(FlagsType(names), size=1 + len(names))
            case d.EnumDef(names):
                return ResolvedType(EnumType(names), size=1 + len(names))
            case d.RecordDef(fields):
                parts = [self._ref(ref) for _, ref in fields]
                names = tuple(name for name, _ in fields)
                return self._made(RecordType(tuple(zip(names, _types(parts), strict=True))), parts)
            case d.TupleDef(items):
                parts = [self._ref(ref) for ref in items]
                return self._made(TupleType(_types(parts)), parts)
            case d.ListDef(element, length):
                part = self._ref(element)
                return self._made(ListType(part.type, length), [part], pointers=length is None)
            case d.MapDef(key, value):
                parts = [self._ref(key), self._ref(value)]
                return self._made(ListType(TupleType(_types(parts))), parts, pointers=True)
            case d.OptionDef(item):
                part = self._ref(item)
                return self._made(OptionType(part.type), [part])
            case d.VariantDef(cases):
                payloads = [(name, self._maybe(ref)) for name, ref in cases]
                type_ = VariantType(tuple((name, _type(part)) for name, part in payloads))
                return self._made(type_, [part for _, part in payloads if part], own=1 + len(cases))
            case d.ResultDef(ok, err):
                good, bad = self._maybe(ok), self._maybe(err)
                return self._made(ResultType(_type(good), _type(bad)), [p for p in (good, bad) if p])

    def func_type(self, body: d.FuncDef) -> ResolvedFunc:
        params = [(name, self._ref(ref)) for name, ref in body.params]
        result = self._maybe(body.result)
        if result and result.borrows:
            raise self.error("a function cannot return a borrowed handle")
        size = 1 + sum(part.size for _, part in params) + (result.size if result else 0)
        self._check(size, 1)
        type_ = FuncType(tuple((name, part.type) for name, part in params), _type(result))
        pointers = any(part.pointers for _, part in params)
        return ResolvedFunc(type_, size, pointers, result is not None and result.pointers)

    def _ref(self, ref: d.TypeRef) -> ResolvedType:
        return self.value(ref) if isinstance(ref, int) else self.value_type(ref)

    def _maybe(self, ref: d.TypeRef | None) -> ResolvedType | None:
        return None if ref is None else self._ref(ref)

    def _made(
        self, type_: ValType, parts: list[ResolvedType], *, own: int = 1, pointers: bool = False
    ) -> ResolvedType:
        size = own + sum(part.size for part in parts)
        depth = 1 + max((part.depth for part in parts), default=0)
        self._check(size, depth)
        pointers = pointers or any(part.pointers for part in parts)
        return ResolvedType(type_, size, depth, pointers, any(part.borrows for part in parts))

    def _check(self, size: int, depth: int) -> None:
        if size > MAX_TYPE_SIZE:
            raise self.error(f"the type has more than {MAX_TYPE_SIZE} parts")
        if depth > MAX_TYPE_DEPTH:
            raise self.error(f"types are nested more than {MAX_TYPE_DEPTH} deep")


def _types(parts: list[ResolvedType]) -> tuple[ValType, ...]:
    return tuple(part.type for part in parts)


def _type(part: ResolvedType | None) -> ValType | None:
    return None if part is None else part.type
