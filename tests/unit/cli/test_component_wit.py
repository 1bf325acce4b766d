"""``shem component wit`` prints the WIT of a component's file, and says where a broken one breaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import wasmtime

from shem.cli.main import run

WIT = "package root:component;\n\nworld root {\n  export double: func(n: u32) -> u32;\n}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    wat = """(component
      (core module $main (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))
      (core instance $main (instantiate $main))
      (func (export "double") (param "n" u32) (result u32) (canon lift (core func $main "double"))))"""
    path = tmp_path / "double.wasm"
    path.write_bytes(wasmtime.wat2wasm(wat))
    return path


def test_the_wit_of_a_file_is_printed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["component", "wit", str(file)]) == 0
    assert capsys.readouterr().out == WIT
    assert run(["component", "wit", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(file), "wit": WIT}


def test_a_broken_file_is_refused_with_section_and_offset(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    assert run(["component", "wit", str(file)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error[bad-component] {file}: ")
    assert "(section type, offset 0x" in said.err


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"(component)", "not WebAssembly"), (bytes(wasmtime.wat2wasm("(module)")), "a component is needed")],
)
def test_what_is_no_component_is_refused(
    file: Path, capsys: pytest.CaptureFixture[str], content: bytes, words: str
) -> None:
    file.write_bytes(content)
    assert run(["component", "wit", str(file)]) == 1
    assert words in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["component", "wit", str(tmp_path / "none.wasm")]) == 3
    assert run(["component", "wit", str(tmp_path)]) == 2
    assert "none.wasm" in capsys.readouterr().err
