"""What the executor keeps of an agent that somebody has asked for since it was last put to sleep."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from shem.agent.execution import Execution
from shem.agent.mailbox import Mailbox
from shem.golem.guest import DataValue
from shem.storage.protocol import AgentRow
from shem.views import Invoked


@dataclass(slots=True, eq=False)
class Work:
    """One invocation on its way, arguments checked.

    Attributes:
        method: name of the method; empty only creates or recovers the agent.
        key: idempotency key.
        given: the caller chose the key, so the invocation may have ended before.
        stored: it is in the inbox, where it stays until it has ended.
        answer: resolved when the outcome is durable.
    """

    method: str
    arguments: DataValue
    key: str
    given: bool
    stored: bool
    answer: asyncio.Future[Invoked]


@dataclass(slots=True, eq=False)
class ActiveAgent:
    """One agent with its queue. Only the event loop's thread changes it, except for ``execution`` during a turn.

    Attributes:
        environment: row key of the environment.
        name: canonical agent id.
        type: agent type name.
        parameters: the constructor's data-value.
        component: component id.
        version: what it runs; for an agent that does not exist yet, what it will be created with.
        row: None until the agent exists in the storage.
        env: environment variables to create it with.
        execution: None while it is asleep.
        busy: a turn is under way (guest or commit).
        gone: it is being deleted; set when it is. What comes after belongs to a new instance.
        idle: set when the turn that is under way has ended, for those who wait for that.
    """

    environment: int
    name: str
    type: str
    parameters: DataValue
    component: str
    version: int
    row: AgentRow | None
    env: tuple[tuple[str, str], ...] = ()
    execution: Execution | None = None
    mailbox: Mailbox[Work] = field(default_factory=Mailbox)
    busy: bool = False
    gone: asyncio.Event | None = None
    idle: asyncio.Event | None = None
