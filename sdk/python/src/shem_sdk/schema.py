"""Shapes as types of the Golem contract: a flat list of nodes, of which the first is the root.

WIT has no dictionaries, sets, dates or default values. They travel as the nearest WIT type, and the node's
``owner`` says what they are, so that a host shows and reads them as natural JSON: ``shem/dict``,
``shem/set``, ``shem/datetime``, ``shem/uuid``, ``shem/decimal``, ``shem/none``, ``shem/union``,
``shem/literal``, and ``shem/default:<json>`` (``shem/default`` where only the guest knows it) on an option
that may be left out.

The node classes come from the caller, as the module that componentize-py generates from ``golem:core/types``:
only ``guest`` may import it, since it exists only inside a guest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shem_sdk.shapes import (
    NONE,
    DictOf,
    EnumOf,
    Field,
    ListOf,
    OptionOf,
    RecordOf,
    Scalar,
    Shape,
    TupleOf,
    UnionOf,
)

_SCALAR_OWNERS = {
    "None": "shem/none",
    "Decimal": "shem/decimal",
    "datetime": "shem/datetime",
    "UUID": "shem/uuid",
}


def wit_type(types: Any, shape: Shape) -> Any:
    """The ``wit-type`` of a shape; ``types`` is the module of node classes."""
    writer = _Writer(types)
    writer.add(shape)
    return types.WitType(writer.nodes)


def wit_type_of_field(types: Any, field: Field) -> Any:
    """The ``wit-type`` of a parameter, which is an option where the parameter may be left out."""
    writer = _Writer(types)
    writer.add_field(field)
    return types.WitType(writer.nodes)


def input_schema(types: Any, fields: Iterable[Field]) -> Any:
    """The ``data-schema`` of a parameter list."""
    return types.DataSchema_Tuple(
        [(f.name, types.ElementSchema_ComponentModel(wit_type_of_field(types, f))) for f in fields]
    )


def output_schema(types: Any, shape: Shape) -> Any:
    """The ``data-schema`` of a result: nothing for None, else one element."""
    if shape == NONE:
        return types.DataSchema_Tuple([])
    element = types.ElementSchema_ComponentModel(wit_type(types, shape))
    return types.DataSchema_Tuple([("return-value", element)])


def is_plain_option(field: Field) -> bool:
    """True where None as the default and None as a value are one: a single option carries both."""
    return isinstance(field.shape, OptionOf) and field.default == "null"


class _Writer:
    """A node takes its index before its children, so the root comes first."""

    def __init__(self, types: Any) -> None:
        self.types = types
        self.nodes: list[Any] = []

    def add(self, shape: Shape) -> int:
        index = len(self.nodes)
        self.nodes.append(None)
        name, owner, node = self._node(shape)
        self.nodes[index] = self.types.NamedWitTypeNode(name, owner, node)
        return index

    def add_field(self, field: Field) -> int:
        if not field.optional:
            return self.add(field.shape)
        index = len(self.nodes)
        self.nodes.append(None)
        inner = (
            field.shape.item if isinstance(field.shape, OptionOf) and is_plain_option(field) else field.shape
        )
        owner = "shem/default" if field.default is None else f"shem/default:{field.default}"
        node = self.types.WitTypeNode_OptionType(self.add(inner))
        self.nodes[index] = self.types.NamedWitTypeNode(None, owner, node)
        return index

    def _node(self, shape: Shape) -> tuple[str | None, str | None, Any]:
        """Name, owner and node."""
        t = self.types
        match shape:
            case Scalar(name):
                return None, _SCALAR_OWNERS.get(name), self._scalar(name)
            case ListOf(item, python):
                owner = "shem/set" if python in (set, frozenset) else None
                return None, owner, t.WitTypeNode_ListType(self.add(item))
            case TupleOf(items):
                return None, None, t.WitTypeNode_TupleType([self.add(item) for item in items])
            case DictOf(key, value):
                return None, "shem/dict", t.WitTypeNode_ListType(self.add(TupleOf((key, value))))
            case OptionOf(item):
                return None, None, t.WitTypeNode_OptionType(self.add(item))
            case UnionOf(names, cases):
                members = [(n, self.add(c)) for n, c in zip(names, cases, strict=True)]
                return None, "shem/union", t.WitTypeNode_VariantType(members)
            case EnumOf(names, _, None):
                return None, "shem/literal", t.WitTypeNode_EnumType(list(names))
            case EnumOf(names, _, python):
                return python.__name__ if python else None, None, t.WitTypeNode_EnumType(list(names))
            case RecordOf(python, fields, _):
                members = [(f.name, self.add_field(f)) for f in fields]
                return python.__name__, None, t.WitTypeNode_RecordType(members)

    def _scalar(self, name: str) -> Any:
        t = self.types
        match name:
            case "bool":
                return t.WitTypeNode_PrimBoolType()
            case "int":
                return t.WitTypeNode_PrimS64Type()
            case "float":
                return t.WitTypeNode_PrimF64Type()
            case "None":
                return t.WitTypeNode_TupleType([])
            case "bytes":
                index = len(self.nodes)
                self.nodes.append(t.NamedWitTypeNode(None, None, t.WitTypeNode_PrimU8Type()))
                return t.WitTypeNode_ListType(index)
            case _:
                return t.WitTypeNode_PrimStringType()
