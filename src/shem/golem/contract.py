"""Guests that speak Golem's contract: they say themselves which agents they have."""

from __future__ import annotations

from typing import Any, Final

from shem.golem.guest import DataValue, Result
from shem.wasm.instance import Instance

GUEST: Final = "golem:agent/guest@1.5.0"

ANONYMOUS: Final = ("anonymous", None)
"""The principal of an invocation whose caller did not say who it is."""


class ContractGuest:
    """A component that exports ``GUEST``. For Python, ``discover`` is what imports the user's modules."""

    def discover(self, instance: Instance) -> Result:
        return _result(instance.call(GUEST, "discover-agent-types"))

    def initialize(self, instance: Instance, agent_type: str, parameters: DataValue) -> Result:
        return _result(instance.call(GUEST, "initialize", agent_type, parameters, ANONYMOUS))

    def invoke(self, instance: Instance, method: str, arguments: DataValue) -> Result:
        return _result(instance.call(GUEST, "invoke", method, arguments, ANONYMOUS))


def _result(value: Any) -> Result:
    tag, payload = value
    return tag, payload
