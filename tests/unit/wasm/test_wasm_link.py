"""An import finds the host function it means, or the error says which it did not find."""

from __future__ import annotations

import pytest
import wasmtime

from shem.wasm.component import Component
from shem.wasm.engine import Engine
from shem.wasm.errors import LinkError, MalformedComponent, Trap, ValueMismatch
from shem.wasm.host import HostInterface
from shem.wasm.types import FuncType, ListType, Prim, ResourceType
from shem.wasm.versions import best_match

WAT = """(component
  (import "wasi:clocks/wall@0.2.3" (instance $clock
    (export "now" (func (result u64)))
    (export "resolution" (func (result u64)))))
  (import "local:files/store" (instance $files
    (export "file" (type $file (sub resource)))
    (export "open" (func (result (own $file))))))
  (import "root" (func $root (param "n" u8) (result u8)))
  (core func $now (canon lower (func $clock "now")))
  (core func $root (canon lower (func $root)))
  (core func $open (canon lower (func $files "open")))
  (alias export $files "file" (type $file))
  (core func $drop (canon resource.drop $file))
  (core module $main
    (import "" "now" (func $now (result i64)))
    (import "" "open" (func $open (result i32))) (import "" "drop" (func $drop (param i32)))
    (func (export "now") (result i64) (call $now))
    (func (export "file") (call $drop (call $open))))
  (core instance $main (instantiate $main (with "" (instance
    (export "now" (func $now)) (export "open" (func $open)) (export "drop" (func $drop))))))
  (func $time (result u64) (canon lift (core func $main "now")))
  (instance $api (export "time" (func $time)))
  (export "local:api/clock@1.0.0" (instance $api))
  (func (export "file") (canon lift (core func $main "file"))))"""


@pytest.fixture(scope="module")
def component(tmp_path_factory: pytest.TempPathFactory) -> Component:
    return Component.load(Engine(tmp_path_factory.mktemp("code")), bytes(wasmtime.wat2wasm(WAT)))


def hosts(clock: str = "wasi:clocks/wall@0.2.12") -> list[HostInterface]:
    wall, files, root = HostInterface(clock), HostInterface("local:files/store"), HostInterface("")
    wall.functions.update({"now": lambda context: 5, "resolution": lambda context: 1})
    files.functions["open"] = lambda context: "a file"
    files.resource("file", drop=lambda context, file: context.append(file))
    root.functions["root"] = lambda context, n: n
    return [wall, files, root]


def test_what_is_imported_and_exported_is_told(component: Component) -> None:
    assert component.imports == {
        "wasi:clocks/wall@0.2.3": {
            "now": FuncType((), Prim("u64")),
            "resolution": FuncType((), Prim("u64")),
        },
        "local:files/store": {"open": component.imports["local:files/store"]["open"]},
        "": {"root": FuncType((("n", Prim("u8")),), Prim("u8"))},
    }
    assert component.exports["local:api/clock@1.0.0"] == {"time": FuncType((), Prim("u64"))}
    assert len(component.hash) == 64


@pytest.mark.parametrize("version", ["0.2.0", "0.2.3", "0.2.12"])
def test_compatible_versions_satisfy_an_import(component: Component, version: str) -> None:
    instance = component.link(hosts(f"wasi:clocks/wall@{version}")).instantiate(None)
    assert instance.call("local:api/clock@1.0.0", "time") == 5


def test_what_is_missing_is_named(component: Component) -> None:
    wall, files, _ = hosts("wasi:clocks/wall@0.3.0")
    del files.resources["file"]
    with pytest.raises(LinkError) as caught:
        component.link([wall, files])
    assert str(caught.value).endswith(
        "wasi:clocks/wall@0.2.3#now, wasi:clocks/wall@0.2.3#resolution, local:files/store#file, root"
    )


