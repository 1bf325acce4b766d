"""``shem dev``: a server, and the application deployed to it whenever a file changes, in one process."""

from __future__ import annotations

from pathlib import Path

from shem.cli.options import App, Data, Directory, Environment, Host, Json, Port
from shem.cli.settings import data_directory, target
from shem.errors import NotFound


def dev(
    directory: Directory = Path(),
    data: Data = None,
    host: Host = "127.0.0.1",
    port: Port = 8421,
    application: App = None,
    environment: Environment = None,
    json: Json = False,
) -> None:
    """Serve an application, and deploy it again whenever a file changes."""
    from shem.cli.follow import follow
    from shem.client import Client, Retry
    from shem.server.compose import open_house
    from shem.server.run import run_server

    if not directory.is_dir():
        raise NotFound(
            f"{directory} is not a folder", hint="shem new DIR makes an application to start from."
        )
    state = data_directory(data).resolve()

    async def beside(url: str) -> None:
        to = target(url, application, environment)
        # The server is this process: when it takes no work it is about to end; do not wait for it.
        with Client(to.server, to.app, to.environment, retry=Retry(budget_s=0)) as own:
            await follow(own, directory, state, json)

    run_server(state, host, port, open_house=open_house, beside=beside)
