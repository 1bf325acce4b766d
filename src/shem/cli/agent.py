"""``shem agent``: create, invoke and look at agents."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import msgspec
import typer

from shem.cli.arguments import read_arguments, refuse_options
from shem.cli.options import AgentId, App, Environment, Json, Server, client
from shem.cli.output import note, print_fields, print_json, print_json_lines, print_table, print_value, write
from shem.errors import BadInput
from shem.views import AgentView, MethodView, OplogItem

app = typer.Typer(help="Create, invoke and look at agents.", no_args_is_help=True)


@app.command()
def new(
    agent: AgentId,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", "-e", metavar="NAME=VALUE", help="An environment variable of the agent."),
    ] = None,
    server: Server = None,
    application: App = None,
    environment: Environment = None,
    json: Json = False,
) -> None:
    """Create an agent without invoking it."""
    variables = _variables(env or [])
    with client(server, application, environment) as to:
        _show(to.create(agent, variables), json)


# A negative number is no option.
@app.command(context_settings={"ignore_unknown_options": True})
def invoke(
    agent: AgentId,
    method: Annotated[str, typer.Argument(metavar="METHOD", help="One of its type's methods.")],
    args: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ARG", help="JSON; a bare word is text where text is wanted.", show_default=False
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--idempotency-key",
            metavar="K",
            help="The same key always gives the same result.",
            show_default=False,
        ),
    ] = None,
    trigger: Annotated[bool, typer.Option("--trigger", help="Do not wait for the result.")] = False,
    timeout_s: Annotated[
        float | None,
        typer.Option("--timeout", metavar="SECONDS", min=0.001, help="How long to wait.", show_default=False),
    ] = None,
    server: Server = None,
    application: App = None,
    environment: Environment = None,
    json: Json = False,
) -> None:
    """Invoke a method of an agent, which is created when it does not exist.

    The result is printed; with --trigger the idempotency key is, under which the result can be had later.
    """
    refuse_options((agent, method))
    with client(server, application, environment, timeout_s=timeout_s) as to:
        words = args or []
        values = []
        if words:
            found = _method(to.agent_type(type_name(agent)).methods, method)
            values = read_arguments(words, found.parameters if found else [])
        done = to.invoke(agent, method, values, key=key, trigger=trigger)
    if json:
        print_json(done)
    elif trigger:
        note(f"{done.agent_id} {method} is queued")
        write(done.idempotency_key)
    else:
        print_value(done.result)


@app.command()
def get(
    agent: AgentId,
    server: Server = None,
    application: App = None,
    environment: Environment = None,
    json: Json = False,
) -> None:
    """Show one agent."""
    with client(server, application, environment) as to:
        _show(to.get(agent), json)


@app.command("list")
def list_agents(
    type_: Annotated[
        str | None,
        typer.Option("--type", metavar="NAME", help="Only of this agent type.", show_default=False),
    ] = None,
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="STATUS", help="Only with this status.", show_default=False),
    ] = None,
    version: Annotated[
        int | None,
        typer.Option(
            "--version",
            metavar="N",
            min=0,
            help="Only on this version of their component.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="At most so many.", show_default=False)
    ] = None,
    server: Server = None,
    application: App = None,
    environment: Environment = None,
    json: Json = False,
) -> None:
    """List agents, in the order of their creation."""
    with client(server, application, environment) as to:
        agents = islice(to.agents(type=type_, status=status, version=version), limit)
        if json:
            print_json_lines(agents)
            return
        head = ("AGENT", "STATUS", "VERSION", "MODE", "ENTRIES", "CREATED")
        print_table(
            head,
            (
                (each.id, each.status, each.version, each.mode, each.oplog_size, each.created_at)
                for each in agents
            ),
        )


@app.command()
def delete(
    agent: AgentId,
    server: Server = None,
    application: App = None,
    environment: Environment = None,
    json: Json = False,
) -> None:
    """Delete an agent with everything that belongs to it."""
    with client(server, application, environment) as to:
        to.delete(agent)
    if json:
        print_json({"deleted": agent})
    else:
        note(f"deleted {agent}")


@app.command()
def oplog(
    agent: AgentId,
    start: Annotated[int, typer.Option("--from", metavar="INDEX", min=1, help="The first entry.")] = 1,
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, help="How many.")] = 100,
    server: Server = None,
    application: App = None,
    environment: Environment = None,
    json: Json = False,
) -> None:
    """Show the history of an agent."""
    with client(server, application, environment) as to:
        entries = to.history(agent, start=start, count=count)
        if json:
            print_json_lines(entries)
            return
        print_table(("INDEX", "AT", "KIND", "DETAIL"), (_row(entry) for entry in entries))


def type_name(agent: str) -> str:
    """``Counter`` of ``Counter("bob")``. Raises ``BadInput``."""
    name, bracket, _ = agent.partition("(")
    if not bracket or not name:
        raise BadInput(
            f"{agent!r} is not an agent id",
            hint="""An agent id looks like 'Counter("bob")', in quotes for the shell.""",
        )
    return name


def _method(methods: list[MethodView], name: str) -> MethodView | None:
    return next((method for method in methods if method.name == name), None)


def _variables(pairs: list[str]) -> dict[str, str]:
    variables = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise BadInput(f"{pair!r} is not NAME=VALUE")
        variables[name] = value
    return variables


def _row(entry: OplogItem) -> tuple[object, ...]:
    return entry.index, entry.at, entry.kind, msgspec.json.encode(entry.detail).decode()


def _show(agent: AgentView, json: bool) -> None:
    if json:
        print_json(agent)
        return
    print_fields(
        (
            ("agent", agent.id),
            ("status", agent.status),
            ("type", agent.type),
            ("mode", agent.mode),
            ("component", f"{agent.component} version {agent.version}"),
            ("created", agent.created_at),
            ("entries", agent.oplog_size),
            ("pending", agent.pending),
            ("in memory", "yes" if agent.resident else "no"),
            ("env", " ".join(f"{name}={value}" for name, value in agent.env.items()) or None),
            ("last error", agent.last_error),
        )
    )
