"""Agent types for people."""

from __future__ import annotations

from shem.agent.schema import AgentType, DataSchema
from shem.views import AgentTypeView, MethodView, ParameterView


def type_view(agent_type: AgentType, component: str, version: int) -> AgentTypeView:
    """An agent type of one version of the component with that name."""
    return AgentTypeView(
        name=agent_type.name,
        description=agent_type.description,
        mode=agent_type.mode,
        component=component,
        version=version,
        constructor=_parameters(agent_type.constructor),
        methods=[
            MethodView(method.name, method.description, _parameters(method.input), method.result)
            for method in agent_type.methods.values()
        ],
    )


def _parameters(schema: DataSchema) -> list[ParameterView]:
    return [
        ParameterView(parameter.name, parameter.text, parameter.required, parameter.default)
        for parameter in schema.parameters
    ]
