"""The components that ``bench.component`` runs: a small one from text, and one of Python."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import wasmtime

SMALL = """(component
  (import "number" (func $number (result u64)))
  (import "echo" (func $echo (param "text" string) (result string)))
  (core module $memory
    (memory (export "memory") 64)
    (global $next (mut i32) (i32.const 4096))
    (func (export "reset") (global.set $next (i32.const 4096)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))
  (core instance $memory (instantiate $memory))
  (core func $number (canon lower (func $number)))
  (core func $echo (canon lower (func $echo)
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core module $main
    (import "m" "memory" (memory 1))
    (import "m" "reset" (func $reset))
    (import "h" "number" (func $number (result i64)))
    (import "h" "echo" (func $echo (param i32 i32 i32)))
    (func (export "sum-numbers") (param $times i32) (result i64) (local $sum i64)
      (loop $again
        (local.set $sum (i64.add (local.get $sum) (call $number)))
        (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
      (local.get $sum))
    (func (export "echo-text") (param $at i32) (param $size i32) (param $times i32) (result i32)
      (local $sum i32)
      (memory.copy (i32.const 1024) (local.get $at) (local.get $size))
      (loop $again
        (call $reset)
        (call $echo (i32.const 1024) (local.get $size) (i32.const 16))
        (local.set $sum (i32.add (local.get $sum) (i32.load (i32.const 20))))
        (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
      (call $reset)
      (local.get $sum))
    (func (export "give-back") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0))
      (i32.store (i32.const 20) (local.get 1))
      (call $reset)
      (i32.const 16)))
  (core instance $main (instantiate $main (with "m" (instance $memory))
    (with "h" (instance (export "number" (func $number)) (export "echo" (func $echo))))))
  (func (export "sum-numbers") (param "times" u32) (result u64)
    (canon lift (core func $main "sum-numbers")))
  (func (export "echo-text") (param "text" string) (param "times" u32) (result u32)
    (canon lift (core func $main "echo-text")
      (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (func (export "give-back") (param "data" (list u8)) (result (list u8))
    (canon lift (core func $main "give-back")
      (memory (core memory $memory "memory")) (realloc (core func $memory "realloc")))))"""

_WIT = """package bench:python;

world guest {
  export total: func(request: string) -> string;
}
"""

_PYTHON = """import json

import wit_world


class WitWorld(wit_world.WitWorld):
    def total(self, request: str) -> str:
        return json.dumps({"total": sum(json.loads(request))})
"""


def small_component() -> bytes:
    """Host calls, strings and bytes, without a language runtime."""
    return bytes(wasmtime.wat2wasm(SMALL))


def python_component(cache: Path) -> bytes:
    """CPython with one function, JSON in and JSON out, by componentize-py; built once.

    Raises:
        subprocess.CalledProcessError: componentize-py failed.
    """
    inputs = _WIT + _PYTHON + importlib.metadata.version("componentize-py")
    path = cache / f"bench-{hashlib.sha256(inputs.encode()).hexdigest()[:16]}.wasm"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            _componentize(Path(scratch)).rename(path)
    return path.read_bytes()


def _componentize(folder: Path) -> Path:
    (folder / "guest.wit").write_text(_WIT)
    (folder / "app").mkdir()
    (folder / "app" / "bench_guest.py").write_text(_PYTHON)
    # Without one of its own, componentize-py takes the packages of this program's environment into the guest.
    (folder / "environment" / "lib" / "site-packages").mkdir(parents=True)
    program = "import sys; from componentize_py import script; sys.exit(script())"
    arguments = [
        "-d",
        "guest.wit",
        "-w",
        "guest",
        "componentize",
        "-p",
        "app",
        "-o",
        "guest.wasm",
        "bench_guest",
    ]
    subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env=os.environ | {"VIRTUAL_ENV": str(folder / "environment")},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return folder / "guest.wasm"
