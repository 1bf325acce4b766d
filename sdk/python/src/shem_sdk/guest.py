"""The exports of the Python runtime component: agents, and their snapshots.

Imported in a guest only, where componentize-py provides the generated bindings. An exception that left an
export would be a trap and end the agent, so every export whose type has an error case catches everything,
also ``SystemExit`` and ``KeyboardInterrupt``: after a bad method call the next one works.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import common, environment, host, types

from shem_sdk import snapshot
from shem_sdk.application import Application
from shem_sdk.calls import Call
from shem_sdk.definition import Definition, Operation, Registration, define
from shem_sdk.failure import Failure, failure_of
from shem_sdk.fresh import set_environment
from shem_sdk.loop import Loop, make_default
from shem_sdk.schema import input_schema, output_schema
from shem_sdk.values import Mismatch

AGENT_MODULES_VARIABLE = "SHEM_AGENTS"
"""Names, separated by commas, of the modules that define agents; set by the host."""


@dataclass(slots=True)
class Living:
    """The agent of this guest: there is one at most."""

    definition: Definition
    instance: Any
    calls: dict[str, tuple[Call, Callable[..., Any]]]


@dataclass(slots=True)
class Prepared:
    """An agent type with its operations, ready to be called."""

    definition: Definition
    constructor: Call
    methods: dict[str, Call]


_REHEARSALS = 20
"""More than Python asks for before it specialises a function (8 calls, or as many rounds of a loop)."""

_application = Application()
_prepared: dict[str, Prepared] = {}
_loop: Loop | None = None
_living: Living | None = None


class Guest(exports.Guest):  # type: ignore[misc]  # generated inside the guest, unknown on the host
    """``golem:agent/guest@1.5.0``."""

    def discover_agent_types(self) -> list[Any]:
        try:
            _load()
            described = [_agent_type(definition) for definition in _application.definitions.values()]
            for definition in _application.definitions.values():
                _prepare(definition)
            _rehearse()
            _settle()
            return described
        except BaseException as error:  # noqa: BLE001  # see the head of the file
            raise Err(_custom_error(failure_of(error))) from None
        finally:
            _flush()

    def initialize(self, agent_type: str, input: Any, principal: Any) -> None:
        try:
            _load()
            definition = _application.definitions.get(agent_type)
            if definition is None:
                known = ", ".join(_application.definitions)
                raise Err(
                    common.AgentError_InvalidType(f"unknown agent type {agent_type!r}; there is: {known}")
                )
            _application.freshness.renew()
            _construct(definition, input)
        except BaseException as error:  # noqa: BLE001  # see the head of the file
            raise Err(_agent_error(error)) from None
        finally:
            _flush()

    def invoke(self, method_name: str, input: Any, principal: Any) -> Any:
        try:
            return _invoke(method_name, input)
        except BaseException as error:  # noqa: BLE001  # see the head of the file
            raise Err(_agent_error(error)) from None
        finally:
            _flush()

    def get_definition(self) -> Any:
        return _agent_type(_the_living().definition)


class SaveSnapshot(exports.SaveSnapshot):  # type: ignore[misc]  # generated inside the guest, unknown on the host
    """``golem:api/save-snapshot@1.5.0``; it has no error case: what fails is a trap, told on stderr."""

    def save(self) -> Any:
        living = _the_living()
        try:
            return host.Snapshot(snapshot.save(living.definition.name, living.instance), snapshot.MIME_TYPE)
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            _flush()


class LoadSnapshot(exports.LoadSnapshot):  # type: ignore[misc]  # generated inside the guest, unknown on the host
    """``golem:api/load-snapshot@1.5.0``."""

    def load(self, snapshot: Any) -> None:
        try:
            _load_snapshot(snapshot.payload)
        except BaseException as error:  # noqa: BLE001  # see the head of the file
            failure = failure_of(error)
            raise Err(f"{failure.type}: {failure.message}") from None
        finally:
            _flush()


def _load() -> None:
    make_default()
    set_environment(environment.get_environment())
    _application.load(filter(None, os.environ.get(AGENT_MODULES_VARIABLE, "").split(",")))


def _prepare(definition: Definition) -> Prepared:
    """The definition's operations, compiled; once, so that agents share them."""
    prepared = _prepared.get(definition.name)
    if prepared is None or prepared.definition is not definition:
        constructor = Call(types, definition, definition.constructor)
        methods = {method.name: Call(types, definition, method) for method in definition.methods}
        prepared = _prepared[definition.name] = Prepared(definition, constructor, methods)
    return prepared


class _Rehearsal:
    """An agent that is never seen; see ``_rehearse``."""

    def __init__(self, name: str) -> None:
        self.count = 0

    def add(self, by: int = 1) -> int:
        self.count += by
        return self.count

    async def later(self) -> None:
        return None

    def fail(self) -> None:
        raise RuntimeError(f"at {self.count}")


