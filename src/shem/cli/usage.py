"""How an agent type is called, shown to people: its signature, and a command line that can be copied."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from shem.views import AgentTypeView, MethodView, ParameterView

_EXAMPLES = {
    **dict.fromkeys(("int", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64"), "1"),
    **dict.fromkeys(("float", "f32", "f64"), "1.5"),
    "bool": "true",
    "str": '"bob"',
    "string": '"bob"',
    "char": '"a"',
    "bytes": '"aGVsbG8="',
    "none": "null",
}


def describe(agent_type: AgentTypeView) -> Iterator[str]:
    """Lines about an agent type: what it is and how its methods are called."""
    about = f"  {_first_line(agent_type.description)}" if agent_type.description else ""
    yield f"{agent_type.name}({signature(agent_type.constructor)})  {agent_type.mode}{about}"
    for method in agent_type.methods:
        result = f" -> {method.result}" if method.result else ""
        yield f"  {method.name}({signature(method.parameters)}){result}"
        yield f"      {command(agent_type, method)}"


def signature(parameters: Sequence[ParameterView]) -> str:
    """``name: str, by: int = 1``."""
    return ", ".join(f"{each.name}: {each.type}{_default(each)}" for each in parameters)


def command(agent_type: AgentTypeView, method: MethodView) -> str:
    """A command line with made-up values for everything that must be given."""
    agent = (
        f"{agent_type.name}({','.join(example(each) for each in agent_type.constructor if each.required)})"
    )
    # A bare word is text where text is wanted.
    given = [example(each).strip('"') for each in method.parameters if each.required]
    return " ".join(["shem agent invoke", *(shlex.quote(word) for word in (agent, method.name, *given))])


def example(parameter: ParameterView) -> str:
    """A value of the parameter's type, as JSON."""
    kind = parameter.type.lower()
    if kind in _EXAMPLES:
        return _EXAMPLES[kind]
    return "[]" if kind.startswith(("list", "set", "tuple")) else "{}"


def _default(parameter: ParameterView) -> str:
    return "" if parameter.required else f" = {_json(parameter.default)}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""
