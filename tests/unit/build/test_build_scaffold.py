"""``shem new`` makes an application that works as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shem.build.application import package
from shem.build.scaffold import new_application, templates
from shem.errors import BadInput, Conflict

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize("template", templates())
def test_a_new_application_can_be_packaged_and_its_tests_pass(tmp_path: Path, template: str) -> None:
    root = tmp_path / "My First App"
    made = new_application(root, template)
    assert sorted(made) == sorted(p.relative_to(root) for p in root.rglob("*") if p.is_file())
    assert package(root).name == "my-first-app"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("x")
    with pytest.raises(Conflict, match="not an empty folder"):
        new_application(tmp_path)
    with pytest.raises(Conflict):
        new_application(tmp_path / "precious.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["precious.txt"]


def test_an_unknown_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="'nonsense'") as raised:
        new_application(tmp_path / "a", "nonsense")
    assert "counter" in str(raised.value.hint)


@pytest.mark.parametrize(
    ("name", "module"), [("counter", "counter"), ("shopping_cart", "shopping_cart"), ("todo", "todo")]
)
def test_the_examples_can_be_packaged(name: str, module: str) -> None:
    assert json.loads(package(EXAMPLES / name).manifest)["agents"] == [module]
