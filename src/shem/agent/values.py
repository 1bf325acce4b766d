"""JSON, as callers write it, and the contract's ``data-value``, as guests take it.

Such values are the arguments of a method, its result, and the errors of an agent.

A value that does not fit names its path, what was expected and what came: ``args.by: expected int, got "x"``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from shem.agent.element import ElementValue
from shem.agent.mismatch import Mismatch, shown
from shem.agent.schema import AgentType, DataSchema, Method, Parameter
from shem.agent.wit_to_json import Readers, read_value
from shem.agent.wit_type import read_wit_type
from shem.errors import AgentError, BadComponent, BadInput, NotFound

DataValue: TypeAlias = tuple[str, Any]


def method_of(agent_type: AgentType, name: str) -> Method:
    """Raises ``NotFound``, with the methods that there are."""
    method = agent_type.methods.get(name)
    if method is None:
        known = ", ".join(agent_type.methods) or "none"
        raise NotFound(f"{agent_type.name} has no method {shown(name)}", hint=f"Its methods: {known}.")
    return method


def arguments(agent_type: AgentType, method: str, args: Sequence[Any] | Mapping[str, Any]) -> DataValue:
    """The data-value of a method's arguments, given by position or by name.

    Raises:
        NotFound: there is no such method.
        BadInput: the arguments do not fit; ``details`` has ``path``, ``expected`` and ``got``.
    """
    return to_data_value(method_of(agent_type, method).input, args)


def result(agent_type: AgentType, method: str, value: DataValue) -> Any:
    """The JSON of what a method gave.

    Raises:
        NotFound: there is no such method.
        AgentError: the value is not what the agent type promises.
    """
    output = method_of(agent_type, method).output
    try:
        read = to_json(output, value)
    except Mismatch as mismatch:
        raise AgentError(
            f"{agent_type.name}.{method} gave a value that does not fit its type: result{mismatch}",
            kind="invalid-result",
            path=f"result{mismatch.path}",
            expected=mismatch.expected,
            got=mismatch.got,
        ) from None
    if output.multimodal or len(read) > 1:
        return read
    return read[0] if read else None


def to_data_value(
    schema: DataSchema, args: Sequence[Any] | Mapping[str, Any], *, root: str = "args"
) -> DataValue:
    """The data-value of JSON values for a schema.

    Args:
        args: by position, or by name; of a multimodal schema, an array of parts {"kind": value}.
        root: what the values are called in messages.

    Raises:
        BadInput: they do not fit.
    """
    try:
        if schema.multimodal:
            return "multimodal", _parts(schema, args)
        if isinstance(args, Mapping):
            return "tuple", _named(schema.parameters, args)
        return "tuple", _positional(schema.parameters, args)
    except Mismatch as mismatch:
        path = root + mismatch.path
        raise BadInput(
            f"{path}: expected {mismatch.expected}, got {mismatch.got}",
            path=path,
            expected=mismatch.expected,
            got=mismatch.got,
        ) from None


def to_json(schema: DataSchema, value: DataValue) -> list[Any]:
    """The JSON values of a data-value, in the order of the schema; of a multimodal one, the parts.

    Raises:
        Mismatch: the value does not fit the schema.
    """
    kind, elements = value
    if (kind == "multimodal") is not schema.multimodal:
        raise Mismatch("multimodal" if schema.multimodal else "tuple", kind)
    if schema.multimodal:
        return [_read_part(schema, *part) for part in elements]
    if len(elements) != len(schema.parameters):
        raise Mismatch(_count(len(schema.parameters), "value"), str(len(elements)))
    return [
        parameter.element.read(element)
        for parameter, element in zip(schema.parameters, elements, strict=True)
    ]


def agent_error(value: tuple[str, Any], agent: str) -> AgentError:
    """The contract's ``agent-error`` as what the caller gets.

    A record with ``type`` and ``message`` (what ``shem_sdk`` makes of an exception) becomes one sentence;
    its other fields, ``traceback``, ``file`` and ``line``, are details. Any other custom error is shown as
    JSON.

    Args:
        value: the error.
        agent: the agent's id, for the message.
    """
    kind, payload = value
    if kind != "custom-error":
        return AgentError(f"{agent} refused: {payload}", kind=kind)
    try:
        schema = read_wit_type(payload["typ"], "the error")
        error = read_value(Readers().of(schema), payload["value"])
    except (BadComponent, Mismatch) as fault:
        return AgentError(f"{agent} gave an error that cannot be read: {fault}", kind=kind)
    if isinstance(error, dict) and {"type", "message"} <= error.keys():
        details = {name: field for name, field in error.items() if name in _DETAILS and field is not None}
        return AgentError(f"{error['type']}: {error['message']}", kind=kind, **details)
    sentence = error if isinstance(error, str) else f"{agent} refused: {shown(error)}"
    return AgentError(sentence, kind=kind, error=error)


_DETAILS = frozenset({"type", "traceback", "file", "line"})


def _positional(parameters: Sequence[Parameter], args: Sequence[Any]) -> list[ElementValue]:
    if not isinstance(args, list | tuple):
        raise Mismatch("an array or an object of arguments", shown(args))
    if len(args) > len(parameters):
        raise Mismatch(_signature(parameters), _count(len(args), "argument"))
    elements = []
    for position, value in enumerate(args):
        try:
            elements.append(parameters[position].element.write(value))
        except Mismatch as mismatch:
            raise mismatch.inside(position) from None
    for parameter in parameters[len(args) :]:
        elements.append(_left_out(parameter, len(elements)))
    return elements


def _named(parameters: Sequence[Parameter], args: Mapping[str, Any]) -> list[ElementValue]:
    known = {parameter.name for parameter in parameters}
    for name in args:
        if name not in known:
            raise Mismatch(_signature(parameters), f"an argument {shown(name)}")
    elements = []
    for parameter in parameters:
        if parameter.name not in args:
            elements.append(_left_out(parameter, parameter.name))
            continue
        try:
            elements.append(parameter.element.write(args[parameter.name]))
        except Mismatch as mismatch:
            raise mismatch.inside(parameter.name) from None
    return elements


def _left_out(parameter: Parameter, step: int | str) -> ElementValue:
    if parameter.element.absent is None:
        name = f" ({parameter.name})" if isinstance(step, int) else ""
        raise Mismatch(f"{parameter.type.text}{name}", "nothing").inside(step)
    return parameter.element.absent()


def _parts(schema: DataSchema, args: Any) -> list[tuple[str, ElementValue]]:
    kinds = {parameter.name: parameter for parameter in schema.parameters}
    if not isinstance(args, list | tuple):
        raise Mismatch("an array of parts", shown(args))
    parts = []
    for position, part in enumerate(args):
        if not isinstance(part, Mapping) or len(part) != 1 or (name := next(iter(part))) not in kinds:
            allowed = " or ".join(f'{{"{name}": ...}}' for name in kinds)
            raise Mismatch(allowed, shown(part)).inside(position)
        try:
            parts.append((name, kinds[name].element.write(part[name])))
        except Mismatch as mismatch:
            raise mismatch.inside(name).inside(position) from None
    return parts


def _read_part(schema: DataSchema, name: str, element: ElementValue) -> dict[str, Any]:
    for parameter in schema.parameters:
        if parameter.name == name:
            return {name: parameter.element.read(element)}
    raise Mismatch(" or ".join(parameter.name for parameter in schema.parameters), shown(name))


def _signature(parameters: Sequence[Parameter]) -> str:
    if not parameters:
        return "no arguments"
    names = ", ".join(f"{parameter.name}: {parameter.type.text}" for parameter in parameters)
    return f"{_count(len(parameters), 'argument')} ({names})"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
