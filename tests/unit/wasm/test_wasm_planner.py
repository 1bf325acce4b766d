"""A component becomes a plan that can be followed without checks, or is refused with one clear error."""

from __future__ import annotations

import pickle
from typing import Any, TypeVar

import pytest
import wasmtime

from shem.wasm.core import CoreSignature
from shem.wasm.errors import MalformedComponent
from shem.wasm.plan import (
    CanonOptions,
    GlobalSlot,
    HostFunc,
    Instantiate,
    LiftedFunc,
    LinkPlan,
    LowerFunc,
    MemorySlot,
    ResourceDrop,
    ResourceNew,
    ResourceRep,
    TableSlot,
)
from shem.wasm.planner import MAX_INSTANCES, plan_component
from shem.wasm.types import (
    BorrowType,
    FuncType,
    ListType,
    OwnType,
    Prim,
    RecordType,
    ResourceType,
    TupleType,
)

S = TypeVar("S")

MEMORY = """
  (core module $libc (memory (export "m") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
  (core instance $l (instantiate $libc))
  (alias core export $l "m" (core memory $m))
  (alias core export $l "realloc" (core func $realloc))
"""

STRING = Prim("string")
U32 = Prim("u32")


def plan(wat: str) -> LinkPlan:
    found = plan_component(bytes(wasmtime.wat2wasm(wat)))
    check(found)
    return found


def steps_of(found: LinkPlan, kind: type[S]) -> list[S]:
    return [step for step in found.steps if isinstance(step, kind)]


def check(found: LinkPlan) -> None:
    """Every slot is filled once, and before anything reads it."""
    filled: set[int] = set()

    def read(*slots: int | None) -> None:
        assert {slot for slot in slots if slot is not None} <= filled

    def fill(*slots: int) -> None:
        assert filled.isdisjoint(slots)
        filled.update(slots)

    def callable_(function: HostFunc | LiftedFunc) -> None:
        if isinstance(function, LiftedFunc):
            options = function.options
            read(function.slot, options.memory, options.realloc, options.post_return)
            assert 0 <= options.table < len(found.parents)

    for step in found.steps:
        match step:
            case Instantiate(module, imports, exports):
                assert 0 <= module < len(found.modules)
                read(*imports)
                fill(*(slot for _, slot in exports))
            case LowerFunc(slot, function, options):
                callable_(function)
                read(options.memory, options.realloc)
                fill(slot)
            case ResourceNew(slot, _, table) | ResourceRep(slot, _, table) | ResourceDrop(slot, _, table):
                assert 0 <= table < len(found.parents)
                fill(slot)
    for interface in found.exports.values():
        for function in interface.functions.values():
            callable_(function)
    read(*(memory.slot for memory in found.memories))
    read(*(state.slot for state in found.globals))
    read(*(table.slot for table in found.tables))
    for resource in found.resources:
        read(resource.destructor)
    assert filled == set(range(found.slots))


def refused(wat: str) -> str:
    wasm = bytes(wasmtime.wat2wasm(wat))
    with pytest.raises(MalformedComponent) as caught:
        plan_component(wasm)
    assert 0 < caught.value.offset < len(wasm)
    assert caught.value.section
    return caught.value.reason


def test_a_function_of_the_host_is_lowered_and_one_of_the_guest_lifted() -> None:
    found = plan(f"""(component {MEMORY}
      (import "a:b/log@1.0.0" (instance $log (export "write" (func (param "s" string) (result u32)))))
      (core func $write (canon lower (func $log "write") (memory $m) string-encoding=latin1+utf16))
      (core module $main (import "log" "write" (func (param i32 i32) (result i32)))
        (func (export "run") (param i32 i32) (result i32) unreachable)
        (func (export "unused")))
      (core instance $i (instantiate $main (with "log" (instance (export "write" (func $write))))))
      (func (export "run") (param "name" string) (result u32)
        (canon lift (core func $i "run") (memory $m) (realloc (core func $realloc)))))""")
    type_ = FuncType((("s", STRING),), U32)
    signature = CoreSignature(("i32", "i32"), ("i32",))
    libc, lower, main = found.steps
    assert isinstance(libc, Instantiate)
    slots = dict(libc.exports)
    assert lower == LowerFunc(
        slot=2,
        function=HostFunc("a:b/log@1.0.0", "write", type_),
        options=CanonOptions(0, "latin1+utf16", memory=slots["m"]),
        signature=signature,
    )
    assert main == Instantiate(module=1, imports=(2,), exports=(("run", 3),))
    assert found.exports[""].functions == {
        "run": LiftedFunc(
            slot=3,
            type=FuncType((("name", STRING),), U32),
            options=CanonOptions(0, memory=slots["m"], realloc=slots["realloc"]),
            signature=signature,
        )
    }
    assert found.imports["a:b/log@1.0.0"].functions == {"write": type_}
    assert found.memories == (MemorySlot(slots["m"], 1, None),)


