"""Real server processes, real applications."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shem.build.application import package
from shem.client import Client
from shem.testing import ServerProcess
from shem.testing.load import PATIENT
from shem.views import VersionView

EXAMPLES = Path(__file__).parents[2] / "examples"

Deploy = Callable[[Client, Path], VersionView]


def deploy(client: Client, directory: Path) -> VersionView:
    """Build and deploy the application in ``directory``."""
    built = package(directory)
    return client.deploy(built.name, built.manifest, wasm=built.wasm, files=built.files)


def write_application(directory: Path, source: str, *, name: str = "app") -> Path:
    """An application of one module, ``agents.py``."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "agents.py").write_text(textwrap.dedent(source))
    (directory / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "0"\n[tool.shem]\nname = "{name}"\nagents = ["agents"]\n'
    )
    return directory


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for a test module; tests may kill and start it."""
    with ServerProcess(tmp_path_factory.mktemp("server") / "data") as process:
        yield process


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    with Client(server.url, retry=PATIENT) as opened:
        yield opened
