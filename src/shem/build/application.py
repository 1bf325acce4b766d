"""From a project to what is deployed: a name, a manifest, and a zip of sources or a ready-made component.

A project is a folder. Its ``pyproject.toml`` may say, all of it optional:

    [tool.shem]
    name = "shop"                    # else [project] name, else the folder's name
    agents = ["shop.cart"]           # modules that define agents; else every module that mentions shem_sdk
    env = { CURRENCY = "EUR" }       # environment variables of all agents
    files = ["*.py", "data/**"]      # what the agents see below /app; else everything but tools' leftovers
    wasm = "target/shop.wasm"        # a ready-made component instead of Python modules

No code of the user runs here. Sources are compiled, only to find syntax errors while the user still looks.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from shem.build.archive import archive
from shem.errors import BadComponent, BadInput, NotFound, TooLarge

FILES_LIMIT_BYTES = 64 * 1024 * 1024
"""Sources and data of an application, before compression. They are kept in memory once per version."""

_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules"})
"""Never part of an application; neither is what begins with a dot (.venv, .git, .pytest_cache ...)."""

_SKIPPED_AT_THE_TOP = frozenset({"build", "dist", "tests"})

_MARKS_OF_OTHERS = ("pyvenv.cfg", "shem.db")
"""Files that mark a virtual environment and a server's state, whatever their folders are called."""

