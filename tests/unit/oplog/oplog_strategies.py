"""Hypothesis strategies for oplog entries and for the values inside their payloads."""

from __future__ import annotations

from enum import IntEnum
from types import NoneType
from typing import Any

import msgspec
from hypothesis import strategies as st

from shem.oplog.entries import ENTRY_TYPES, Entry
from shem.wasm.types import Some

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
INT64 = st.integers(-(2**63), 2**63 - 1)

_LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    NoneType: st.none(),
    bool: st.booleans(),
    int: INT64,
    str: TEXT,
    bytes: st.binary(max_size=40),
}


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type that an entry has as a field."""
    if kind in _LEAVES:
        return _LEAVES[kind]
    arguments = getattr(kind, "__args__", None)
    if arguments is None:
        if issubclass(kind, IntEnum):
            return st.sampled_from(kind)
        fields = msgspec.structs.fields(kind)
        return st.builds(kind, *(values_of(field.type) for field in fields))
    if getattr(kind, "__origin__", None) is tuple:
        if arguments[-1] is ...:
            return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
        return st.tuples(*map(values_of, arguments))
    return st.one_of(*map(values_of, arguments))


ENTRIES: st.SearchStrategy[Entry] = st.one_of([values_of(kind) for kind in ENTRY_TYPES])

PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | INT64 | st.floats(allow_nan=False) | TEXT | st.binary(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4) | st.builds(Some, inner)
    ),
    max_leaves=20,
)
"""Values that come back from a payload exactly as they were."""
