"""The command line: every command in one tree, and one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from shem import __version__
from shem.cli import agent, agent_type, application, completion, component, dev
from shem.cli import server as server_command
from shem.cli.everywhere import hand_down
from shem.cli.failure import FAILED, INTERRUPTED, report, report_usage
from shem.cli.options import App, Data, Environment, Json, Server
from shem.errors import ShemError

app = typer.Typer(
    name="shem",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("new")(application.new)
app.command("build")(application.build)
app.command("deploy")(application.deploy)
app.command("dev")(dev.dev)
app.command("completion")(completion.completion)
app.add_typer(server_command.app, name="server")
app.add_typer(agent.app, name="agent")
app.add_typer(component.app, name="component")
app.add_typer(agent_type.app, name="agent-type")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"shem {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    server: Server = None,
    application: App = None,
    environment: Environment = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Durable agents: programs whose memory, files and progress survive crashes."""
    given = {
        "server": server,
        "application": application,
        "environment": environment,
        "data": data,
        "json": json,
    }
    hand_down(context, given)


def run(arguments: list[str]) -> int:
    """Run one command line; the exit code. Errors are told on stderr."""
    if "_SHEM_COMPLETE" in os.environ:
        completion.prepare()
    try:
        code = app(arguments, prog_name="shem", standalone_mode=False)
    except ShemError as error:
        return report(error)
    except typer.Abort:
        return INTERRUPTED
    except typer.TyperException as error:
        return report_usage(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        print(f"error[system] {error}", file=sys.stderr)
        return FAILED
    return code if isinstance(code, int) else 0


def main() -> None:
    """The ``shem`` script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
