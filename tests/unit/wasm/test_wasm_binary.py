"""Every section and every form of definition is read, and what is not supported is refused by name."""

from __future__ import annotations

import pytest
import wasmtime

from shem.wasm import declarations as d
from shem.wasm.binary import read_component
from shem.wasm.binary_types import MAX_NESTING, PRIMITIVES
from shem.wasm.core import CoreSignature
from shem.wasm.errors import MalformedComponent
from shem.wasm.types import Prim

HEADER = b"\0asm\x0d\0\x01\0"


def bodies(wat: str) -> list[d.Body]:
    return [item.body for item in read_component(bytes(wasmtime.wat2wasm(wat))).definitions]


def refused(wasm: bytes) -> MalformedComponent:
    with pytest.raises(MalformedComponent) as caught:
        read_component(wasm)
    assert 0 <= caught.value.offset <= len(wasm)
    return caught.value


def section(code: int, payload: bytes) -> bytes:
    assert len(payload) < 128
    return bytes([code, len(payload)]) + payload


def test_an_empty_component_has_no_definitions() -> None:
    assert bodies("(component)") == []


def test_value_types_are_read() -> None:
    primitives = [prim.name for prim in PRIMITIVES.values()]
    assert bodies("(component" + "".join(f"(type {name})" for name in primitives) + ")") == [
        d.TypeDef(Prim(name)) for name in primitives
    ]
    assert bodies("""(component
        (type $p (record (field "x" u8) (field "y" string)))
        (type (variant (case "a") (case "b" $p)))
        (type (list $p)) (type (list u8 4)) (type (map string $p))
        (type (tuple u8 $p)) (type (flags "r" "w")) (type (enum "x" "y")) (type (option $p))
        (type (result)) (type (result $p)) (type (result (error $p))) (type (result u8 (error $p)))
        )""") == [
        d.TypeDef(body)
        for body in (
            d.RecordDef((("x", Prim("u8")), ("y", Prim("string")))),
            d.VariantDef((("a", None), ("b", 0))),
            d.ListDef(0),
            d.ListDef(Prim("u8"), 4),
            d.MapDef(Prim("string"), 0),
            d.TupleDef((Prim("u8"), 0)),
            d.FlagsDef(("r", "w")),
            d.EnumDef(("x", "y")),
            d.OptionDef(0),
            d.ResultDef(None, None),
            d.ResultDef(0, None),
            d.ResultDef(None, 0),
            d.ResultDef(Prim("u8"), 0),
        )
    ]


def test_resources_functions_and_handles_are_read() -> None:
    assert bodies("""(component
        (type $r (resource (rep i32)))
        (type (own $r)) (type (borrow $r))
        (type (func (param "a" 1) (param "b" u8) (result string)))
        (type (func)))""") == [
        d.TypeDef(d.ResourceDef(None)),
        d.TypeDef(d.OwnDef(0)),
        d.TypeDef(d.BorrowDef(0)),
        d.TypeDef(d.FuncDef((("a", 1), ("b", Prim("u8"))), Prim("string"))),
        d.TypeDef(d.FuncDef((), None)),
    ]


def test_instance_and_component_types_are_read() -> None:
    found = bodies("""(component
        (type $t u8)
        (type (instance
          (alias outer 1 $t (type $u))
          (core type (func (param i32)))
          (type (func (param "a" $u)))
          (export "r" (type (sub resource)))
          (export "e" (type (eq $u)))
          (export "f" (func (type 1)))))
        (type (component
          (import "a:b/c@1.2.3" (instance))
          (import "m" (core module))
          (export "d" (component)))))""")
    assert found[1] == d.TypeDef(
        d.InstanceTypeDef(
            (
                d.OuterAlias("type", 1, 0),
                d.CoreTypeDef(CoreSignature(("i32",), ())),
                d.TypeDef(d.FuncDef((("a", 0),), None)),
                d.ExportDeclarator("r", d.ExternDesc("type", None)),
                d.ExportDeclarator("e", d.ExternDesc("type", 0)),
                d.ExportDeclarator("f", d.ExternDesc("func", 1)),
            )
        )
    )
    assert isinstance(found[2], d.TypeDef)
    assert isinstance(found[2].body, d.ComponentTypeDef)
    assert [item for item in found[2].body.body if isinstance(item, d.ImportDef | d.ExportDeclarator)] == [
        d.ImportDef("a:b/c@1.2.3", d.ExternDesc("instance", 0)),
        d.ImportDef("m", d.ExternDesc("core module", 0)),
        d.ExportDeclarator("d", d.ExternDesc("component", 1)),
    ]


