"""Operations of agents, ready to be called with values from outside."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import Any

from shem_sdk.decode import Decoders
from shem_sdk.definition import Definition, InvalidAgent, Operation
from shem_sdk.encode import Encoders
from shem_sdk.shapes import NONE
from shem_sdk.values import LEFT_OUT, Mismatch

Finish = Callable[[Coroutine[Any, Any, Any]], Any]
"""Runs a coroutine to its end."""


class WrongResult(InvalidAgent):
    """A method returned something else than its annotation says."""


class Call:
    """One operation with its decoders and its encoder, made once.

    Args:
        types: the module of node classes (see ``schema``).
    """

    def __init__(self, types: Any, definition: Definition, operation: Operation) -> None:
        decoders = Decoders(types)
        self.operation = operation
        self._place = f"{definition.python.__name__}.{operation.name}"
        self._definition = definition
        self._types = types
        self._parameters = [
            (p.name, decoders.of_field(p), operation.defaults.get(p.name)) for p in operation.parameters
        ]
        self._names = tuple(p.name for p in operation.parameters)
        self._positional = operation.positional
        self._encode = None if operation.result == NONE else Encoders(types).of(operation.result)

    def arguments(self, data: Any) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments from a ``data-value``.

        Raises:
            Mismatch: the values do not fit the parameters; the path begins with the parameter's name.
        """
        if type(data) is not self._types.DataValue_Tuple:
            raise Mismatch("a value for each parameter", type(data).__name__).inside(self._place)
        elements = data.value
        if len(elements) != len(self._parameters):
            expected = f"{len(self._parameters)} arguments ({', '.join(self._names)})"
            raise Mismatch(expected, str(len(elements))).inside(self._place)
        values: list[Any] = []
        element_kind = self._types.ElementValue_ComponentModel
        for (name, decode, default), element in zip(self._parameters, elements, strict=True):
            if type(element) is not element_kind:
                raise Mismatch("a value of the component model", type(element).__name__).inside(name)
            nodes = element.value.nodes
            try:
                value = decode(nodes, nodes[0])
            except Mismatch as mismatch:
                raise mismatch.inside(name) from None
            values.append(default if value is LEFT_OUT else value)
        if self._positional == len(values):
            return values, {}
        by_name = dict(zip(self._names[self._positional :], values[self._positional :], strict=True))
        return values[: self._positional], by_name

    def run(self, function: Callable[..., Any], data: Any, finish: Finish) -> Any:
        """Call ``function`` with the values of a ``data-value`` and give its result as one.

        Raises:
            Mismatch: the values do not fit.
            WrongResult: the result does not.
            BaseException: whatever the function raises.
        """
        positional, by_name = self.arguments(data)
        result = function(*positional, **by_name)
        if type(result) is CoroutineType:
            result = finish(result)
        return self._data_value(result)

    def _data_value(self, result: Any) -> Any:
        t = self._types
        if self._encode is None:
            if result is not None:
                raise self._wrong(Mismatch("None", type(result).__name__))
            return t.DataValue_Tuple([])
        nodes: list[Any] = []
        try:
            self._encode(nodes, result)
        except Mismatch as mismatch:
            raise self._wrong(mismatch) from None
        return t.DataValue_Tuple([t.ElementValue_ComponentModel(t.WitValue(nodes))])

    def _wrong(self, mismatch: Mismatch) -> WrongResult:
        function = self.operation.function
        file, line = self._definition.file, self._definition.line
        if function is not None:
            file, line = function.__code__.co_filename, function.__code__.co_firstlineno
        return WrongResult(f"{self._place}: {mismatch.inside('the result')}", file, line)
