"""``shem component``: what is deployed, and what is in a component's file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shem.cli.options import App, Environment, Json, Server, client
from shem.cli.output import print_fields, print_json, print_json_lines, print_table, write
from shem.errors import BadComponent, BadInput, NotFound

app = typer.Typer(help="Look at components.", no_args_is_help=True)


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


@app.command("wit")
def print_wit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A component's binary.")], json: Json = False
) -> None:
    """Print what the component in a file imports and exports, as WIT. Needs no server."""
    from shem.wasm.errors import MalformedComponent
    from shem.wasm.planner import plan_component
    from shem.wasm.wit import wit

    try:
        text = wit(plan_component(file.read_bytes()))
    except FileNotFoundError:
        raise NotFound(f"there is no file {file}") from None
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None
    except MalformedComponent as error:
        raise BadComponent(
            f"{file}: {error}", file=str(file), offset=error.offset, section=error.section
        ) from None
    if json:
        print_json({"file": str(file), "wit": text})
    else:
        write(text.rstrip("\n"))