def test_only_exports_that_something_uses_are_looked_up() -> None:
    found = plan("""(component
      (core module $m (func (export "a")) (func (export "b")) (func (export "c")))
      (core instance $i (instantiate $m))
      (core module $n (import "x" "b" (func)))
      (core instance (instantiate $n (with "x" (instance $i))))
      (func (export "run") (canon lift (core func $i "c"))))""")
    assert {name for name, _ in steps_of(found, Instantiate)[0].exports} == {"b", "c"}


def test_a_module_used_twice_is_one_module_with_state_of_its_own_for_each_instance() -> None:
    found = plan("""(component
      (core module $m (memory 1 2) (global (mut i64) (i64.const 0)) (table 3 funcref))
      (core instance (instantiate $m)) (core instance (instantiate $m)))""")
    assert len(found.modules) == 1
    assert [step.module for step in steps_of(found, Instantiate)] == [0, 0]
    assert len({memory.slot for memory in found.memories}) == 2
    assert [(memory.minimum_pages, memory.maximum_pages) for memory in found.memories] == [(1, 2), (1, 2)]
    assert [state.type for state in found.globals] == ["i64", "i64"]
    assert [(table.minimum, table.maximum) for table in found.tables] == [(3, None), (3, None)]
    assert found.globals[0] != GlobalSlot(found.globals[1].slot, "i64")
    assert found.tables[0] != TableSlot(found.tables[1].slot, 3, None)


def test_modules_that_are_never_instantiated_are_left_out() -> None:
    assert plan("(component (core module) (core module))").modules == ()


def test_reasons_against_capture_are_collected() -> None:
    found = plan("""(component
      (core module $m (type (struct)))
      (core module $n (type (struct)) (memory 1 1 shared))
      (core instance (instantiate $m)) (core instance (instantiate $n)))""")
    assert found.uncapturable == ("garbage-collected types", "shared memory")


def test_types_are_resolved_through_aliases_of_every_depth() -> None:
    found = plan("""(component $root
      (type $point (record (field "x" u32) (field "y" u32)))
      (component $outer
        (component $inner
          (alias outer $root $point (type $p))
          (export $e "point" (type $p))
          (type (list $e))
          (export "points" (type 2)))
        (instance $i (instantiate $inner))
        (export "i" (instance $i)))
      (instance $o (instantiate $outer))
      (alias export $o "i" (instance $i))
      (export "a:b/geo" (instance $i)))""")
    point = RecordType((("x", U32), ("y", U32)))
    assert found.exports["a:b/geo"].types == {"point": point, "points": ListType(point)}
    assert found.parents == (None, 0, 1)


def test_a_map_is_a_list_of_pairs() -> None:
    found = plan('(component (type $t (map string u32)) (export "t" (type $t)))')
    assert found.exports[""].types == {"t": ListType(TupleType((STRING, U32)))}


def test_a_resource_of_the_host_is_one_identity_in_all_interfaces() -> None:
    found = plan("""(component
      (import "wasi:io/poll@0.2.9" (instance $poll (export "pollable" (type (sub resource)))))
      (alias export $poll "pollable" (type $pollable))
      (import "wasi:clocks/monotonic-clock@0.2.9" (instance $clock
        (alias outer 1 $pollable (type $p))
        (export "pollable" (type $q (eq $p)))
        (export "subscribe" (func (result (own $q))))))
      (core func (canon resource.drop $pollable)))""")
    pollable = found.imports["wasi:io/poll@0.2.9"].resources["pollable"]
    clock = found.imports["wasi:clocks/monotonic-clock@0.2.9"]
    assert (pollable.name, pollable.interface) == ("pollable", "wasi:io/poll@0.2.9")
    assert clock.resources == {"pollable": pollable}
    assert clock.functions["subscribe"] == FuncType((), OwnType(pollable))
    assert steps_of(found, ResourceDrop) == [ResourceDrop(0, pollable, 0)]


