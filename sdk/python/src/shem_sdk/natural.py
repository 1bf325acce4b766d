"""Natural JSON of values: what people read as a default, and what agent ids are filled with."""

from __future__ import annotations

import base64
import json
from typing import Any

from shem_sdk.shapes import (
    PYTHON_SCALARS,
    DictOf,
    EnumOf,
    ListOf,
    OptionOf,
    RecordOf,
    Scalar,
    ScalarName,
    Shape,
    TupleOf,
    UnionOf,
)


def default_text(shape: Shape, default: object) -> str | None:
    """JSON text of a default; None for one that is no value of its type, such as a sentinel."""
    try:
        return json.dumps(to_json(shape, default), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, AttributeError, KeyError):
        return None


def to_json(shape: Shape, value: Any) -> object:
    """Natural JSON of a value, for defaults that people read and that agent ids are filled with.

    Raises:
        TypeError, ValueError, AttributeError, KeyError: no value of that shape.
    """
    match shape:
        case Scalar(name):
            return _scalar_to_json(name, value)
        case ListOf(item, python):
            _need(python, value)
            return [to_json(item, v) for v in value]
        case TupleOf(items):
            return [to_json(i, v) for i, v in zip(items, value, strict=True)]
        case DictOf(key, item):
            pairs = [(to_json(key, k), to_json(item, v)) for k, v in value.items()]
            return dict(pairs) if key == Scalar("str") else [list(pair) for pair in pairs]
        case OptionOf(item):
            return None if value is None else to_json(item, value)
        case UnionOf(_, cases, classes):
            if type(value) in classes:
                return to_json(cases[classes.index(type(value))], value)
            raise TypeError(f"no case for {type(value).__name__}")
        case EnumOf(python=None):
            return value
        case EnumOf():
            return value.name
        case RecordOf(python, fields, kind):
            _need(dict if kind == "dict" else python, value)
            read = dict.__getitem__ if kind == "dict" else getattr
            return {f.name: to_json(f.shape, read(value, f.name)) for f in fields}


def _need(python: type | tuple[type, ...], value: object) -> None:
    if not isinstance(value, python):
        raise TypeError(f"a default of type {type(value).__name__} does not fit")


def _scalar_to_json(name: ScalarName, value: Any) -> object:
    _need((float, int) if name == "float" else PYTHON_SCALARS[name], value)
    match name:
        case "bytes":
            return base64.b64encode(value).decode()
        case "Decimal" | "UUID":
            return str(value)
        case "datetime":
            return str(value.isoformat())
        case _:
            return value
