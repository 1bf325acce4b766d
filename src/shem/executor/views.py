"""What the executor tells of agents, under the name of its own room; defined in ``shem.views``."""

from __future__ import annotations

from shem.views import AgentPage, AgentView, Invoked, OplogItem, OplogPage

__all__ = ["AgentPage", "AgentView", "Invoked", "OplogItem", "OplogPage"]
