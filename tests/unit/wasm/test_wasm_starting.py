"""What a component's start asks of the host is asked once: an instance that becomes an image does not ask again."""

from __future__ import annotations

from pathlib import Path

import wasmtime

from shem.wasm.component import Component
from shem.wasm.engine import Engine
from shem.wasm.host import HostInterface

GUEST = """(component
  (import "draw" (func $draw (result u32)))
  (core func $draw (canon lower (func $draw)))
  (core module $main
    (import "" "draw" (func $draw (result i32)))
    (global $seed (mut i32) (i32.const 0))
    (func $start (global.set $seed (call $draw)))
    (start $start)
    (func (export "seed") (result i32) (global.get $seed))
    (func (export "draw") (result i32) (call $draw)))
  (core instance $main (instantiate $main (with "" (instance (export "draw" (func $draw))))))
  (func (export "seed") (result u32) (canon lift (core func $main "seed")))
  (func (export "draw") (result u32) (canon lift (core func $main "draw"))))"""


def test_a_start_has_its_own_context_and_its_image_the_instances(tmp_path: Path) -> None:
    host = HostInterface("")

    @host.function("draw")
    def draw(context: list[int]) -> int:
        return context.pop()

    linked = Component.load(Engine(tmp_path), bytes(wasmtime.wat2wasm(GUEST))).link([host])
    with linked.instantiate([7]) as first:
        image = first.capture()
    starting, own = [8], [9]
    with linked.instantiate(own, image, starting=starting) as instance:
        assert (starting, own) == ([], [9])
        assert instance.call("", "seed") == 7
        assert instance.call("", "draw") == 9
    with linked.instantiate([3]) as another:
        assert another.call("", "seed") == 3
