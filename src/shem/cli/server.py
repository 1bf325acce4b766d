"""``shem server``: the server process."""

from __future__ import annotations

import typer

from shem.cli.options import Data, Host, Json, Port
from shem.cli.output import print_json
from shem.cli.settings import data_directory

app = typer.Typer(help="Run a server.", no_args_is_help=True)


@app.callback()
def server() -> None:
    """Run a server."""


@app.command()
def run(data: Data = None, host: Host = "127.0.0.1", port: Port = 8421, json: Json = False) -> None:
    """Run a server on this machine until a signal ends it; with --json its address is a line on stdout."""
    state = data_directory(data)
    from shem.server.compose import open_house
    from shem.server.run import run_server

    async def announce(url: str) -> None:
        if json:
            print_json({"url": url, "data": str(state)})

    run_server(state, host, port, open_house=open_house, beside=announce)