_SKIPPED_SUFFIXES = (".pyc", ".egg-info")
_SOURCE_FOLDERS = ("src", "")  # in the order in which a guest searches them
_NAME_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9._-]+")
_MENTIONS_SDK = re.compile(rb"^\s*(from|import)\s+shem_sdk\b", re.MULTILINE)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[tool.shem]`` as written."""

    name: str | None = None
    agents: list[str] | None = None
    env: dict[str, str] = {}
    files: list[str] | None = None
    wasm: str | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """What a deployment sends.

    Attributes:
        name: of the component.
        manifest: JSON: name, language, agents, env.
        wasm: the component, for projects with a ready-made one.
        files: a zip of what agents see below ``/app``; the same bytes for the same files.
    """

    name: str
    manifest: bytes
    wasm: bytes | None
    files: bytes | None


def package(directory: Path) -> Package:
    """Read the project in ``directory``.

    Raises:
        NotFound: there is no such folder.
        BadInput: ``pyproject.toml`` is wrong, or names what is not there.
        BadComponent: a source file has a syntax error; ``details`` has ``file`` and ``line``.
        TooLarge: the files exceed ``FILES_LIMIT_BYTES``.
    """
    if not directory.is_dir():
        raise NotFound(
            f"{directory} is not a folder", hint="shem new DIR makes an application to start from."
        )
    project = _pyproject(directory)
    settings = _settings(project)
    name = _name(directory, project, settings)
    if settings.wasm is not None:
        return _wasm_package(directory, name, settings)
    files = _files(directory, settings.files)
    _check_syntax(files)
    agents = _default_agents(files) if settings.agents is None else settings.agents
    _check_modules(agents, files)
    return Package(name, _manifest(name, "python", agents, settings.env), None, archive(files))


def _wasm_package(directory: Path, name: str, settings: Settings) -> Package:
    path = directory / str(settings.wasm)
    if settings.agents:
        raise BadInput(
            "[tool.shem] has both wasm and agents", hint="A ready-made component defines its agents."
        )
    if not path.is_file():
        raise BadInput(f"[tool.shem] wasm: {path} does not exist", hint="Build the component first.")
    files = archive(_files(directory, settings.files)) if settings.files is not None else None
    return Package(name, _manifest(name, "wasm", [], settings.env), path.read_bytes(), files)


def _pyproject(directory: Path) -> dict[str, Any]:
    path = directory / "pyproject.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: {error}") from error


def _settings(project: Mapping[str, Any]) -> Settings:
    try:
        return msgspec.convert(project.get("tool", {}).get("shem", {}), Settings)
    except msgspec.ValidationError as error:
        raise BadInput(
            f"pyproject.toml: [tool.shem]: {error}", hint="It has name, agents, env, files and wasm."
        ) from error


def _name(directory: Path, project: Mapping[str, Any], settings: Settings) -> str:
    if settings.name is not None:
        return settings.name
    declared = project.get("project", {}).get("name") or directory.resolve().name
    return _NAME_NOT_ALLOWED.sub("-", str(declared)).strip("-.") or "application"


def _manifest(name: str, language: str, agents: list[str], env: Mapping[str, str]) -> bytes:
    manifest = {"name": name, "language": language, "agents": agents, "env": dict(env)}
    return json.dumps(manifest, sort_keys=True, ensure_ascii=False).encode()


def _files(directory: Path, patterns: list[str] | None) -> dict[str, bytes]:
    """Path, as it will be below /app, to content."""
    files, size_bytes = {}, 0
    chosen = (
        _everything(directory, _SKIPPED_AT_THE_TOP) if patterns is None else _matching(directory, patterns)
    )
    for path in chosen:
        data = path.read_bytes()
        size_bytes += len(data)
        name = path.relative_to(directory).as_posix()
        if size_bytes > FILES_LIMIT_BYTES:
            raise TooLarge(
                f"{directory}: more than {FILES_LIMIT_BYTES // 1024**2} MB of files (up to {name})",
                hint="Name the ones that agents need in [tool.shem] files.",
            )
        files[name] = data
    return files


def _everything(folder: Path, skipped: frozenset[str] = frozenset()) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name.endswith(_SKIPPED_SUFFIXES):
            continue
        if path.is_file():
            yield path
        elif path.name not in _SKIPPED_FOLDERS | skipped and _is_own_folder(path):
            yield from _everything(path)


def _is_own_folder(path: Path) -> bool:
    """Neither a link, which might lead back here, nor what tools keep."""
    marked = any((path / mark).exists() for mark in _MARKS_OF_OTHERS)
    return path.is_dir() and not path.is_symlink() and not marked


def _matching(directory: Path, patterns: list[str]) -> Iterator[Path]:
    found: set[Path] = set()
    for pattern in patterns:
        if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
            raise BadInput(f"[tool.shem] files: {pattern!r} leads out of the project")
        matches = [path for path in directory.glob(pattern) if path.is_file() and path.suffix != ".pyc"]
        if not matches:
            raise BadInput(f"[tool.shem] files: nothing matches {pattern!r}")
        found.update(matches)
    yield from sorted(found)


def _check_syntax(files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        if not name.endswith(".py"):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # doubtful, not wrong; not for this program to say
                compile(data, name, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            line = error.lineno if isinstance(error, SyntaxError) else None
            message = error.msg if isinstance(error, SyntaxError) else str(error)
            place = name if line is None else f"{name}:{line}"
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            raise BadComponent(
                f"{place}: {message}",
                hint=f"As Python {version} reads it; for newer syntax, run shem with a newer Python.",
                file=name,
                line=line,
            ) from error


def _default_agents(files: Mapping[str, bytes]) -> list[str]:
    """The modules that import the SDK, in the order of their names."""
    modules = [
        _module(name) for name, data in files.items() if name.endswith(".py") and _MENTIONS_SDK.search(data)
    ]
    if not modules:
        raise BadInput(
            "no module of the project imports shem_sdk",
            hint='Mark a class with @agent, and name its module: [tool.shem] agents = ["module"].',
        )
    return sorted(modules)


def _module(name: str) -> str:
    parts = PurePosixPath(name.removeprefix("src/")).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _check_modules(modules: list[str], files: Mapping[str, bytes]) -> None:
    for module in modules:
        stem = module.replace(".", "/")
        places = [str(PurePosixPath(folder, stem)) for folder in _SOURCE_FOLDERS]
        if not any(f"{place}.py" in files or f"{place}/__init__.py" in files for place in places):
            raise BadInput(
                f"[tool.shem] agents: there is no module {module!r} in the project",
                hint=f"It was looked for as {places[-1]}.py and {places[0]}.py.",
            )
