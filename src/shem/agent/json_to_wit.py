"""JSON values to ``wit-value`` nodes, by functions that are put together once per type.

A writer appends nodes to a list and returns the index of its own. A container takes its index before its
items, so the root is node 0. A value that does not fit raises ``Mismatch`` and leaves the list in any state.

With ``identity`` the values are part of an agent id: what is equal is written in one way only. Missing
values are filled with their defaults, objects and sets are put in order, -0.0 becomes 0.0. What a writer
made, read back as JSON and written again, gives the same nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias, assert_never

from shem.agent.mismatch import Mismatch, shown
from shem.agent.node import RESERVED, Node, Write
from shem.agent.types import (
    Bool,
    Bytes,
    Char,
    Defaulted,
    Dict,
    Enum,
    Flags,
    Float,
    Int,
    List,
    Literal,
    Nothing,
    Option,
    Record,
    Result,
    Schema,
    Set,
    String,
    Tuple,
    Union,
    Variant,
    takes_null,
)
from shem.agent.write_container import (
    list_writer,
    object_writer,
    option_writer,
    pairs_writer,
    result_writer,
    set_writer,
    some_writer,
    tuple_writer,
    union_writer,
    variant_writer,
    write_none,
)
from shem.agent.write_leaf import (
    enum_writer,
    exact_writer,
    flags_writer,
    float_writer,
    int_writer,
    literal_writer,
    string_writer,
    write_bytes,
    write_char,
    write_nothing,
)

WriteAbsent: TypeAlias = Callable[[list[Node]], int]

IDENTITY_NODES_MAX: Final = 1_000
"""How many nodes the defaults of an agent id may fill in. Its text has 512 bytes, so there cannot be as
many; defaults inside defaults could else double with every level."""


class Writers:
    """Makes the writers of types; a type that is used in several places is compiled once."""

    def __init__(self, *, identity: bool) -> None:
        self._identity = identity
        self._done: dict[Schema, Write] = {}

    def of(self, schema: Schema) -> Write:
        """The writer of a type.

        Raises:
            Mismatch: a default inside the type does not fit.
        """
        if schema not in self._done:
            self._done[schema] = self._make(schema)
        return self._done[schema]

    def absent(self, schema: Schema) -> WriteAbsent | None:
        """Writes what stands for a value that was left out; None where it has to be given.

        Raises:
            Mismatch: as for ``of``.
        """
        if not isinstance(schema, Defaulted):
            return None
        if not (self._identity and schema.known):
            return write_none
        write, default = self.of(schema), schema.default

        def write_default(nodes: list[Node]) -> int:
            if len(nodes) > IDENTITY_NODES_MAX:
                raise Mismatch(f"a default of at most {IDENTITY_NODES_MAX} parts", "more")
            return write(default, nodes)

        return write_default

    def _make(self, schema: Schema) -> Write:
        match schema:
            case Bool():
                return exact_writer("prim-bool", bool, schema.text)
            case Int():
                return int_writer(schema)
            case Float():
                return float_writer(schema, self._identity)
            case Char():
                return write_char
            case String():
                return string_writer(schema)
            case Nothing():
                return write_nothing
            case Bytes():
                return write_bytes
            case List():
                return list_writer(self.of(schema.item), schema.text)
            case Set():
                return set_writer(self.of(schema.item), schema.text, self._identity)
            case Dict():
                return self._dict(schema)
            case Tuple():
                return tuple_writer([self.of(item) for item in schema.items], schema.text)
            case Record():
                return self._record(schema)
            case Variant():
                cases = [(name, None if case is None else self.of(case)) for name, case in schema.cases]
                return variant_writer(cases, schema.text)
            case Union():
                return union_writer([self.of(case) for case in schema.cases], schema.text)
            case Enum():
                return enum_writer(schema)
            case Literal():
                return literal_writer(schema)
            case Flags():
                return flags_writer(schema)
            case Option():
                return option_writer(self.of(schema.item))
            case Defaulted():
                return self._defaulted(schema)
            case Result():
                sides = [("ok", schema.ok), ("err", schema.err)]
                return result_writer([(n, None if s is None else self.of(s)) for n, s in sides], schema.text)
            case _:
                assert_never(schema)

    def _defaulted(self, schema: Defaulted) -> Write:
        item = self.of(schema.item)
        # `x: int | None = None` comes as one option, in which null and nothing are the same.
        is_plain = schema.known and schema.default is None and not takes_null(schema.item)
        write = option_writer(item) if is_plain else some_writer(item)
        if schema.known:
            write(schema.default, [])
        return write

    def _record(self, schema: Record) -> Write:
        fields = [(name, self.of(field), self.absent(field), field.text) for name, field in schema.fields]
        expected = f"{schema.text} with no other fields than {', '.join(name for name, _ in schema.fields)}"

        def write(value: Any, nodes: list[Node]) -> int:
            if type(value) is not dict:
                raise Mismatch(schema.text, shown(value))
            index = len(nodes)
            nodes.append(RESERVED)
            indices = []
            present = 0
            for name, write_field, write_absent, text in fields:
                if name in value:
                    present += 1
                    try:
                        indices.append(write_field(value[name], nodes))
                    except Mismatch as mismatch:
                        raise mismatch.inside(name) from None
                elif write_absent is not None:
                    indices.append(write_absent(nodes))
                else:
                    raise Mismatch(text, "nothing").inside(name)
            if present < len(value):
                known = {name for name, _ in schema.fields}
                raise Mismatch(expected, shown(next(name for name in value if name not in known)))
            nodes[index] = ("record-value", indices)
            return index

        return write

    def _dict(self, schema: Dict) -> Write:
        key, value = self.of(schema.key), self.of(schema.value)
        if isinstance(schema.key, String) and not schema.key.format:
            return object_writer(key, value, schema.text, self._identity)
        return pairs_writer(key, value, schema.text, self._identity)
