"""The guest side of ``golem:agent/guest@1.5.0``: what the host calls in a component that speaks Golem's contract.

Values are those of ``shem.wasm.types``: a ``data-value`` is ``("tuple", [("component-model", {"nodes":
[...]}), ...])``."""

from __future__ import annotations

from typing import Any, TypeAlias

from shem.wasm.instance import Instance

GUEST = "golem:agent/guest@1.5.0"

DataValue: TypeAlias = tuple[str, Any]
AgentErrorValue: TypeAlias = tuple[str, Any]
Result: TypeAlias = tuple[str, Any]
"""``("ok", value)`` or ``("err", agent-error)``."""

ANONYMOUS = ("anonymous", None)
"""The principal of an invocation whose caller did not say who it is."""


def discover_agent_types(instance: Instance) -> Result:
    """Ask for the agent types: ``("ok", [agent-type, ...])``; for Python this imports the user's modules."""
    return _result(instance.call(GUEST, "discover-agent-types"))


def initialize(instance: Instance, agent_type: str, parameters: DataValue) -> Result:
    """Run the constructor; ``("ok", None)`` on success."""
    return _result(instance.call(GUEST, "initialize", agent_type, parameters, ANONYMOUS))


def invoke(instance: Instance, method: str, arguments: DataValue) -> Result:
    """Run a method: ``("ok", data-value)`` or ``("err", agent-error)``."""
    return _result(instance.call(GUEST, "invoke", method, arguments, ANONYMOUS))


def _result(value: Any) -> Result:
    tag, payload = value
    return tag, payload
