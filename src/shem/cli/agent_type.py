"""``shem agent-type``: what can be invoked, and how."""

from __future__ import annotations

from typing import Annotated

import typer

from shem.cli.options import App, Environment, Json, Server, client
from shem.cli.output import print_json, print_json_lines, print_table, write
from shem.cli.usage import describe, signature

app = typer.Typer(help="Look at agent types: their constructors and methods.", no_args_is_help=True)


@app.command("list")
def list_types(
    server: Server = None, application: App = None, environment: Environment = None, json: Json = False
) -> None:
    """List agent types."""
    with client(server, application, environment) as to:
        types = to.agent_types()
    if json:
        print_json_lines(types)
        return
    print_table(
        ("AGENT TYPE", "MODE", "COMPONENT", "METHODS"),
        (
            (
                f"{each.name}({signature(each.constructor)})",
                each.mode,
                f"{each.component} version {each.version}",
                ", ".join(method.name for method in each.methods),
            )
            for each in types
        ),
    )


@app.command()
def get(
    name: Annotated[str, typer.Argument(metavar="TYPE", help="The agent type.")],
    server: Server = None,
    application: App = None,
    environment: Environment = None,
    json: Json = False,
) -> None:
    """Show an agent type, and how its methods are called."""
    with client(server, application, environment) as to:
        found = to.agent_type(name)
    if json:
        print_json(found)
        return
    for line in describe(found):
        write(line)