def test_core_instances_aliases_and_canonical_functions_are_read() -> None:
    found = bodies("""(component
        (import "log" (func $log (param "s" string)))
        (core module $libc (memory (export "m") 1)
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
        (core instance $l (instantiate $libc))
        (alias core export $l "m" (core memory $m))
        (core func $low (canon lower (func $log) (memory $m) string-encoding=utf16))
        (core instance $given (export "log" (func $low)))
        (core module $main (import "host" "log" (func (param i32 i32))) (func (export "run")))
        (core instance $i (instantiate $main (with "host" (instance $given))))
        (func $run (canon lift (core func $i "run")))
        (export "run" (func $run)))""")
    assert d.CoreInstantiateDef(0, ()) in found
    assert d.ExportAlias("core memory", 0, "m", core=True) in found
    assert d.LowerDef(0, d.OptionsDef("utf16", memory=0)) in found
    assert d.CoreBundleDef((("log", d.Reference("core func", 0)),)) in found
    assert d.CoreInstantiateDef(1, (("host", 1),)) in found
    assert d.LiftDef(1, d.OptionsDef(), 1) in found
    assert d.ExportDef("run", d.Reference("func", 1), None) in found


def test_components_instances_and_aliases_of_every_sort_are_read() -> None:
    found = bodies("""(component $root
        (core module $m)
        (core type $ct (func))
        (type $t u8)
        (component $c
          (alias outer $root $m (core module))
          (alias outer $root $ct (core type))
          (alias outer $root $t (type $t))
          (component $empty)
          (export "t" (type $t)) (export "c" (component $empty)))
        (instance $i (instantiate $c (with "unused" (type $t))))
        (alias export $i "t" (type))
        (alias export $i "c" (component))
        (instance $bundle (export "x" (type $t)))
        (export "named:pkg/bundle@0.1.0" (instance $bundle)))""")
    inner = next(item.component for item in found if isinstance(item, d.ComponentDef))
    assert [item.body for item in inner.definitions if isinstance(item.body, d.OuterAlias)] == [
        d.OuterAlias("core module", 1, 0),
        d.OuterAlias("core type", 1, 0),
        d.OuterAlias("type", 1, 0),
    ]
    assert d.InstantiateDef(0, (("unused", d.Reference("type", 0)),)) in found
    assert d.ExportAlias("type", 0, "t", core=False) in found
    assert d.ExportAlias("component", 0, "c", core=False) in found
    assert d.BundleDef((("x", d.Reference("type", 0)),)) in found
    assert d.ExportDef("named:pkg/bundle@0.1.0", d.Reference("instance", 1), None) in found


def test_resource_functions_and_start_are_read() -> None:
    found = bodies("""(component
        (type $r (resource (rep i32)))
        (core func (canon resource.new $r)) (core func (canon resource.rep $r))
        (core func (canon resource.drop $r))
        (import "f" (func $f)) (start $f))""")
    assert [item for item in found if isinstance(item, d.ResourceFunctionDef)] == [
        d.ResourceFunctionDef("new", 0),
        d.ResourceFunctionDef("rep", 0),
        d.ResourceFunctionDef("drop", 0),
    ]
    assert found[-1] == d.StartDef(0, (), 0)


def test_core_types_of_every_kind_are_read() -> None:
    assert bodies("""(component
        (core type (func (param i32)))
        (core type (struct (field i32)))
        (core type (module (type (func)) (import "a" "b" (func (type 0))) (export "m" (memory 1))))
        (core type (array i32)))""") == [
        d.CoreTypeDef(CoreSignature(("i32",), ())),
        d.CoreTypeDef(None),
        d.CoreTypeDef(d.CoreModuleType()),
        d.CoreTypeDef(None),
    ]


def test_a_definition_knows_where_it_stands() -> None:
    wasm = bytes(wasmtime.wat2wasm("(component (type u8) (type u16))"))
    first, second = read_component(wasm).definitions
    assert (first.section, second.offset - first.offset) == ("type", 1)
    assert wasm[first.offset] == 0x7D


def test_a_core_module_is_refused_as_such() -> None:
    error = refused(bytes(wasmtime.wat2wasm("(module)")))
    assert error.reason == "this is a core module; a component is needed"
    assert (error.offset, error.section) == (4, "header")