def test_things_imported_at_root_level_stand_under_the_empty_name() -> None:
    found = plan("""(component
      (import "r" (type $r (sub resource)))
      (import "t" (type $t (eq $r)))
      (import "f" (func (param "r" (borrow $t)))))""")
    resource = found.imports[""].resources["r"]
    assert (resource.name, resource.interface) == ("r", "")
    assert found.imports[""].resources["t"] is resource
    assert found.imports[""].functions["f"] == FuncType((("r", BorrowType(resource)),), None)


GUEST_RESOURCE = """
  (core module $m
    (func (export "drop") (param i32)) (func (export "get") (param i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  (alias core export $i "drop" (core func $drop))
  (type $r (resource (rep i32) (dtor (core func $drop))))
  (core func (canon resource.new $r)) (core func (canon resource.rep $r)) (core func (canon resource.drop $r))
  (func $get (param "self" (borrow $r)) (result u32) (canon lift (core func $i "get")))
"""


def test_a_resource_of_the_guest_has_a_destructor_and_its_three_functions() -> None:
    found = plan(f"""(component {GUEST_RESOURCE} (export "counter" (type $r)))""")
    (resource,) = found.resources
    assert (resource.type.name, resource.type.interface, resource.table) == ("counter", None, 0)
    assert resource.destructor is not None
    assert steps_of(found, ResourceNew)[0].resource is resource.type
    assert steps_of(found, ResourceRep)[0].resource is resource.type
    assert steps_of(found, ResourceDrop)[0].resource is resource.type


def test_each_instance_of_a_component_has_resources_of_its_own() -> None:
    found = plan(f"""(component
      (component $c {GUEST_RESOURCE} (export "counter" (type $r)))
      (instance $a (instantiate $c)) (instance $b (instantiate $c))
      (export "a" (instance $a)) (export "b" (instance $b)))""")
    first, second = (found.exports[name].types["counter"] for name in "ab")
    assert isinstance(first, ResourceType)
    assert first is not second
    assert [resource.table for resource in found.resources] == [1, 2]


def test_an_interface_is_exported_through_a_component_that_names_its_parts() -> None:
    found = plan(f"""(component {GUEST_RESOURCE}
      (component $shim
        (import "import-type-counter" (type $t (sub resource)))
        (import "import-method" (func $f (param "self" (borrow $t)) (result u32)))
        (export $e "counter" (type $t))
        (export "[method]counter.get" (func $f) (func (param "self" (borrow $e)) (result u32))))
      (instance $out (instantiate $shim
        (with "import-type-counter" (type $r)) (with "import-method" (func $get))))
      (export "a:b/counters@0.1.0" (instance $out)))""")
    offered = found.exports["a:b/counters@0.1.0"]
    (resource,) = found.resources
    assert resource.type.name == "counter"
    assert offered.types == {"counter": resource.type}
    get = offered.functions["[method]counter.get"]
    assert isinstance(get, LiftedFunc)
    assert get.type == FuncType((("self", BorrowType(resource.type)),), U32)
    assert get.options.table == 0


def test_a_function_lifted_in_one_component_is_lowered_into_another() -> None:
    found = plan(f"""(component
      (component $callee {MEMORY}
        (core module $m (func (export "len") (param i32 i32) (result i32) (local.get 1)))
        (core instance $i (instantiate $m))
        (func (export "len") (param "s" string) (result u32)
          (canon lift (core func $i "len") (memory $m) (realloc (core func $realloc)))))
      (component $caller
        (import "len" (func $len (param "s" string) (result u32))) {MEMORY}
        (core func $low (canon lower (func $len) (memory $m) string-encoding=utf16))
        (core module $m (import "" "len" (func (param i32 i32) (result i32))) (export "run" (func 0)))
        (core instance $i (instantiate $m (with "" (instance (export "len" (func $low))))))
        (func (export "run") (param "s" string) (result u32)
          (canon lift (core func $i "run") (memory $m) (realloc (core func $realloc)))))
      (instance $a (instantiate $callee))
      (instance $b (instantiate $caller (with "len" (func $a "len"))))
      (export "run" (func $b "run")))""")
    (lower,) = steps_of(found, LowerFunc)
    assert isinstance(lower.function, LiftedFunc)
    assert (lower.function.options.table, lower.function.options.encoding) == (1, "utf8")
    assert (lower.options.table, lower.options.encoding) == (2, "utf16")
    assert lower.function.options.memory != lower.options.memory
    run = found.exports[""].functions["run"]
    assert isinstance(run, LiftedFunc)
    assert run.options.table == 2
    assert found.imports == {}