def test_what_is_missing_can_be_made_to_trap_when_it_is_called(component: Component) -> None:
    _, files, root = hosts()
    instance = component.link([files, root], trap_unknown=True).instantiate([])
    instance.call("", "file")
    with pytest.raises(Trap, match=r"unsupported import wasi:clocks/wall@0\.2\.3#now"):
        instance.call("local:api/clock@1.0.0", "time")


def test_named_types_are_told(component: Component) -> None:
    assert set(component.types) == {
        "wasi:clocks/wall@0.2.3",
        "local:files/store",
        "local:api/clock@1.0.0",
        "",
    }
    (file,) = component.types["local:files/store"].values()
    assert isinstance(file, ResourceType)
    assert (file.name, file.interface) == ("file", "local:files/store")


def test_dropping_a_handle_drops_the_hosts_resource(component: Component) -> None:
    dropped: list[str] = []
    instance = component.link(hosts()).instantiate(dropped)
    instance.call("", "file")
    assert dropped == ["a file"]


def test_a_module_that_is_not_valid_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    wat = "(component (core module $m (func (result i32) (i32.const 77))) (core instance (instantiate $m)))"
    wasm = bytes(wasmtime.wat2wasm(wat))
    broken = wasm.replace(bytes([0x41, 77 | 0x80, 0]), bytes([0x01, 0x01, 0x01]))  # no constant on the stack
    assert broken != wasm
    engine = Engine(tmp_path_factory.mktemp("code"))
    Component.load(engine, wasm)
    with pytest.raises(MalformedComponent, match="core module"):
        Component.load(engine, broken)


@pytest.mark.parametrize(
    ("wanted", "offered", "found"),
    [
        ("a:b/c", ["a:b/c", "a:b/c@1.0.0"], "a:b/c"),
        ("a:b/c", ["a:b/c@1.0.0"], None),
        ("a:b/c@0.2.0", ["a:b/c@0.2.1", "a:b/c@0.2.12", "a:b/c@0.2.3"], "a:b/c@0.2.12"),
        ("a:b/c@0.2.1", ["a:b/c@0.2.1", "a:b/c@0.2.12"], "a:b/c@0.2.1"),
        ("a:b/c@0.2.0", ["a:b/c@0.3.0", "a:b/c@1.2.0", "a:b/d@0.2.0"], None),
        ("a:b/c@1.5.0", ["a:b/c@1.0.0", "a:b/c@2.5.0"], "a:b/c@1.0.0"),
        ("a:b/c@0.0.1", ["a:b/c@0.0.2"], None),
        ("a:b/c@0.2.0-rc-2023", ["a:b/c@0.2.0"], None),
        ("a:b/c@0.2.0-rc-2023", ["a:b/c@0.2.0-rc-2023"], "a:b/c@0.2.0-rc-2023"),
    ],
)
def test_versions_match_as_semver_says(wanted: str, offered: list[str], found: str | None) -> None:
    assert best_match(wanted, offered) == found


def test_values_of_lists_are_checked_with_their_path(tmp_path_factory: pytest.TempPathFactory) -> None:
    host = HostInterface("")
    host.functions["list"] = lambda context: [1, 2, "3"]
    wat = """(component
      (import "list" (func $list (result (list u16))))
      (core module $memory (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
      (core instance $memory (instantiate $memory))
      (core func $list (canon lower (func $list) (memory (core memory $memory "memory"))
        (realloc (core func $memory "realloc"))))
      (core module $main (import "" "list" (func $list (param i32)))
        (func (export "run") (call $list (i32.const 0))))
      (core instance $main (instantiate $main (with "" (instance (export "list" (func $list))))))
      (func (export "run") (canon lift (core func $main "run"))))"""
    component = Component.load(Engine(tmp_path_factory.mktemp("code")), bytes(wasmtime.wat2wasm(wat)))
    assert component.imports[""]["list"].result == ListType(Prim("u16"))
    with pytest.raises(ValueMismatch) as caught:
        component.link([host]).instantiate(None).call("", "run")
    assert (caught.value.path, caught.value.expected, caught.value.got) == ("result of list[2]", "u16", "str")
