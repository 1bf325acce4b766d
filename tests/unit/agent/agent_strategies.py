"""Hypothesis strategies: descriptions of types as a guest gives them, JSON values that fit, and any JSON."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
NAMES = st.lists(st.text("abcdefg-", min_size=1, max_size=4), min_size=1, max_size=4, unique=True)
ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=15,
)


def node(
    kind: str, payload: Any = None, *, owner: str | None = None, name: str | None = None
) -> dict[str, Any]:
    return {"name": name, "owner": owner, "type": (kind, payload)}


@dataclass(frozen=True)
class Shape:
    """A type to be: its kind, parts, hint and name, and JSON values of it."""

    kind: str
    parts: Any
    values: st.SearchStrategy[Any]
    owner: str | None = None
    name: str | None = None

    def wit_type(self) -> dict[str, Any]:
        nodes: list[Any] = []
        self._add(nodes)
        return {"nodes": nodes}

    def _add(self, nodes: list[Any]) -> int:
        index = len(nodes)
        nodes.append(None)

        def flat(part: Any) -> Any:
            if isinstance(part, Shape):
                return part._add(nodes)
            return type(part)(map(flat, part)) if isinstance(part, list | tuple) else part

        nodes[index] = node(self.kind, flat(self.parts), owner=self.owner, name=self.name)
        return index


def _integers() -> list[Shape]:
    ranges = [(f"s{b}", -(2 ** (b - 1)), 2 ** (b - 1) - 1) for b in (8, 16, 32, 64)]
    ranges += [(f"u{b}", 0, 2**b - 1) for b in (8, 16, 32, 64)]
    return [Shape(f"prim-{name}-type", None, st.integers(low, high)) for name, low, high in ranges]


_DECIMALS = st.decimals(allow_nan=False).map(abs).map(str)
_BASE64 = st.binary(max_size=20).map(lambda data: base64.b64encode(data).decode())
_U8 = Shape("prim-u8-type", None, st.integers(0, 255))

SPECIAL = st.sampled_from(["NaN", "Infinity", "-Infinity"])
FINITE = {"allow_nan": False, "allow_infinity": False}
LEAVES: st.SearchStrategy[Shape] = st.sampled_from(
    [
        *_integers(),
        Shape("prim-bool-type", None, st.booleans()),
        Shape("prim-f64-type", None, st.floats(**FINITE) | SPECIAL),
        Shape("prim-f32-type", None, st.floats(width=32, **FINITE).map(lambda x: float(f"{x:.6g}")).filter(
            lambda x: abs(x) < 3.4e38 and (x == 0 or abs(x) > 1.2e-38)) | SPECIAL),
        Shape("prim-char-type", None, st.characters(codec="utf-8")),
        Shape("prim-string-type", None, TEXT),
        Shape("prim-string-type", None, st.uuids().map(str), owner="shem/uuid"),
        Shape("prim-string-type", None, st.datetimes().map(lambda at: at.isoformat()), owner="shem/datetime"),
        Shape("prim-string-type", None, _DECIMALS, owner="shem/decimal"),
        Shape("tuple-type", [], st.none(), owner="shem/none"),
        Shape("list-type", _U8, _BASE64),
        Shape("enum-type", ["red", "green"], st.sampled_from(["red", "green"]), name="Color"),
        Shape("enum-type", ['"a"', "1", "true"], st.sampled_from(["a", 1, True]), owner="shem/literal"),
        Shape("flags-type", ["r", "w"], st.sampled_from([[], ["r"], ["w"], ["r", "w"]])),
    ]
)  # fmt: skip


@st.composite
def _record(draw: st.DrawFn, inner: st.SearchStrategy[Shape]) -> Shape:
    fields = [(name, draw(inner)) for name in draw(NAMES)]
    values = st.fixed_dictionaries({name: shape.values for name, shape in fields})
    return Shape("record-type", fields, values, name=draw(st.none() | st.just("Thing")))


@st.composite
def _variant(draw: st.DrawFn, inner: st.SearchStrategy[Shape]) -> Shape:
    cases = [(name, draw(st.none() | inner)) for name in draw(NAMES)]
    values = [
        st.just(name) if shape is None else st.fixed_dictionaries({name: shape.values})
        for name, shape in cases
    ]
    return Shape("variant-type", cases, st.one_of(values))


@st.composite
def _result(draw: st.DrawFn, inner: st.SearchStrategy[Shape]) -> Shape:
    ok, err = draw(st.none() | inner), draw(st.none() | inner)
    sides = [
        st.fixed_dictionaries({name: st.none() if side is None else side.values})
        for name, side in (("ok", ok), ("err", err))
    ]
    return Shape("result-type", (ok, err), st.one_of(sides))


def _tuple(items: list[Shape]) -> Shape:
    return Shape("tuple-type", items, st.tuples(*(item.values for item in items)).map(list))


def _list(item: Shape) -> Shape:
    if item.kind == "prim-u8-type":
        return item
    return Shape("list-type", item, st.lists(item.values, max_size=3))


def _dict(value: Shape) -> Shape:
    key = Shape("prim-string-type", None, TEXT)
    pair = Shape("tuple-type", [key, value], st.none())
    return Shape("list-type", pair, st.dictionaries(TEXT, value.values, max_size=3), owner="shem/dict")


def _int_dict(value: Shape) -> Shape:
    key = Shape("prim-s64-type", None, st.integers(0, 9))
    pair = Shape("tuple-type", [key, value], st.none())
    pairs = st.dictionaries(key.values, value.values, max_size=3).map(lambda d: [list(p) for p in d.items()])
    return Shape("list-type", pair, pairs, owner="shem/dict")


def _optional(item: Shape) -> Shape:
    return Shape("option-type", item, st.none() | item.values)


_INT = Shape("prim-s64-type", None, st.integers(-5, 5))
_SET = Shape("list-type", _INT, st.lists(_INT.values, unique=True, max_size=3), owner="shem/set")
_UNION = Shape(
    "variant-type",
    [("int", _INT), ("str", Shape("prim-string-type", None, TEXT))],
    _INT.values | TEXT,
    "shem/union",
)

SHAPES: st.SearchStrategy[Shape] = st.recursive(
    LEAVES | st.sampled_from([_SET, _UNION]),
    lambda inner: (
        _record(inner)
        | _variant(inner)
        | _result(inner)
        | st.lists(inner, max_size=3).map(_tuple)
        | inner.map(_list)
        | inner.map(_dict)
        | inner.map(_int_dict)
        | inner.map(_optional)
    ),
    max_leaves=6,
)


def data_schema(shapes: dict[str, Shape]) -> tuple[str, Any]:
    return "tuple", [(name, ("component-model", shape.wit_type())) for name, shape in shapes.items()]


def agent_type(
    constructor: dict[str, Shape] | None = None,
    methods: dict[str, tuple[dict[str, Shape], Shape | None]] | None = None,
    name: str = "Counter",
) -> dict[str, Any]:
    """The contract's ``agent-type``; a method is its parameters and its result."""
    return {
        "type-name": name,
        "description": "",
        "source-language": "python",
        "constructor": {
            "name": None,
            "description": "",
            "prompt-hint": None,
            "input-schema": data_schema(constructor or {}),
        },
        "methods": [
            {
                "name": method,
                "description": "",
                "http-endpoint": [],
                "prompt-hint": None,
                "input-schema": data_schema(parameters),
                "output-schema": data_schema({} if output is None else {"return-value": output}),
            }
            for method, (parameters, output) in (methods or {}).items()
        ],
        "dependencies": [],
        "mode": "durable",
        "http-mount": None,
        "snapshotting": ("disabled", None),
        "config": [],
    }
