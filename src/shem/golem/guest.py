"""What the host calls in a guest: the words, and the ways that there are.

Values are those of ``shem.wasm.types`` for the types of ``golem:core/types@1.5.0``: a ``data-value`` is
``("tuple", [("component-model", {"nodes": [...]}), ...])``. They are recorded and may come back from a
record, so tuples may be lists.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from shem.wasm.instance import Instance

DataValue: TypeAlias = tuple[str, Any]
AgentErrorValue: TypeAlias = tuple[str, Any]
Result: TypeAlias = tuple[str, Any]
"""``("ok", value)`` or ``("err", agent-error)``."""


class Guest(Protocol):
    """How the instances of one component are spoken to. Holds nothing of an instance; may be shared by threads.

    Every method raises what ``Instance.call`` raises, but for arguments that do not fit: those are an
    ``invalid-input``.
    """

    def discover(self, instance: Instance) -> Result:
        """Ask for the agent types: ``("ok", [agent-type, ...])``."""

    def initialize(self, instance: Instance, agent_type: str, parameters: DataValue) -> Result:
        """Run the constructor: ``("ok", None)`` or ``("err", agent-error)``."""

    def invoke(self, instance: Instance, method: str, arguments: DataValue) -> Result:
        """Run a method: ``("ok", data-value)`` or ``("err", agent-error)``."""
