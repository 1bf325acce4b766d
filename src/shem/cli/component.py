"""``shem component``: what is deployed."""

from __future__ import annotations

from typing import Annotated

import typer

from shem.cli.options import App, Environment, Json, Server, client
from shem.cli.output import print_fields, print_json, print_json_lines, print_table

app = typer.Typer(help="Look at deployed components.", no_args_is_help=True)


@app.command("list")
def list_components(
    server: Server = None, application: App = None, environment: Environment = None, json: Json = False
) -> None:
    """List components with their newest versions."""
    with client(server, application, environment) as to:
        components = to.components()
    if json:
        print_json_lines(components)
        return
    print_table(
        ("COMPONENT", "VERSION", "AGENT TYPES", "CREATED"),
        (
            (
                each.name,
                each.latest.version if each.latest else "-",
                ", ".join(kind.name for kind in each.latest.agent_types) if each.latest else "-",
                each.created_at,
            )
            for each in components
        ),
    )


@app.command()
def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The component.")],
    server: Server = None,
    application: App = None,
    environment: Environment = None,
    json: Json = False,
) -> None:
    """Show one component and its newest version."""
    with client(server, application, environment) as to:
        found = to.component(name)
    if json:
        print_json(found)
        return
    newest = found.latest
    print_fields(
        (
            ("component", found.name),
            ("id", found.id),
            ("created", found.created_at),
            ("versions", ", ".join(map(str, found.versions)) or "none"),
            ("newest", f"{newest.version} of {newest.created_at}" if newest else None),
            ("agent types", ", ".join(kind.name for kind in newest.agent_types) if newest else None),
            ("wasm", newest.wasm if newest else None),
            ("files", newest.files if newest else None),
        )
    )
