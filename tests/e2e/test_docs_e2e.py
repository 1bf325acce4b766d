"""What the documentation shows is what happens."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.e2e.command_line import CommandLine, Running

DOCS = Path(__file__).parents[2] / "docs"


def shown(page: str) -> Iterator[tuple[str, str]]:
    """The commands of a page with what it shows them to print; a heading is a command of its own."""
    for part in re.finditer(r"^## [^\n]*|^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        if part[1] is None:
            yield part[0], ""
            continue
        for command in re.finditer(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", part[1], re.MULTILINE):
            yield command[1], command[2]


def fits(expected: str, text: str) -> bool:
    """Whether a text is the one shown, in which three dots stand for anything on their line."""
    return re.fullmatch(re.escape(expected).replace(r"\.\.\.", ".*"), text) is not None


def type_in(commands: Iterable[tuple[str, str]], shem: CommandLine, directory: Path) -> None:
    """Run commands, each of which must print what is shown."""
    for command, expected in commands:
        ended = shem(*shlex.split(command)[1:], cwd=directory)
        assert fits(expected, ended.out) or fits(expected, ended.err), (command, ended)


def test_the_quickstart_does_what_it_says(tmp_path: Path) -> None:
    shem = CommandLine(tmp_path / "home", "")
    commands = list(shown((DOCS / "quickstart.md").read_text()))
    served, killed = (commands.index((words, "")) for words in ("shem dev hello", "## Kill it"))
    type_in(commands[1:served], shem, tmp_path)
    for part, signum in (
        (commands[served + 1 : killed], signal.SIGKILL),
        (commands[killed:], signal.SIGTERM),
    ):
        words = ["dev", str(tmp_path / "hello"), "--port", "0"]
        with Running(words, tmp_path / "log", shem.environ) as dev:
            shem.environ["SHEM_SERVER"] = dev.says(r"shem listening on (http://\S+)")[1]
            dev.says("hello version 0 is deployed|hello is unchanged")
            type_in((each for each in part if each[0].startswith("shem ")), shem, tmp_path)
            dev.end(signum)


def test_every_link_between_pages_leads_somewhere() -> None:
    for page in DOCS.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)
