"""Agent types as the host works with them, read from what a guest says of itself.

Reading compiles everything that values of the type will need, so that a description that contradicts itself
is found at deploy and an invocation only runs what is prepared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from shem.agent.element import Element, element
from shem.agent.mismatch import Mismatch
from shem.agent.types import Defaulted, ElementSchema, UnstructuredBinary, UnstructuredText
from shem.agent.wit_type import read_wit_type
from shem.errors import BadComponent
from shem.views import AgentTypeView, MethodView, ParameterView


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A named part of a ``DataSchema``; ``default`` (JSON) only counts where ``required`` is false."""

    name: str
    type: ElementSchema
    required: bool
    default: Any
    element: Element

    def view(self) -> ParameterView:
        return ParameterView(self.name, self.type.text, self.required, self.default)


@dataclass(frozen=True, slots=True, eq=False)
class DataSchema:
    """What an invocation takes, or gives.

    Attributes:
        parameters: in order; of a multimodal schema, the kinds of parts that its list may have.
        multimodal: whether this is the contract's ``multimodal``.
    """

    parameters: tuple[Parameter, ...]
    multimodal: bool

    @property
    def text(self) -> str | None:
        """The type of a result of this schema, for people; None where nothing comes back."""
        texts = [parameter.type.text for parameter in self.parameters]
        if self.multimodal:
            return f"list[{' | '.join(texts)}]"
        if len(texts) > 1:
            return f"tuple[{', '.join(texts)}]"
        return texts[0] if texts else None


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    name: str
    description: str
    input: DataSchema
    output: DataSchema

    def view(self) -> MethodView:
        parameters = [parameter.view() for parameter in self.input.parameters]
        return MethodView(self.name, self.description, parameters, self.output.text)


@dataclass(frozen=True, slots=True, eq=False)
class AgentType:
    """An agent type, as a version of a component defines it.

    Attributes:
        mode: ``durable`` or ``ephemeral``.
        constructor: its values make the agent id.
        methods: by name.
        value: the contract's ``agent-type`` that it was read from.
    """

    name: str
    description: str
    mode: str
    constructor: DataSchema
    methods: dict[str, Method]
    value: dict[str, Any]

    @classmethod
    def from_value(cls, value: dict[str, Any]) -> AgentType:
        """Read the contract's ``agent-type``.

        Raises:
            BadComponent: the description contradicts itself; the message names the method and the parameter.
        """
        name = value["type-name"]
        if not is_type_name(name):
            raise BadComponent(f"{json.dumps(name)} cannot be the name of an agent type: it is no identifier")
        where = f"agent type {name}"
        methods = [_read_method(method, where) for method in value["methods"]]
        _check_distinct(where, "method", [method.name for method in methods])
        parameters = value["constructor"]["input-schema"]
        return cls(
            name=name,
            description=value["description"],
            mode=value["mode"],
            constructor=read_data_schema(parameters, f"{where}, constructor", identity=True),
            methods={method.name: method for method in methods},
            value=value,
        )

    @classmethod
    def from_stored(cls, stored: Any) -> AgentType:
        """What ``to_stored`` gave, after JSON."""
        return cls.from_value(stored)

    def to_stored(self) -> Any:
        """What to store of it: JSON-compatible."""
        return self.value

    def view(self, component: str, version: int) -> AgentTypeView:
        """What users see; ``component`` is the name of the component that defines it."""
        return AgentTypeView(
            name=self.name,
            description=self.description,
            mode=self.mode,
            component=component,
            version=version,
            constructor=[parameter.view() for parameter in self.constructor.parameters],
            methods=[method.view() for method in self.methods.values()],
        )


def read_agent_types(values: Iterable[dict[str, Any]]) -> dict[str, AgentType]:
    """The agent types that a component's ``discover-agent-types`` gave, by name.

    Raises:
        BadComponent: one of them is broken, or two have the same name.
    """
    types = [AgentType.from_value(value) for value in values]
    _check_distinct("the component", "agent type", [agent_type.name for agent_type in types])
    return {agent_type.name: agent_type for agent_type in types}


def is_type_name(name: str) -> bool:
    """Whether an agent type may be called so: an identifier, where hyphens count as underscores."""
    return name.replace("-", "_").isidentifier() and not name.startswith("-")


def read_data_schema(value: Sequence[Any], where: str, *, identity: bool = False) -> DataSchema:
    """A ``data-schema``.

    Args:
        value: the contract's value.
        where: what it belongs to, for messages: ``agent type Counter, method increment``.
        identity: whether its values make an agent id: equal values are then written in one way only, and
            what may be left out must have a default that the host knows.

    Raises:
        BadComponent: a type is broken, a default does not fit, or two parameters have the same name.
    """
    kind, elements = value
    _check_distinct(where, "parameter", [name for name, _ in elements])
    parameters = tuple(
        _read_parameter(name, description, f"{where}, parameter {name}", identity)
        for name, description in elements
    )
    return DataSchema(parameters, multimodal=kind == "multimodal")


def _read_parameter(name: str, description: Sequence[Any], where: str, identity: bool) -> Parameter:
    schema = _read_element_schema(description, where)
    try:
        compiled = element(schema, identity=identity)
    except Mismatch as mismatch:
        raise BadComponent(f"{where}: a default does not fit: {mismatch}", where=where) from None
    default = schema.default if isinstance(schema, Defaulted) and compiled.absent else None
    return Parameter(name, schema, required=compiled.absent is None, default=default, element=compiled)


def _read_element_schema(value: Sequence[Any], where: str) -> ElementSchema:
    kind, payload = value
    if kind == "component-model":
        return read_wit_type(payload, where)
    restrictions = payload["restrictions"] or ()
    if kind == "unstructured-text":
        return UnstructuredText("text", tuple(text["language-code"] for text in restrictions))
    return UnstructuredBinary("binary", tuple(binary["mime-type"] for binary in restrictions))


def _read_method(value: dict[str, Any], where: str) -> Method:
    name = value["name"]
    if not name:
        raise BadComponent(f"{where} has a method without a name", where=where)
    where = f"{where}, method {name}"
    return Method(
        name=name,
        description=value["description"],
        input=read_data_schema(value["input-schema"], where),
        output=read_data_schema(value["output-schema"], f"{where}, result"),
    )


def _check_distinct(where: str, what: str, names: Sequence[str]) -> None:
    for position, name in enumerate(names):
        if name in names[:position]:
            raise BadComponent(f"{where} has two {what}s {json.dumps(name)}", where=where)
