"""Whether Python values fit their WIT types, found out before anything of them is written.

Two ways of asking the same: ``Checker`` generates predicates that accept nearly every value that fits,
fast; what they refuse goes to ``explain``, which decides, and which knows the path of the first thing that
does not fit. It is more generous in one respect only: subclasses, and any sequence or mapping, are taken as
well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, assert_never

from .abi_code import Code
from .errors import ValueMismatch
from .handles import GuestResource
from .types import (
    BorrowType,
    EnumType,
    FlagsType,
    ListType,
    OptionType,
    OwnType,
    Prim,
    RecordType,
    ResourceType,
    ResultType,
    Some,
    TupleType,
    ValType,
    VariantType,
)

INT_RANGES = {
    f"{sign}{bits}": (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if sign == "s" else (0, (1 << bits) - 1)
    for sign in "su"
    for bits in (8, 16, 32, 64)
}

F32_LIMIT = 2.0**128 - 2.0**103
"""From here on a number rounds to infinity as an f32."""


def is_text(value: str) -> bool:
    """Whether a string has no surrogates, which are not Unicode scalar values."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def holds(value: object, resource: ResourceType) -> bool:
    """Whether ``value`` is a resource of a guest that the host still has."""
    return (
        isinstance(value, GuestResource) and value.resource is resource and value.representation is not None
    )


class Checker:
    """Generates predicates."""

    def __init__(self, code: Code) -> None:
        self._code = code

    def condition(self, type_: ValType, value: str) -> str:
        """Expression that is true when the value of ``value``, a name, fits."""
        match type_:
            case Prim("bool"):
                return f"type({value}) is bool"
            case Prim("string"):
                return f"(type({value}) is str and ({value}.isascii() or is_text({value})))"
            case Prim("char"):
                return f"(type({value}) is str and len({value}) == 1 and is_text({value}))"
            case Prim("f64"):
                return f"type({value}) is float"
            case Prim("f32"):
                return f"(type({value}) is float and not {F32_LIMIT} <= abs({value}) < INFINITY)"
            case Prim(name):
                low, high = INT_RANGES[name]
                return f"(type({value}) is int and {low} <= {value} <= {high})"
            case OwnType(resource) | BorrowType(resource):
                if resource.interface is not None:
                    return "True"
                return f"holds({value}, {self._code.constant(resource, 'resource')})"
            case _:
                return f"{self._predicate(type_)}({value})"

    def _predicate(self, type_: ValType) -> str:
        return self._code.once(
            "fits", type_, lambda: self._code.define("v", [f" return {self._compound(type_)}"], "fits")
        )

    def _compound(self, type_: ValType) -> str:
        match type_:
            case ListType(element, length):
                size = "" if length is None else f" and len(v) == {length}"
                if element == Prim("u8"):
                    return f"type(v) is bytes{size}"
                return f"type(v) is list{size} and {self._all(element)}"
            case RecordType(fields):
                keys = self._code.constant(frozenset(name for name, _ in fields), "keys")
                parts = [self._named(t, f"v[{name!r}]", i) for i, (name, t) in enumerate(fields)]
                return " and ".join([f"type(v) is dict and v.keys() == {keys}", *parts])
            case TupleType(items):
                parts = [self._named(t, f"v[{i}]", i) for i, t in enumerate(items)]
                return " and ".join(
                    [f"(type(v) is tuple or type(v) is list) and len(v) == {len(items)}", *parts]
                )
            case VariantType(cases):
                return self._cases(cases)
            case ResultType(ok, err):
                return self._cases((("ok", ok), ("err", err)))
            case EnumType(names):
                return f"type(v) is str and v in {self._code.constant(frozenset(names), 'names')}"
            case FlagsType(names):
                return f"type(v) is frozenset and v <= {self._code.constant(frozenset(names), 'names')}"
            case OptionType(OptionType() as item):
                return f"v is None or type(v) is Some and {self._named(item, 'v.value', 0)}"
            case OptionType(item):
                return f"v is None or {self.condition(item, 'v')}"
            case Prim() | OwnType() | BorrowType():
                return self.condition(type_, "v")
            case _:
                assert_never(type_)

    def _named(self, type_: ValType, value: str, number: int) -> str:
        """Condition on an expression that is not a name."""
        condition = self.condition(type_, f"x{number}")
        if condition == "True":
            return condition
        return condition.replace(f"x{number}", f"(x{number} := {value})", 1)

    def _cases(self, cases: tuple[tuple[str, ValType | None], ...]) -> str:
        """A chain of conditional expressions over the name of the case."""
        chain = "False"
        for name, payload in reversed(cases):
            fits = "v[1] is None" if payload is None else self._named(payload, "v[1]", 0)
            chain = (
                f"{fits} if v[0] == {name!r} else ({chain})"
                if chain != "False"
                else f"v[0] == {name!r} and {fits}"
            )
        return f"(type(v) is tuple or type(v) is list) and len(v) == 2 and ({chain})"

    def _all(self, element: ValType) -> str:
        match element:
            case Prim("bool"):
                return "BOOL.issuperset(map(type, v))"
            case Prim("string"):
                return "STR.issuperset(map(type, v)) and all(map(is_text, v))"
            case Prim("f64"):
                return "FLOAT.issuperset(map(type, v))"
            case Prim(name) if name in INT_RANGES:
                low, high = INT_RANGES[name]
                return f"INT.issuperset(map(type, v)) and (not v or ({low} <= min(v) and max(v) <= {high}))"
            case _:
                return f"all([{self.condition(element, 'x')} for x in v])"


