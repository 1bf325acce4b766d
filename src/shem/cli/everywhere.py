"""Options that may stand before the command as well as after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from shem.errors import BadInput


def hand_down(context: typer.Context, given: Mapping[str, object]) -> None:
    """Let what was given before the command be the default of the same options of the command.

    Args:
        context: of the root command.
        given: values by the names of the commands' parameters; those that are None or False were not given.

    Raises:
        BadInput: the command that was called has no such option.
    """
    options = {name: value for name, value in given.items() if value is not None and value is not False}
    root: Any = context.command
    called: str | None = context.invoked_subcommand
    if called is not None:
        taken = {name for command in _leaves(root.commands[called]) for name in _parameters(command)}
        for parameter in root.params:
            if parameter.name in options and parameter.name not in taken:
                raise BadInput(
                    f"`shem {called}` has no option {parameter.opts[0]}",
                    hint=f"`shem {called} --help` shows what is possible.",
                )
    context.default_map = _defaults(root, options)


def _defaults(command: Any, options: Mapping[str, object]) -> dict[str, Any]:
    """What click takes defaults from: a dictionary for each command, with a dictionary for each below it."""
    if hasattr(command, "commands"):
        return {name: _defaults(below, options) for name, below in command.commands.items()}
    return {name: options[name] for name in _parameters(command) if name in options}


def _leaves(command: Any) -> Iterator[Any]:
    if not hasattr(command, "commands"):
        yield command
        return
    for below in command.commands.values():
        yield from _leaves(below)


def _parameters(command: Any) -> list[str]:
    return [parameter.name for parameter in command.params]
