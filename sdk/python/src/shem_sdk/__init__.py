"""What a Shem agent imports.

    from shem_sdk import agent

    @agent
    class Counter:
        def __init__(self, name: str) -> None: ...
        def increment(self, by: int = 1) -> int: ...

It can be imported anywhere: outside of a guest ``@agent`` leaves classes as they are, for editors, type
checkers and unit tests.
"""

from __future__ import annotations

from shem_sdk.agents import agent
from shem_sdk.definition import InvalidAgent

__all__ = ["InvalidAgent", "agent"]