def explain(type_: ValType, value: Any, path: str) -> None:
    """Find the first thing that does not fit.

    Args:
        path: of the value itself, for instance ``"args[0]"``.

    Raises:
        ValueMismatch: it does not fit.
    """
    match type_:
        case Prim(name):
            _explain_primitive(name, value, path)
        case ListType(Prim("u8"), length):
            if not isinstance(value, (bytes, bytearray, memoryview)):
                raise _mismatch(path, "bytes for list<u8>", value)
            _explain_length(length, memoryview(value).nbytes, path)
        case ListType(element, length):
            _explain_sequence(value, path, "a list")
            _explain_length(length, len(value), path)
            for index, item in enumerate(value):
                explain(element, item, f"{path}[{index}]")
        case TupleType(items):
            _explain_sequence(value, path, "a tuple")
            _explain_length(len(items), len(value), path)
            for index, (item_type, item) in enumerate(zip(items, value, strict=True)):
                explain(item_type, item, f"{path}[{index}]")
        case RecordType(fields):
            _explain_record(fields, value, path)
        case VariantType(cases):
            _explain_case(dict(cases), value, path)
        case ResultType(ok, err):
            _explain_case({"ok": ok, "err": err}, value, path)
        case EnumType(names):
            if not isinstance(value, str) or value not in names:
                raise ValueMismatch(path, f"one of {', '.join(names)}", _shown(value))
        case FlagsType(names):
            if isinstance(value, (str, bytes)) or not isinstance(value, Collection):
                raise _mismatch(path, "a set of names", value)
            for name in value:
                if name not in names:
                    raise ValueMismatch(path, f"names out of {', '.join(names)}", _shown(name))
        case OptionType(item):
            if value is not None and isinstance(item, OptionType):
                if not isinstance(value, Some):
                    raise _mismatch(path, "None or Some(...) for an option of an option", value)
                value = value.value
                explain(item, value, f"{path}.value")
            elif value is not None:
                explain(item, value, path)
        case OwnType(resource) | BorrowType(resource):
            if resource.interface is None and not holds(value, resource):
                raise _mismatch(path, f"a {resource.name} of this guest, not given away or dropped", value)
        case _:
            assert_never(type_)


def _explain_primitive(name: str, value: Any, path: str) -> None:
    if name in INT_RANGES:
        low, high = INT_RANGES[name]
        if not isinstance(value, int) or isinstance(value, bool):
            raise _mismatch(path, name, value)
        if not low <= value <= high:
            raise ValueMismatch(path, f"{name} ({low} to {high})", _shown(value))
    elif name == "bool":
        if not isinstance(value, bool):
            raise _mismatch(path, name, value)
    elif name in ("f32", "f64"):
        _explain_float(name, value, path)
    elif not isinstance(value, str):
        raise _mismatch(path, name, value)
    elif not is_text(value):
        raise ValueMismatch(path, f"{name} of Unicode scalar values", "a surrogate")
    elif name == "char" and len(value) != 1:
        raise ValueMismatch(path, "char", f"a string of {len(value)} characters")


def _explain_float(name: str, value: Any, path: str) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _mismatch(path, name, value)
    try:
        number = float(value)
    except OverflowError:
        raise ValueMismatch(path, f"{name} in its range", _shown(value)) from None
    if name == "f32" and F32_LIMIT <= abs(number) < float("inf"):
        raise ValueMismatch(path, "f32 in its range", _shown(value))


def _explain_sequence(value: Any, path: str, expected: str) -> None:
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes, bytearray, memoryview)):
        raise _mismatch(path, expected, value)


def _explain_length(expected: int | None, got: int, path: str) -> None:
    if expected is not None and got != expected:
        raise ValueMismatch(path, f"{expected} items", f"{got}")


def _explain_record(fields: tuple[tuple[str, ValType], ...], value: Any, path: str) -> None:
    if not isinstance(value, Mapping):
        raise _mismatch(path, "a dict of fields", value)
    for name, field in fields:
        if name not in value:
            raise ValueMismatch(f"{path}.{name}", "this field", "nothing")
        explain(field, value[name], f"{path}.{name}")
    known = {name for name, _ in fields}
    for name in value:
        if name not in known:
            raise ValueMismatch(
                f"{path}.{name}", f"one of the fields {', '.join(sorted(known))}", "another field"
            )


def _explain_case(cases: dict[str, ValType | None], value: Any, path: str) -> None:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise _mismatch(path, "a pair (case, payload)", value)
    name, payload = value
    if not isinstance(name, str) or name not in cases:
        raise ValueMismatch(path, f"case {' or '.join(cases)}", _shown(name))
    item = cases[name]
    if item is not None:
        explain(item, payload, f"{path}.{name}")
    elif payload is not None:
        raise _mismatch(f"{path}.{name}", "no payload (None)", payload)


def _mismatch(path: str, expected: str, value: object) -> ValueMismatch:
    """A value of another kind."""
    return ValueMismatch(path, expected, "None" if value is None else type(value).__name__)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