def test_an_export_may_pass_on_an_import() -> None:
    found = plan("""(component
      (import "a:b/c" (instance $i (export "f" (func (param "x" u32)))))
      (export "d:e/f" (instance $i))
      (alias export $i "f" (func $f))
      (export "g" (func $f)))""")
    function = HostFunc("a:b/c", "f", FuncType((("x", U32),), None))
    assert found.exports["d:e/f"].functions == {"f": function}
    assert found.exports[""].functions == {"g": function}


def test_an_ascribed_instance_shows_only_what_its_type_names() -> None:
    found = plan("""(component
      (import "f" (func $f)) (import "g" (func $g))
      (instance $i (export "f" (func $f)) (export "g" (func $g)))
      (export "a:b/c" (instance $i) (instance (export "g" (func)))))""")
    assert set(found.exports["a:b/c"].functions) == {"g"}


def test_modules_and_components_can_be_handed_to_components() -> None:
    found = plan(
        """(component
      (core module $m (func (export "f")))
      (component $c (import "x" (func $x)) (export "y" (func $x)))
      (component $user
        (import "m" (core module $m (export "f" (func))))
        (import "c" (component $c (import "x" (func)) (export "y" (func))))
        (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f")))
        (instance $made (instantiate $c (with "x" (func $f))))
        (export "y" (func $made "y"))
        (export "m" (core module $m)))
      (instance $u (instantiate $user (with "m" (core module $m)) (with "c" (component $c))))
      (alias export $u "m" (core module $again))
      (core instance (instantiate $again))
      (export "y" (func $u "y")))"""
    )
    assert len(found.modules) == 1
    assert len(steps_of(found, Instantiate)) == 2
    assert isinstance(found.exports[""].functions["y"], LiftedFunc)


def test_parameters_beyond_sixteen_and_wide_results_go_through_memory() -> None:
    params = " ".join(f'(param "p{n}" u32)' for n in range(17))
    found = plan(f"""(component {MEMORY}
      (import "f" (func $f {params} (result (tuple u32 u64))))
      (core func $low (canon lower (func $f) (memory $m)))
      (core module $main (func (export "run") (param i32) (result i32) unreachable)
        (func (export "free") (param i32)))
      (core instance $i (instantiate $main))
      (func (export "run") {params} (result (tuple u32 u64))
        (canon lift (core func $i "run") (memory $m) (realloc (core func $realloc))
          (post-return (core func $i "free")))))""")
    assert steps_of(found, LowerFunc)[0].signature == CoreSignature(("i32", "i32"), ())
    run = found.exports[""].functions["run"]
    assert isinstance(run, LiftedFunc)
    assert run.signature == CoreSignature(("i32",), ("i32",))
    assert run.options.post_return is not None


