"""``shem completion``: a script that makes a shell complete the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from shem.cli.options import Json
from shem.cli.output import print_json, write
from shem.errors import BadInput

SHELLS = ("bash", "zsh", "fish")


def completion(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")], json: Json = False
) -> None:
    """Print a completion script: eval "$(shem completion bash)"."""
    if shell not in SHELLS:
        raise BadInput(f"there is no completion for {shell!r}", hint=f"There is for {', '.join(SHELLS)}.")
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # typer's, but not listed

    script = get_completion_script(prog_name="shem", complete_var="_SHEM_COMPLETE", shell=shell)
    if json:
        print_json({"shell": shell, "script": script})
    else:
        write(script)


def prepare() -> None:
    """Let this process answer a shell that asks for completions: typer's own way of asking, not click's."""
    from typer.completion import completion_init  # type: ignore[attr-defined]  # typer's, but not listed

    completion_init()
