"""WIT types as the contract's ``wit-type``: nodes that refer to one another by index, the first is the root.

The contract has no lists of a fixed length, so ``list<T, n>`` becomes a tuple of ``n``: it is written as
the same array, and its length is checked with its type. Types have no names in a component's functions, so the
nodes have none either, and people see what a type consists of.
"""

from __future__ import annotations

from typing import Any, assert_never

from shem.wasm.types import (
    BorrowType,
    EnumType,
    FlagsType,
    ListType,
    OptionType,
    OwnType,
    Prim,
    RecordType,
    ResultType,
    TupleType,
    ValType,
    VariantType,
)


class HoldsResource(Exception):
    """The type holds a handle, which means nothing outside of the instance."""


def wit_type(type_: ValType) -> dict[str, Any]:
    """The ``wit-type`` of a type; a part that it uses several times is one node.

    Raises:
        HoldsResource: it cannot be described by what it consists of.
    """
    writer = _Writer()
    writer.add(type_)
    return {"nodes": writer.nodes}


class _Writer:
    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        # By identity: comparing types by structure takes time that doubles with every level of shared parts.
        self._done: dict[int, int] = {}

    def add(self, type_: ValType) -> int:
        known = self._done.get(id(type_))
        if known is not None:
            return known
        index = self._done[id(type_)] = len(self.nodes)
        node: dict[str, Any] = {"name": None, "owner": None}
        self.nodes.append(node)
        node["type"] = self._node(type_)
        return index

    def _maybe(self, type_: ValType | None) -> int | None:
        return None if type_ is None else self.add(type_)

    def _node(self, type_: ValType) -> tuple[str, Any]:
        match type_:
            case Prim(name):
                return f"prim-{name}-type", None
            case RecordType(fields):
                return "record-type", [(name, self.add(field)) for name, field in fields]
            case VariantType(cases):
                return "variant-type", [(name, self._maybe(case)) for name, case in cases]
            case EnumType(names):
                return "enum-type", list(names)
            case FlagsType(names):
                return "flags-type", list(names)
            case TupleType(items):
                return "tuple-type", [self.add(item) for item in items]
            case ListType(element, length):
                item = self.add(element)
                return ("list-type", item) if length is None else ("tuple-type", [item] * length)
            case OptionType(item):
                return "option-type", self.add(item)
            case ResultType(ok, err):
                return "result-type", (self._maybe(ok), self._maybe(err))
            case OwnType() | BorrowType():
                raise HoldsResource
            case _:
                assert_never(type_)