def _rehearse() -> None:
    """Go through the life of an agent before the memory is taken that all agents begin as copies of.

    Python writes into its own code while it runs, until it has specialised what runs often, and imports some modules
    when they are first needed. What has happened here does not happen again in each agent: its first answers
    come sooner, and it writes to fewer pages of the memory that it shares with the others.
    """
    global _living
    definition = define(Registration(_Rehearsal, _Rehearsal.__name__, "durable", __file__, 0))
    element, value = types.ElementValue_ComponentModel, types.WitValue
    name = types.DataValue_Tuple([element(value([types.WitNode_PrimString("rehearsal")]))])
    one = types.DataValue_Tuple([element(value([types.WitNode_OptionValue(1), types.WitNode_PrimS64(1)]))])
    nothing = types.DataValue_Tuple([])
    for _ in range(_REHEARSALS):
        set_environment(environment.get_environment())
        _application.freshness.renew()
        _construct(definition, name)
        _invoke("add", one)
        _invoke("later", nothing)
        try:
            _invoke("fail", nothing)
        except RuntimeError as error:
            _agent_error(error)
        _flush()
    _living = None
    del _prepared[definition.name]


def _settle() -> None:
    """Make what import left behind cheap to share.

    A garbage collection writes into every object that it looks at, and so would give each agent a memory of its own.
    Frozen objects are not looked at again.
    """
    gc.collect()
    gc.freeze()


def _construct(definition: Definition, input: Any) -> None:
    positional, by_name = _prepare(definition).constructor.arguments(input)
    _bring_to_life(definition, definition.python(*positional, **by_name))


def _load_snapshot(payload: bytes) -> None:
    _load()
    name = snapshot.type_name_of(payload)
    definition = _application.definitions.get(name)
    if definition is None:
        raise snapshot.SnapshotRefused(f"this version has no agent type {name!r}")
    _application.freshness.renew()
    _bring_to_life(definition, snapshot.load(definition.python, payload))


def _bring_to_life(definition: Definition, instance: Any) -> None:
    global _living
    methods = _prepare(definition).methods
    calls = {name: (call, getattr(instance, name)) for name, call in methods.items()}
    _living = Living(definition, instance, calls)


def _the_living() -> Living:
    if _living is None:
        raise RuntimeError("the agent was not initialized")
    return _living


def _invoke(method_name: str, input: Any) -> Any:
    living = _the_living()
    found = living.calls.get(method_name)
    if found is None:
        known = ", ".join(living.calls)
        message = f"{living.definition.name} has no method {method_name!r}; there is: {known}"
        raise Err(common.AgentError_InvalidMethod(message))
    call, function = found
    return call.run(function, input, _finish)


def _finish(coroutine: Any) -> Any:
    global _loop
    if _loop is None:
        _loop = Loop()
    return _loop.finish(coroutine)


def _flush() -> None:
    """What was printed belongs to this call; a closed stream is the user's own doing and no failure."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue


def _agent_error(error: BaseException) -> Any:
    if isinstance(error, Err):
        return error.value
    if isinstance(error, Mismatch):
        return common.AgentError_InvalidInput(str(error))
    return _custom_error(failure_of(error))


def _custom_error(failure: Failure) -> Any:
    """The record {type, message, traceback, file: option<string>, line: option<u32>}."""
    text, option, name = types.WitNode_PrimString, types.WitNode_OptionValue, types.NamedWitTypeNode
    value = types.WitValue(
        [
            types.WitNode_RecordValue([1, 2, 3, 4, 5]),
            text(failure.type),
            text(failure.message),
            text(failure.traceback),
            option(None if failure.file is None else 6),
            option(None if failure.line is None else 7),
            text(failure.file or ""),
            types.WitNode_PrimU32(failure.line or 0),
        ]
    )
    fields = [("type", 1), ("message", 1), ("traceback", 1), ("file", 2), ("line", 3)]
    typ = types.WitType(
        [
            name("exception", None, types.WitTypeNode_RecordType(fields)),
            name(None, None, types.WitTypeNode_PrimStringType()),
            name(None, None, types.WitTypeNode_OptionType(1)),
            name(None, None, types.WitTypeNode_OptionType(4)),
            name(None, None, types.WitTypeNode_PrimU32Type()),
        ]
    )
    return common.AgentError_CustomError(types.ValueAndType(value, typ))


def _agent_type(definition: Definition) -> Any:
    constructor = definition.constructor
    mode = common.AgentMode.DURABLE if definition.mode == "durable" else common.AgentMode.EPHEMERAL
    return common.AgentType(
        type_name=definition.name,
        description=definition.description,
        source_language="python",
        constructor=common.AgentConstructor(
            name=None,
            description=constructor.description,
            prompt_hint=None,
            input_schema=input_schema(types, constructor.parameters),
        ),
        methods=[_agent_method(method) for method in definition.methods],
        dependencies=[],
        mode=mode,
        http_mount=None,
        snapshotting=common.Snapshotting_Disabled(),
        config=[],
    )


def _agent_method(method: Operation) -> Any:
    return common.AgentMethod(
        name=method.name,
        description=method.description,
        http_endpoint=[],
        prompt_hint=None,
        input_schema=input_schema(types, method.parameters),
        output_schema=output_schema(types, method.result),
    )
