"""Components that know nothing of agents: what they export becomes the methods of one agent type.

The type is named after the component (``type_name``), its constructor takes a ``name``, and its state is
what the instance keeps in its memory. Each function is a method, called

- by its own name at the root level, and in an interface where no other function has that name;
- else ``interface.function``, by the interface's last name: ``ops.add`` for ``docs:calc/ops@0.1.0``;
- else, where two interfaces share that as well, ``docs:calc/ops@0.1.0#add``.

Functions that take or return resources are left out, because handles mean nothing outside of an instance,
and so is what the platform itself calls (``golem:``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from shem.errors import BadComponent
from shem.golem.contract import GUEST
from shem.golem.guest import DataValue, Result
from shem.golem.type_nodes import HoldsResource, wit_type
from shem.golem.value_nodes import Unfit, from_wit_value, to_wit_value
from shem.wasm.errors import ValueMismatch
from shem.wasm.instance import Instance
from shem.wasm.types import FuncType, Prim, ValType

DataSchema: TypeAlias = tuple[str, Any]

_PLATFORM: Final = "golem:"
_LEFT_OVER: Final = ("exports", "init")
"""What componentize-py calls when it builds a component; calling it again would break the interpreter."""

_CONSTRUCTOR: Final = (("name", Prim("string")),)


@dataclass(frozen=True, slots=True)
class Function:
    """An exported function; ``input`` and ``output`` are the contract's ``data-schema`` of its type."""

    interface: str
    name: str
    type: FuncType
    input: DataSchema
    output: DataSchema

    @property
    def full_name(self) -> str:
        return _full_name(self.interface, self.name)


class PlainGuest:
    """A component as one agent type; see the head of this file.

    Args:
        component: its name in its environment.
        exports: its functions, by interface (``""`` for the root level) and name.

    Raises:
        BadComponent: it exports no function that can be a method, or its name gives no name for a type.
    """

    def __init__(self, component: str, exports: Mapping[str, Mapping[str, FuncType]]) -> None:
        functions, left_out = _offered(exports)
        if not functions:
            raise _nothing_to_offer(left_out)
        self._methods = _named(functions)
        self._agent_type = _agent_type(component, self._methods, left_out)

    def discover(self, instance: Instance) -> Result:
        return "ok", [self._agent_type]

    def initialize(self, instance: Instance, agent_type: str, parameters: DataValue) -> Result:
        return "ok", None

    def invoke(self, instance: Instance, method: str, arguments: DataValue) -> Result:
        function = self._methods.get(method)
        if function is None:
            return "err", ("invalid-method", method)
        try:
            result = instance.call(function.interface, function.name, *_arguments(function.type, arguments))
        except (Unfit, ValueMismatch) as error:
            if instance.poisoned:  # the mismatch is not one of the arguments: the guest was running already
                raise
            return "err", ("invalid-input", str(error))
        return "ok", _data_value(function.type.result, result)


def type_name(component: str) -> str:
    """The name of the agent type of a component: its words, each with a capital letter.

    ``shop-cart.v2`` is ``ShopCartV2``.

    Raises:
        BadComponent: it begins with a digit, which no type does.
    """
    name = "".join(word[0].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", component) if word)
    if not name.isidentifier():
        raise BadComponent(
            f"the component's agent type would be called {name!r}, which is no name for a type",
            hint="It is called after the component: choose a name that begins with a letter.",
        )
    return name


def _offered(exports: Mapping[str, Mapping[str, FuncType]]) -> tuple[list[Function], list[str]]:
    """The functions that can be methods, and the full names of the others."""
    functions: list[Function] = []
    left_out: list[str] = []
    for interface, name, type_ in _exported(exports):
        result = () if type_.result is None else (("return-value", type_.result),)
        try:
            functions.append(Function(interface, name, type_, _schema(type_.params), _schema(result)))
        except HoldsResource:
            left_out.append(_full_name(interface, name))
    return functions, left_out


def _exported(exports: Mapping[str, Mapping[str, FuncType]]) -> Iterator[tuple[str, str, FuncType]]:
    for interface, functions in exports.items():
        if interface.startswith(_PLATFORM):
            continue
        for name, type_ in functions.items():
            if (interface, name) != _LEFT_OVER:
                yield interface, name, type_


def _named(functions: Sequence[Function]) -> dict[str, Function]:
    """The functions by the names of their methods, in the order of the component."""
    short = Counter(function.name for function in functions)
    longer = Counter(_with_interface(function) for function in functions)
    methods = {}
    for function in functions:
        name = function.full_name
        if not function.interface or short[function.name] == 1:
            name = function.name
        elif longer[_with_interface(function)] == 1:
            name = _with_interface(function)
        methods[name] = function
    return methods


def _with_interface(function: Function) -> str:
    interface, _, _ = function.interface.rpartition("/")[2].partition("@")
    return f"{interface}.{function.name}"


def _full_name(interface: str, name: str) -> str:
    return f"{interface}#{name}" if interface else name


def _nothing_to_offer(left_out: Sequence[str]) -> BadComponent:
    hint = f"Export functions of plain values, or build it with an SDK that speaks {GUEST}."
    if left_out:
        names = ", ".join(left_out)
        return BadComponent(f"all functions of the component take or return resources: {names}", hint=hint)
    return BadComponent("the component exports no functions", hint=hint)


def _agent_type(component: str, methods: Mapping[str, Function], left_out: Sequence[str]) -> dict[str, Any]:
    """The contract's ``agent-type``."""
    description = f"The functions of component {component}."
    if left_out:
        description += f"\nLeft out, because they take or return resources: {', '.join(left_out)}."
    return {
        "type-name": type_name(component),
        "description": description,
        "source-language": "wit",
        "constructor": {
            "name": None,
            "description": "",
            "prompt-hint": None,
            "input-schema": _schema(_CONSTRUCTOR),
        },
        "methods": [
            {
                "name": name,
                "description": function.full_name if name != function.full_name else "",
                "http-endpoint": [],
                "prompt-hint": None,
                "input-schema": function.input,
                "output-schema": function.output,
            }
            for name, function in methods.items()
        ],
        "dependencies": [],
        "mode": "durable",
        "http-mount": None,
        "snapshotting": ("disabled", None),
        "config": [],
    }


def _schema(parameters: Sequence[tuple[str, ValType]]) -> DataSchema:
    """The ``data-schema`` of named types."""
    return "tuple", [(name, ("component-model", wit_type(type_))) for name, type_ in parameters]


def _arguments(type_: FuncType, value: DataValue) -> Iterator[Any]:
    """The arguments in a ``data-value``.

    Raises:
        Unfit: they are not those of the function.
    """
    kind, elements = value
    if kind != "tuple" or len(elements) != len(type_.params):
        raise Unfit(f"expected {len(type_.params)} arguments, got a {kind} of {len(elements)}")
    for position, ((_, parameter), (case, element)) in enumerate(zip(type_.params, elements, strict=True)):
        if case != "component-model":
            raise Unfit(f"args[{position}]: expected a value, got {case}")
        try:
            argument = from_wit_value(parameter, element)
        except Unfit as unfit:
            raise Unfit(f"args[{position}]: {unfit}") from None
        yield argument


def _data_value(type_: ValType | None, result: Any) -> DataValue:
    return "tuple", [] if type_ is None else [("component-model", to_wit_value(type_, result))]
