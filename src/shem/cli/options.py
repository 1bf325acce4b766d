"""Options that many commands share, each defined once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shem.cli.settings import target

if TYPE_CHECKING:
    from shem.client import Client

Server = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", help="The server. [env: SHEM_SERVER]", show_default=False),
]
App = Annotated[
    str | None, typer.Option("--app", metavar="NAME", help="The application.", show_default=False)
]
Environment = Annotated[
    str | None,
    typer.Option("--environment", metavar="NAME", help="Its environment.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout; JSON Lines for lists.")]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="Where the server keeps its state. [env: SHEM_DATA]", show_default=False
    ),
]
Host = Annotated[str, typer.Option("--host", metavar="H", help="Address to listen on.")]
Port = Annotated[
    int, typer.Option("--port", metavar="P", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
]
Directory = Annotated[
    Path, typer.Argument(metavar="DIR", help="The application's directory.", show_default=False)
]
AgentId = Annotated[str, typer.Argument(metavar="ID", help="""The agent, for instance 'Counter("bob")'.""")]


@contextmanager
def client(
    server: str | None, app: str | None, environment: str | None, *, timeout_s: float | None = None
) -> Iterator[Client]:
    """A client of the server that the options name."""
    from shem.client import Client

    to = target(server, app, environment)
    with Client(to.server, to.app, to.environment, timeout_s=timeout_s) as opened:
        yield opened
