"""From Python annotations to shapes: the closed set of types that can cross an agent's border.

    bool, int, float, str, bytes        as they are; int is 64 bits wide, signed
    None                                nothing
    Decimal, datetime, UUID             text
    list[T], set[T], frozenset[T]       list; tuple[T, ...] too
    tuple[A, B]                         tuple
    dict[K, V]                          list of pairs
    Optional[T], Union[A, B]            option, variant
    Literal["a", 1], Enum               enum
    dataclass, NamedTuple, TypedDict    record
    Annotated[T, "text"]                T; the text documents the parameter or the field

What is not in the list is refused here, with the path of the annotation, before any value exists.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, NoReturn, get_args, get_origin

from shem_sdk.natural import default_text
from shem_sdk.shapes import (
    PYTHON_SCALARS,
    DictOf,
    EnumOf,
    Field,
    ListOf,
    OptionOf,
    RecordOf,
    Scalar,
    ScalarName,
    Shape,
    TupleOf,
    UnionOf,
)


class Refused(TypeError):
    """An annotation that cannot cross the border; the message names where it stands."""


_SCALARS: Mapping[object, ScalarName] = {python: name for name, python in PYTHON_SCALARS.items()} | {
    None: "None"
}
_HINTS: Mapping[object, str] = {
    list: "say what is in it: list[int]",
    tuple: "say what is in it: tuple[int, str]",
    set: "say what is in it: set[int]",
    frozenset: "say what is in it: frozenset[int]",
    dict: "say what is in it: dict[str, int]",
    Any: "name the type",
    object: "name the type",
}
_UNION_ORIGINS = (typing.Union, types.UnionType)
_LIST_ORIGINS = (list, set, frozenset)


def shape_of(annotation: object, path: str) -> Shape:
    """The shape of a resolved annotation (no strings in it, as ``typing.get_type_hints`` gives it).

    Args:
        path: where the annotation stands, for messages: ``"parameter 'by'"``.

    Raises:
        Refused: a type that cannot cross the border.
    """
    return _Reader().read(annotation, path)


def field_of(name: str, annotation: object, path: str, default: object = dataclasses.MISSING) -> Field:
    """The field or parameter ``name`` with its annotation and default value."""
    return _Reader().field(name, annotation, path, default)


class _Reader:
    """Remembers which classes it is inside of, since a record that holds itself has no finite type."""

    def __init__(self) -> None:
        self._inside: list[type] = []

    def read(self, annotation: object, path: str) -> Shape:
        if _is_hashable(annotation) and annotation in _SCALARS:
            return Scalar(_SCALARS[annotation])
        origin = get_origin(annotation)
        arguments = get_args(annotation)
        if origin is typing.Annotated or origin in (typing.Required, typing.NotRequired):
            return self.read(arguments[0], path)
        if origin in _UNION_ORIGINS:
            return self._union(arguments, path)
        if origin is Literal:
            return _literal(arguments, path)
        if origin in _LIST_ORIGINS:
            item = self.read(arguments[0], f"{path}[...]")
            if origin is not list:
                _need_hashable(item, path, "an item of a set")
            return ListOf(item, typing.cast(type, origin))
        if origin is tuple:
            return self._tuple(arguments, path)
        if origin is dict:
            key = self.read(arguments[0], f"{path} (key)")
            _need_hashable(key, path, "a key of a dict")
            return DictOf(key, self.read(arguments[1], f"{path}[...]"))
        if isinstance(annotation, typing.NewType):
            return self.read(annotation.__supertype__, path)
        if type(annotation).__name__ == "TypeAliasType":  # `type X = ...`, which Python 3.11 does not have
            return self.read(annotation.__value__, path)  # type: ignore[attr-defined]  # checked by name above
        if isinstance(annotation, type) and origin is None:
            return self._class(annotation, path)
        return _refuse(annotation, path)

    def field(self, name: str, annotation: object, path: str, default: object) -> Field:
        shape = self.read(annotation, path)
        description = _documentation(annotation)
        if default is dataclasses.MISSING:
            return Field(name, shape, description=description)
        return Field(
            name, shape, optional=True, default=default_text(shape, default), description=description
        )

    def _union(self, arguments: tuple[object, ...], path: str) -> Shape:
        members = [a for a in arguments if a is not type(None)]
        if len(members) == 1:
            item: Shape = self.read(members[0], path)
        else:
            item = self._variant(members, path)
        return OptionOf(item) if len(members) < len(arguments) else item

    def _variant(self, members: list[object], path: str) -> UnionOf:
        shapes = tuple(self.read(member, path) for member in members)
        names = [_case_name(member) for member in members]
        unique = tuple(n if names.count(n) == 1 else f"{n}-{i}" for i, n in enumerate(names))
        classes = [_python_class(shape) for shape in shapes]
        own = tuple(c if c is not None and classes.count(c) == 1 else None for c in classes)
        return UnionOf(unique, shapes, own)

    def _tuple(self, arguments: tuple[object, ...], path: str) -> Shape:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return ListOf(self.read(arguments[0], f"{path}[...]"), tuple)
        return TupleOf(tuple(self.read(a, f"{path}[{i}]") for i, a in enumerate(arguments)))

    def _class(self, cls: type, path: str) -> Shape:
        if issubclass(cls, enum.Enum):
            return _enum(cls, path)
        is_tuple = issubclass(cls, tuple) and hasattr(cls, "_fields")
        if not (dataclasses.is_dataclass(cls) or is_tuple or typing.is_typeddict(cls)):
            return _refuse(cls, path)
        if cls in self._inside:
            raise Refused(f"{path}: {cls.__name__} contains itself, and such a type has no end")
        self._inside.append(cls)
        try:
            return self._record(cls, path)
        finally:
            self._inside.pop()

    def _record(self, cls: type, path: str) -> RecordOf:
        try:
            hints = typing.get_type_hints(cls, include_extras=True)
        except NameError as error:
            raise Refused(f"{path}: an annotation of {cls.__name__} does not resolve: {error}") from error
        defaults = _defaults(cls, hints, path)
        fields = []
        for name, default in defaults.items():
            known = dataclasses.MISSING if default is _UNKNOWN else default
            field = self.field(name, hints[name], f"{path}: {cls.__name__}.{name}", known)
            fields.append(dataclasses.replace(field, optional=True) if default is _UNKNOWN else field)
        return RecordOf(cls, tuple(fields), "dict" if typing.is_typeddict(cls) else "object")


_UNKNOWN = object()
"""The default of a field that may be left out, but whose value only running code can tell."""


def _defaults(cls: type, hints: Mapping[str, object], path: str) -> dict[str, object]:
    """The fields that make up a value, in order, each with its default: a value, MISSING, or _UNKNOWN."""
    if dataclasses.is_dataclass(cls):
        for name, hint in hints.items():
            if isinstance(hint, dataclasses.InitVar):
                raise Refused(
                    f"{path}: {cls.__name__}.{name} is an InitVar, which a finished value no longer has"
                )
        return {
            f.name: f.default if f.default_factory is dataclasses.MISSING else _UNKNOWN
            for f in dataclasses.fields(cls)
            if f.init
        }
    if typing.is_typeddict(cls):
        required = _required_keys(cls, hints)
        return {name: dataclasses.MISSING if name in required else _UNKNOWN for name in hints}
    if set(cls._fields) - hints.keys():  # type: ignore[attr-defined]  # a namedtuple by the caller's check
        raise Refused(f"{path}: {cls.__name__} has fields without types; derive it from typing.NamedTuple")
    declared = cls._field_defaults  # type: ignore[attr-defined]  # a namedtuple by the caller's check
    return {name: declared.get(name, dataclasses.MISSING) for name in hints}


def _required_keys(cls: type, hints: Mapping[str, object]) -> set[str]:
    """``__required_keys__`` misreads NotRequired where annotations are strings; the resolved hints do not."""
    required = set(cls.__required_keys__)  # type: ignore[attr-defined]  # a TypedDict by the caller's check
    for name, hint in hints.items():
        while get_origin(hint) is typing.Annotated:
            hint = get_args(hint)[0]
        if get_origin(hint) is typing.NotRequired:
            required.discard(name)
        elif get_origin(hint) is typing.Required:
            required.add(name)
    return required


def _enum(cls: type[enum.Enum], path: str) -> EnumOf:
    if issubclass(cls, enum.Flag):
        raise Refused(
            f"{path}: {cls.__name__} is a Flag, whose combinations have no names; use set[...] of an Enum"
        )
    if not len(cls):
        raise Refused(f"{path}: {cls.__name__} has no members")
    return EnumOf(tuple(m.name for m in cls), tuple(cls), cls)


def _literal(values: tuple[object, ...], path: str) -> EnumOf:
    for value in values:
        if type(value) not in (str, int, bool, type(None)):
            raise Refused(f"{path}: Literal[{value!r}] cannot cross the border; text, numbers and bools can")
    return EnumOf(tuple(json.dumps(v, ensure_ascii=False) for v in values), values, None)


def _need_hashable(shape: Shape, path: str, role: str) -> None:
    match shape:
        case ListOf(python=python) | RecordOf(python=python):
            fits = python not in (list, set) and getattr(python, "__hash__", None) is not None
        case DictOf():
            fits = False
        case _:
            fits = True
    if not fits:
        raise Refused(f"{path}: {role} must be hashable")


def _refuse(annotation: object, path: str) -> NoReturn:
    name = annotation.__qualname__ if isinstance(annotation, type) else str(annotation)
    hint = _HINTS.get(annotation) if _is_hashable(annotation) else None
    raise Refused(f"{path}: {name} cannot cross the border of an agent" + (f"; {hint}" if hint else ""))


def _is_hashable(annotation: object) -> bool:
    """Annotated and Literal hash what they hold, which may be anything."""
    try:
        hash(annotation)
    except TypeError:
        return False
    return True


def _case_name(member: object) -> str:
    origin = get_origin(member)
    if origin is typing.Annotated:
        return _case_name(get_args(member)[0])
    name = getattr(member if origin is None else origin, "__name__", "case")
    return str(name)


def _python_class(shape: Shape) -> type | None:
    """The one class that all values of the shape have, None where there is no such class."""
    match shape:
        case Scalar(name):
            return PYTHON_SCALARS[name]
        case ListOf(python=python) | RecordOf(python=python, kind="object"):
            return python
        case TupleOf():
            return tuple
        case DictOf() | RecordOf():
            return dict
        case EnumOf(python=python):
            return python
        case OptionOf() | UnionOf():
            return None


def _documentation(annotation: object) -> str:
    """The texts of an ``Annotated``: strings, and objects with ``documentation`` such as ``Doc("...")``."""
    if get_origin(annotation) is not typing.Annotated:
        return ""
    texts = (m if isinstance(m, str) else getattr(m, "documentation", None) for m in get_args(annotation)[1:])
    return " ".join(text.strip() for text in texts if isinstance(text, str))
