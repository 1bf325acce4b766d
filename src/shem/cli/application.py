"""``shem new``, ``shem build`` and ``shem deploy``: from a directory with sources to a deployed version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shem.cli.options import App, Directory, Environment, Json, Server, client
from shem.cli.output import note, print_json, write
from shem.cli.usage import describe
from shem.errors import BadInput
from shem.views import VersionView

if TYPE_CHECKING:
    from shem.build.application import Package
    from shem.client import Client


def new(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; made when missing.")],
    template: Annotated[
        str, typer.Option("--template", metavar="NAME", help="What to start from.")
    ] = "counter",
    json: Json = False,
) -> None:
    """Make an application to start from."""
    from shem.build.scaffold import new_application

    files = new_application(directory, template)
    if json:
        print_json(
            {"directory": str(directory), "template": template, "files": [str(file) for file in files]}
        )
        return
    for file in files:
        write(str(directory / file))
    note(f"next: shem dev {directory}")


def build(directory: Directory = Path(), json: Json = False) -> None:
    """Check and package an application without deploying it."""
    package = package_directory(directory)
    if json:
        print_json(
            {
                "name": package.name,
                "wasm_bytes": len(package.wasm or b""),
                "files_bytes": len(package.files or b""),
            }
        )
    else:
        write(summary(package))


def deploy(
    directory: Directory = Path(),
    server: Server = None,
    application: App = None,
    environment: Environment = None,
    json: Json = False,
) -> None:
    """Deploy an application: a new version of its component, unless nothing has changed."""
    with client(server, application, environment) as to:
        version = deploy_directory(to, directory)
    if json:
        print_json(version)
        return
    write(outcome(version))
    for agent_type in version.agent_types:
        for line in describe(agent_type):
            write(line)


def deploy_directory(to: Client, directory: Path) -> VersionView:
    """Package and deploy ``directory``, with notes on stderr. Raises what building and deploying raise."""
    package = package_directory(directory)
    note(f"deploying {summary(package)} to {to.url}")
    return to.deploy(package.name, package.manifest, wasm=package.wasm, files=package.files)


def package_directory(directory: Path) -> Package:
    """What would be deployed. Raises what ``shem.build.application.package`` raises, and ``BadInput``."""
    from shem.build.application import package

    try:
        return package(directory)
    except OSError as error:
        # A file that an editor or a tool takes away while it is read.
        raise BadInput(f"{directory} cannot be read: {error}") from None


def summary(package: Package) -> str:
    """``counter (12 kB)``."""
    total_bytes = len(package.wasm or b"") + len(package.files or b"")
    return f"{package.name} ({(total_bytes + 1023) // 1024} kB)"


def outcome(version: VersionView) -> str:
    """What a deployment came to, in a line."""
    if version.unchanged:
        return f"{version.component} is unchanged: version {version.version}"
    return f"{version.component} version {version.version} is deployed"
