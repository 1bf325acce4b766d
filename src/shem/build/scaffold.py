"""``shem new``: an application to start from, copied from ``templates/``."""

from __future__ import annotations

import re
from pathlib import Path

from shem.errors import BadInput, Conflict

_TEMPLATES = Path(__file__).parent / "templates"
_NAME_MARK = "@NAME@"
_NAME_NOT_ALLOWED = re.compile(r"[^a-z0-9-]+")


def templates() -> list[str]:
    """Names of the templates."""
    return sorted(path.name for path in _TEMPLATES.iterdir() if path.is_dir())


def new_application(directory: Path, template: str = "counter") -> list[Path]:
    """Make an application from a template; the folder's name becomes its name.

    Returns:
        The files that were made, relative to ``directory``, in the order of their names.

    Raises:
        BadInput: no such template.
        Conflict: ``directory`` holds something, or is a file.
    """
    source = _TEMPLATES / template
    if template not in templates():
        raise BadInput(f"there is no template {template!r}", hint=f"There is: {', '.join(templates())}.")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise Conflict(f"{directory} exists and is not an empty folder", hint="Choose another folder.")
    name = _NAME_NOT_ALLOWED.sub("-", directory.resolve().name.lower()).strip("-") or "application"
    made = []
    for path in sorted(p for p in source.rglob("*") if p.is_file() and p.suffix != ".pyc"):
        relative = path.relative_to(source)
        target = directory / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text(encoding="utf-8").replace(_NAME_MARK, name), encoding="utf-8")
        made.append(relative)
    return made
