"""A project becomes the same package each time, and what is wrong with it is said before anything is sent."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import pytest

from shem.build import application
from shem.build.application import package
from shem.errors import BadComponent, BadInput, NotFound, ShemError, TooLarge

AGENT = "from shem_sdk import agent\n@agent\nclass A: ...\n"


def write(root: Path, **files: str) -> Path:
    """Files by name; ``__`` stands for ``/`` and ``_dot_`` for ``.``."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def names(data: bytes | None) -> list[str]:
    assert data is not None
    return zipfile.ZipFile(io.BytesIO(data)).namelist()


def test_a_project_without_settings_is_packaged(tmp_path: Path) -> None:
    root = write(tmp_path / "My Shop", shop_dot_py=AGENT, other_dot_py="x = 1", src__b_dot_py=AGENT)
    built = package(root)
    assert built.name == "My-Shop"
    assert json.loads(built.manifest) == {
        "name": "My-Shop",
        "language": "python",
        "agents": ["b", "shop"],
        "env": {},
    }
    assert names(built.files) == ["other.py", "shop.py", "src/b.py"]
    assert built.wasm is None


def test_settings_are_followed(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        pyproject_dot_toml='[project]\nname="p"\n[tool.shem]\nname="shop"\nagents=["pack.a"]\n'
        'env={CITY="Prague"}\nfiles=["pack/**/*.py", "data.txt"]',
        pack__a_dot_py=AGENT,
        data_dot_txt="x",
        secret_dot_txt="x",
    )
    built = package(root)
    assert json.loads(built.manifest) == {
        "name": "shop",
        "language": "python",
        "agents": ["pack.a"],
        "env": {"CITY": "Prague"},
    }
    assert "pack/a.py" in names(built.files)
    assert "secret.txt" not in names(built.files)


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    first = write(tmp_path / "a", b_dot_py=AGENT, a_dot_py="x = 1")
    second = write(tmp_path / "b", a_dot_py="x = 1", b_dot_py=AGENT)
    os.utime(second / "a.py", (1, 1))
    (second / "b.py").chmod(0o700)
    assert package(first).files == package(second).files


def test_leftovers_of_tools_stay_out(tmp_path: Path) -> None:
    root = tmp_path
    for name in (
        ".venv/x.py",
        ".git/config",
        ".pytest_cache/x",
        "tests/test_a.py",
        "dist/x.whl",
        "env/pyvenv.cfg",
        "env/x.py",
        "state/shem.db",
        "state/x.py",
        "pack/a.pyc",
        "a.egg-info/x",
        "pack/__pycache__/a.py",
        "node_modules/x.py",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("broken(")
    write(root, a_dot_py=AGENT, pack__build__a_dot_py="x = 1")
    (root / "loop").symlink_to(root)
    assert names(package(root).files) == ["a.py", "pack/build/a.py"]


def test_a_syntax_error_is_placed(tmp_path: Path) -> None:
    with pytest.raises(BadComponent, match=r"^pack/a\.py:3: ") as raised:
        package(write(tmp_path, pack__a_dot_py="\n\ndef broken(:\n"))
    assert raised.value.details == {"file": "pack/a.py", "line": 3}


def test_doubtful_source_is_taken(tmp_path: Path) -> None:
    package(write(tmp_path, a_dot_py=AGENT + "x = '\\d'\n"))


def test_a_file_that_is_no_text_is_placed(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"x = '\0'\n")
    with pytest.raises(BadComponent, match=r"^a\.py"):
        package(tmp_path)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ("[tool.shem]\nagent = ['a']", BadInput, "agent"),
        ("[tool.shem]\nagents = 'a'", BadInput, "agents"),
        ("[tool.shem]\nagents = ['b']", BadInput, "no module 'b'"),
        ("[tool.shem]\nfiles = ['../x']", BadInput, "leads out"),
        ("[tool.shem]\nfiles = ['/etc/passwd']", BadInput, "leads out"),
        ("[tool.shem]\nfiles = ['*.txt']", BadInput, "nothing matches"),
        ("[tool.shem]\nwasm = 'x.wasm'", BadInput, "does not exist"),
        ("[tool.shem]\nwasm = 'x.wasm'\nagents = ['a']", BadInput, "both"),
        ("[tool.shem", BadInput, "pyproject.toml"),
        ("", BadInput, "imports shem_sdk"),
    ],
)
def test_wrong_settings_are_named(
    tmp_path: Path, settings: str, error: type[ShemError], message: str
) -> None:
    with pytest.raises(error, match=message):
        package(write(tmp_path, a_dot_py="x = 1", pyproject_dot_toml=settings))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is not a folder"):
        package(tmp_path / "none")


def test_too_many_bytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "FILES_LIMIT_BYTES", 1024**2)
    (tmp_path / "data.bin").write_bytes(bytes(1024**2 + 1))
    with pytest.raises(TooLarge, match=r"data\.bin"):
        package(write(tmp_path, a_dot_py=AGENT))


def test_a_ready_made_component_is_taken_as_it_is(tmp_path: Path) -> None:
    root = write(tmp_path, pyproject_dot_toml='[tool.shem]\nname = "ready"\nwasm = "out/c.wasm"')
    (root / "out").mkdir()
    (root / "out/c.wasm").write_bytes(b"\0asm...")
    built = package(root)
    assert (built.wasm, built.files) == (b"\0asm...", None)
    assert json.loads(built.manifest)["language"] == "wasm"