def test_a_plan_survives_pickling_with_its_identities() -> None:
    found = plan(f"""(component {GUEST_RESOURCE} (export "counter" (type $r)) (export "get" (func $get)))""")
    again: LinkPlan = pickle.loads(pickle.dumps(found))
    get: Any = again.exports[""].functions["get"]
    assert get.type.params[0][1].resource is again.resources[0].type
    check(again)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('(core module $m (import "a" "b" (func))) (core instance (instantiate $m))', "nothing is given"),
        (
            """(core module $m (import "a" "b" (func)))
            (core module $n (func (export "b") (param i32))) (core instance $n (instantiate $n))
            (core instance (instantiate $m (with "a" (instance $n))))""",
            "core import 'a' 'b' is a function () -> (), given is a function (i32) -> ()",
        ),
        (
            """(core module $m (import "a" "b" (memory 1)))
            (core module $n (func (export "b"))) (core instance $n (instantiate $n))
            (core instance (instantiate $m (with "a" (instance $n))))""",
            "is a memory of 1 to any number of pages, given is a function",
        ),
        (
            """(core module $m) (core instance $i (instantiate $m)) (alias core export $i "f" (core func))""",
            "exports no core func 'f'",
        ),
        (
            """(core module $m (memory (export "f") 1)) (core instance $i (instantiate $m))
            (alias core export $i "f" (core func))""",
            "exports no core func 'f'",
        ),
        (
            """(core module $m (func (export "f") (param i32))) (core instance $i (instantiate $m))
            (func (canon lift (core func $i "f")))""",
            "to be lifted to this type it must be a function () -> ()",
        ),
        (
            """(core module $m (func (export "f") (param i32 i32))) (core instance $i (instantiate $m))
            (func (param "s" string) (canon lift (core func $i "f")))""",
            "needs the canonical option memory",
        ),
        (
            MEMORY
            + """(core module $x (func (export "f") (param i32 i32))) (core instance $i (instantiate $x))
            (func (param "s" string) (canon lift (core func $i "f") (memory $m)))""",
            "needs the canonical option realloc",
        ),
        (
            MEMORY
            + """(import "f" (func $f (result string)))
            (core func (canon lower (func $f) (memory $m)))""",
            "needs the canonical option realloc",
        ),
        (
            MEMORY
            + """(core module $x (func (export "f") (param i32 i32))) (core instance $i (instantiate $x))
            (func (param "s" string)
              (canon lift (core func $i "f") (memory $m) (realloc (core func $i "f"))))""",
            "realloc must be a function (i32 i32 i32 i32) -> (i32)",
        ),
        (
            """(core module $m (func (export "f")) (func (export "p") (param i64)))
            (core instance $i (instantiate $m))
            (func (canon lift (core func $i "f") (post-return (core func $i "p"))))""",
            "post-return must be a function () -> ()",
        ),
        (
            """(core module $m (func (export "f"))) (core instance $i (instantiate $m))
            (import "f" (func $f))
            (core func (canon lower (func $f) (post-return (core func $i "f"))))""",
            "post-return is only for functions that are lifted",
        ),
        (
            """(core module $m (memory (export "m") i64 1)) (core instance $i (instantiate $m))
            (import "f" (func $f (param "s" string)))
            (core func (canon lower (func $f) (memory (core memory $i "m"))))""",
            "32-bit addresses",
        ),
        (
            """(core module $m (func (export "d"))) (core instance $i (instantiate $m))
            (type (resource (rep i32) (dtor (core func $i "d"))))""",
            "a destructor must be a function (i32) -> ()",
        ),
        ("""(type $t u8) (core func (canon resource.drop $t))""", "type 0 is not a resource"),
        ("""(type $t u8) (type (own $t))""", "type 0 is not a resource"),
        (
            """(import "r" (type $r (sub resource))) (core func (canon resource.new $r))""",
            "only for resources defined in the same component",
        ),
        ("""(type $r (resource (rep i32))) (type (func (result (borrow $r))))""", "return a borrowed handle"),
        ("""(type $f (func)) (type (list $f))""", "type 0 is not a value type"),
        ("""(type $t u8) (import "f" (func (type $t)))""", "type 0 is not a function type"),
        ("""(type $t u8) (import "f" (instance (type $t)))""", "type 0 is not an instance type"),
        ("""(type $t (component)) (import "f" (instance (type $t)))""", "type 0 is not an instance type"),
        ("""(import "m" (core module))""", "import 'm' is a core module, which a host cannot offer"),
        ("""(import "c" (component))""", "import 'c' is a component, which a host cannot offer"),
        (
            """(import "c" (instance (export "inner" (instance))))""",
            "import 'c' has 'inner', a instance, which a host cannot offer",
        ),
        ("""(import "f" (func)) (import "f" (func))""", "'f' is imported twice"),
        ("""(import "f" (func $f)) (export "x" (func $f)) (export "x" (func $f))""", "'x' is exported twice"),
        (
            """(component $c (import "f" (func))) (instance (instantiate $c))""",
            "'f' must be a func, given is nothing",
        ),
        (
            """(component $c (import "f" (func))) (type $t u8)
            (instance (instantiate $c (with "f" (type $t))))""",
            "'f' must be a func, given is a type",
        ),
        (
            """(import "g" (func $g (param "x" u8))) (component $c (import "f" (func)))
            (instance (instantiate $c (with "f" (func $g))))""",
            "'f' is given with another type than is asked for",
        ),
        (
            """(import "i" (instance $i)) (component $c (import "i" (instance (export "f" (func)))))
            (instance (instantiate $c (with "i" (instance $i))))""",
            "'f' must be a func, given is nothing",
        ),
        (
            """(type $t u8) (component $c (import "r" (type (sub resource))))
            (instance (instantiate $c (with "r" (type $t))))""",
            "'r' must be a resource",
        ),
        (
            """(type $t u8) (component $c (type $u u16) (import "t" (type (eq $u))))
            (instance (instantiate $c (with "t" (type $t))))""",
            "'t' is given with another type",
        ),
        ("""(import "f" (func $f)) (export "f" (func $f) (func (param "x" u8)))""", "another type"),
        ("""(import "i" (instance $i)) (alias export $i "f" (func))""", "instance 0 exports no func 'f'"),
        ("""(import "f" (func $f)) (start $f)""", "start functions"),
        ("""(alias outer 0 7 (type))""", "there is no type 7 around this one"),
        ("""(alias outer 9 7 (type))""", "no 9 components"),
    ],
)
def test_a_component_that_does_not_fit_together_is_refused(body: str, reason: str) -> None:
    assert reason in refused(f"(component {body})")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('(export "f" (func 0))', "there is no func 0"),
        ("(core instance (instantiate 3))", "there is no core module 3"),
        ("(instance (instantiate 3))", "there is no component 3"),
        ("(type (list 5))", "there is no type 5"),
        ("(core func (canon lower (func 2)))", "there is no func 2"),
        ('(alias export 4 "x" (type))', "there is no instance 4"),
        ('(alias core export 4 "x" (core func))', "there is no core instance 4"),
        ("(core func (canon resource.drop 1))", "there is no type 1"),
        ('(core instance (export "x" (func 6)))', "there is no core func 6"),
        ('(instance (export "x" (func 6)))', "there is no func 6"),
    ],
)
def test_an_index_out_of_range_is_named(body: str, reason: str) -> None:
    assert reason in refused(f"(component {body})")


