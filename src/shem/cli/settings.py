"""Where the server and the data are: option, then environment variable, then profile, then default.

The profile is in ``$XDG_CONFIG_HOME/shem/config.toml``::

    profile = "staging"             # which one is used; "default" when left out

    [profiles.staging]
    server = "https://shem.example.org"
    app = "shop"
    environment = "test"
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from shem.errors import BadInput

DEFAULT_SERVER = "http://127.0.0.1:8421"


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a profile may say; what it leaves out has its default."""

    server: str | None = None
    app: str | None = None
    environment: str | None = None


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: which profile is used, and all of them by name."""

    profile: str = "default"
    profiles: dict[str, Profile] = {}


class Target(msgspec.Struct, frozen=True):
    """The server, application and environment that a command speaks to."""

    server: str
    app: str
    environment: str


def target(
    server: str | None, app: str | None, environment: str | None, environ: Mapping[str, str] = os.environ
) -> Target:
    """Raises ``BadInput`` where the configuration file cannot be used."""
    profile = read_profile(config_path(environ))
    return Target(
        server or environ.get("SHEM_SERVER") or profile.server or DEFAULT_SERVER,
        app or profile.app or "default",
        environment or profile.environment or "default",
    )


def data_directory(data: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Where a server of this machine keeps its state."""
    if data is not None:
        return data
    if environ.get("SHEM_DATA"):
        return Path(environ["SHEM_DATA"])
    return _xdg(environ, "XDG_DATA_HOME", ".local/share") / "shem"


def config_path(environ: Mapping[str, str]) -> Path:
    """Where the configuration file is, whether it exists or not."""
    return _xdg(environ, "XDG_CONFIG_HOME", ".config") / "shem" / "config.toml"


def read_profile(path: Path) -> Profile:
    """The profile in use; an empty one where there is no file. Raises ``BadInput`` that names the file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return Profile()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from None
    try:
        config = msgspec.convert(tomllib.loads(text), Config)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadInput(f"{path} is not a configuration: {error}") from None
    if config.profile not in config.profiles and config.profile != "default":
        raise BadInput(
            f"{path} has no profile {config.profile!r}", hint=f"It has: {', '.join(config.profiles)}."
        )
    return config.profiles.get(config.profile, Profile())


def _xdg(environ: Mapping[str, str], name: str, otherwise: str) -> Path:
    # The base directory specification has relative paths ignored.
    path = Path(environ.get(name) or "")
    return path if path.is_absolute() else Path(environ.get("HOME") or Path.home()) / otherwise