@pytest.mark.parametrize("data", [b"", b"\0as", b"\x7fELF....", b"\0asm\x0d\0", b"\0asm\x0a\0\x01\0"])
def test_what_is_not_a_component_is_refused(data: bytes) -> None:
    assert refused(data).section == "header"


@pytest.mark.parametrize(
    ("wat", "reason"),
    [
        ("(component (type (func async)))", "asynchronous functions"),
        ("(component (type (stream u8)))", "streams"),
        ("(component (type (future)))", "futures"),
        ('(component (type (func (param "e" error-context))))', "error contexts"),
        ("(component (core func (canon task.cancel)))", "asynchronous calls or threads"),
        ("(component (core func (canon backpressure.inc)))", "asynchronous calls or threads"),
        (
            '(component (import "f" (func $f)) (core func (canon lower (func $f) async)))',
            "asynchronous lifting",
        ),
        ('(component (import "v" (value string)))', "values"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(wat: str, reason: str) -> None:
    error = refused(bytes(wasmtime.wat2wasm(wat)))
    assert reason in error.reason
    assert "not supported" in error.reason


@pytest.mark.parametrize(
    ("tail", "reason", "where"),
    [
        (section(7, b"\x01\x72\x00"), "nothing in it", "type"),
        (section(7, b"\x01\x72\x02\x01a\x7f\x01a\x7f"), "field 'a' occurs twice", "type"),
        (section(7, b"\x01\x6e\x02\x01a\x01a"), "flag 'a' occurs twice", "type"),
        (section(7, b"\x01\x67\x7f\x00"), "without any values", "type"),
        (section(7, b"\x01\x4a"), "unknown type 0x4a", "type"),
        (section(7, b"\x01\x70\x4a"), "unknown value type 0x4a", "type"),
        (section(7, b"\x01\x3f\x7e\x00"), "represented by an i32", "type"),
        (section(7, b"\x01\x40\x00\x01\x01\x01a\x7f"), "named results", "type"),
        (section(7, b"\x01\x42\x01\x01\x3f\x7f\x00"), "defined inside a type", "type"),
        (section(7, b"\x01\x42\x01\x03\x00\x01a\x01\x00"), "unknown declarator", "type"),
        (section(7, b"\x01\x70"), "unexpected end", "type"),
        (section(7, b"\x7f\x7f"), "vector of 127 items", "type"),
        (section(7, b"\x01\x7f\x7f"), "left over", "type"),
        (section(6, b"\x01\x09\x00\x00\x01a"), "unknown sort", "alias"),
        (section(6, b"\x01\x00\x09\x00\x00\x01a"), "unknown core sort", "alias"),
        (section(6, b"\x01\x01\x03\x00\x01a"), "unknown target", "alias"),
        (section(8, b"\x01\x01\x00\x00\x02\x03\x00\x03\x00"), "memory is given twice", "canon"),
        (section(8, b"\x01\x01\x00\x00\x02\x00\x01"), "encoding is given twice", "canon"),
        (section(8, b"\x01\x01\x00\x00\x01\x55"), "unknown canonical option", "canon"),
        (section(10, b"\x01\x05\x01a\x01\x00"), "form of name", "import"),
        (section(10, b"\x01\x00\x01a\x09\x00"), "unknown kind", "import"),
        (section(10, b"\x01\x00\x01a\x03\x02"), "unknown bound", "import"),
        (section(2, b"\x01\x02\x00"), "unknown form", "core instance"),
        (section(5, b"\x01\x02\x00"), "unknown form", "instance"),
        (section(12, b"\x00"), "values are not supported", "value"),
        (section(13, b""), "unknown section 13", "component"),
        (b"\x07\x05\x01", "runs past the end", "type"),
        (section(1, HEADER), "not a core module", "core module"),
    ],
)
def test_a_broken_section_is_refused_with_its_place(tail: bytes, reason: str, where: str) -> None:
    error = refused(HEADER + tail)
    assert reason in error.reason
    assert error.section == where
    assert f"offset {error.offset:#x}" in str(error)


def test_components_and_types_nest_only_so_deep() -> None:
    nested = "(component " * (MAX_NESTING + 2) + ")" * (MAX_NESTING + 2)
    assert "nested more than" in refused(bytes(wasmtime.wat2wasm(nested))).reason
    types = b"\x42\x00"
    for _ in range(MAX_NESTING + 1):
        types = b"\x42\x01\x01" + types
    wasm = HEADER + b"\x07" + bytes([len(types) + 1 & 0x7F | 0x80, len(types) + 1 >> 7]) + b"\x01" + types
    assert "nested more than" in refused(wasm).reason
