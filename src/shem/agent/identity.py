"""Agent ids: ``Type(json,json,...)``, with ``[uuid]`` behind it for a phantom.

    Counter("bob")      Cart("eu",{"currency":"EUR"})[7d3f1c9e-0c54-4b7e-9a57-2f1a8f1f8a10]      Clock()

People may write one id in many ways (spaces, escapes, defaults left out, keys in another order). The
canonical id is the one way in which each agent is stored and shown: compact JSON of the constructor's
parameters in their order, as their types write it, with defaults filled in. A canonical id is its own
canonical id.
"""

from __future__ import annotations

import re
from typing import Any, Final
from uuid import UUID

import msgspec

from shem.agent import json_text, values
from shem.agent.mismatch import shown
from shem.agent.schema import AgentType, is_type_name
from shem.errors import BadInput, TooLarge

PARAMETERS_MAX_BYTES: Final = 512
"""Of the text between the parentheses, in UTF-8. Ids are keys, paths and log lines; what is larger belongs
into an argument of a method."""

TYPE_NAME_MAX_CHARACTERS: Final = 128
"""Of an agent type in an id; longer names are refused before anything is looked up."""

_ROUNDS_MAX: Final = 8
"""How often an id is written anew until it no longer changes. Once is enough unless unions overlap, where a
filled default can make a value fit an earlier case."""

_ID: Final = re.compile(
    r"(?P<type>[^()\[\]{}\"\s]*)\((?P<parameters>.*)\)(\[(?P<phantom>[^\[\]()]*)\])?", re.DOTALL
)
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HINT: Final = 'Agent ids look like Counter("bob"): a type, and the constructor\'s parameters as JSON.'


class AgentId(msgspec.Struct, frozen=True):
    """An agent id as it was written.

    Attributes:
        type: agent type name.
        parameters: JSON values.
        phantom: a UUID in lower case, or None.
    """

    type: str
    parameters: tuple[Any, ...]
    phantom: str | None = None

    def __str__(self) -> str:
        return _format(self.type, json_text.write(self.parameters)[1:-1], self.phantom)


def parse(text: str) -> AgentId:
    """Read an agent id; what its parameters mean is not looked at.

    Raises:
        BadInput: it is malformed; ``details`` has the ``position``, in characters from its start, where that
            is known.
        TooLarge: the text of the parameters has more than 512 bytes.
    """
    match = _ID.fullmatch(text)
    if match is None:
        raise _malformed(text)
    name, parameters, phantom = match["type"], match["parameters"], match["phantom"]
    if len(name) > TYPE_NAME_MAX_CHARACTERS or not is_type_name(name):
        raise _bad(f"{shown(name)} is no name of an agent type", 0)
    _check_size(parameters)
    if phantom is not None and not _UUID.fullmatch(phantom):
        raise _bad(f"the phantom {shown(phantom)} is no UUID", match.start("phantom"))
    try:
        read = json_text.read(f"[{parameters}]")
    except json_text.NotJson as error:
        # One bracket stands before the parameters.
        position = None if error.position is None else match.start("parameters") + error.position - 1
        raise _bad(f"the parameters are no JSON: {error.reason}", position) from None
    return AgentId(name, tuple(read), None if phantom is None else str(UUID(phantom)))


def canonical(agent_id: AgentId, agent_type: AgentType) -> tuple[str, values.DataValue]:
    """The canonical id, and the data-value of its parameters for the guest's ``initialize``.

    Raises:
        BadInput: the parameters do not fit the constructor; the message names the one that does not.
        TooLarge: the text of the parameters has more than 512 bytes with the defaults filled in.
    """
    parameters = list(agent_id.parameters)
    for _ in range(_ROUNDS_MAX):
        value = values.to_data_value(agent_type.constructor, parameters, root="parameters")
        written = values.to_json(agent_type.constructor, value)
        text = json_text.write(written)[1:-1]
        if written == parameters and text == json_text.write(parameters)[1:-1]:
            break
        parameters = written
    else:
        raise BadInput(f"{agent_id.type}({text}) can be read in more than one way", path="parameters")
    _check_size(text)
    return _format(agent_id.type, text, agent_id.phantom), value


def parse_cursor(cursor: str | None) -> int:
    """The key after which a page of agents begins; 0 for the first page.

    Raises:
        BadInput: it is not what the page before gave.
    """
    if cursor is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,18}", cursor):
        raise BadInput(f"{shown(cursor)} is no cursor", hint="Use the one that the page before gave.")
    return int(cursor)


def _format(name: str, parameters: str, phantom: str | None) -> str:
    return f"{name}({parameters})" if phantom is None else f"{name}({parameters})[{phantom}]"


def _check_size(parameters: str) -> None:
    size = len(parameters.encode("utf-8", "surrogatepass"))
    if size > PARAMETERS_MAX_BYTES:
        raise TooLarge(
            f"the parameters of the agent id have {size} bytes, the limit is {PARAMETERS_MAX_BYTES}",
            hint="Give the agent a short name and pass the rest to a method.",
            limit=PARAMETERS_MAX_BYTES,
        )


def _malformed(text: str) -> BadInput:
    opening = text.find("(")
    if opening < 0:
        return _bad("there is no ( after the type", len(text))
    if not re.fullmatch(r"[^()\[\]{}\"\s]*", text[:opening]):
        return _bad(f"{shown(text[:opening])} is no name of an agent type", 0)
    return _bad("it does not end with ) or )[uuid]", len(text))


def _bad(reason: str, position: int | None) -> BadInput:
    if position is None:
        return BadInput(f"malformed agent id: {reason}", hint=_HINT)
    return BadInput(f"malformed agent id: {reason} at position {position}", hint=_HINT, position=position)