def test_what_is_defined_behind_a_component_is_out_of_its_sight() -> None:
    wat = "(component $root (component (alias outer $root 0 (type))) (type u8) (instance (instantiate 0)))"
    assert "0 are defined before it" in refused(wat)


def test_exponential_types_are_refused() -> None:
    doubling = "".join(f"(type (tuple {n} {n}))" for n in range(60))
    assert "parts" in refused(f"(component (type u8) {doubling})")


def test_deep_types_are_refused() -> None:
    chain = "".join(f"(type (list {n}))" for n in range(120))
    assert "nested more than 100 deep" in refused(f"(component (type u8) {chain})")


def test_exponential_instances_are_refused() -> None:
    levels = "".join(
        f"""(component (alias outer 1 {n} (component $c))
          (instance (instantiate $c)) (instance (instantiate $c)))"""
        for n in range(20)
    )
    assert f"more than {MAX_INSTANCES} component instances" in refused(
        f"(component (component) {levels} (instance (instantiate 20)))"
    )


def test_exponential_instance_types_are_refused() -> None:
    types = "".join(
        f"""(type (instance (alias outer 1 {n} (type $t))
          (export "a" (instance (type $t))) (export "b" (instance (type $t)))))"""
        for n in range(25)
    )
    instances = "".join(
        f'(instance $i{n + 1} (export "a" (instance $i{n})) (export "b" (instance $i{n})))' for n in range(25)
    )
    text = f"""(component (instance $i0) {instances}
      (component $c (type (instance)) {types} (import "x" (instance (type 25))))
      (instance (instantiate $c (with "x" (instance $i25)))))"""
    assert "more work than any real component needs" in refused(text)


def test_chains_of_instance_types_are_refused_before_they_overflow_the_stack() -> None:
    types = '(type (instance (export "x" (type (sub resource)))))' + "".join(
        f'(type (instance (alias outer 1 {n} (type $t)) (export "a" (instance (type $t)))))'
        for n in range(40)
    )
    instances = '(instance $i0 (export "x" (type $r)))' + "".join(
        f'(instance $i{n + 1} (export "a" (instance $i{n})))' for n in range(40)
    )
    text = f"""(component (type $r (resource (rep i32))) {instances}
      (component $c {types} (import "x" (instance (type 40))))
      (instance (instantiate $c (with "x" (instance $i40)))))"""
    assert "nested more than 32 deep" in refused(text)
