"""The WIT of a component says what it imports and exports, with every type under its name."""

from __future__ import annotations

import textwrap

import wasmtime

from shem.wasm.planner import plan_component
from shem.wasm.wit import wit


def text_of(wat: str) -> str:
    return wit(plan_component(bytes(wasmtime.wat2wasm(wat))))


def expected(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


def test_an_empty_component_is_an_empty_world() -> None:
    assert text_of("(component)") == "package root:component;\n\nworld root {\n}\n"


def test_resources_have_their_functions_and_used_types_come_from_their_interface() -> None:
    assert text_of("""(component
      (import "wasi:io/poll@0.2.9" (instance $poll
        (export "pollable" (type $p (sub resource)))
        (export "[method]pollable.block" (func (param "self" (borrow $p))))
        (export "poll" (func (param "in" (list (borrow $p))) (result (list u32))))))
      (alias export $poll "pollable" (type $pollable))
      (import "wasi:io/streams@0.2.9" (instance
        (alias outer 1 $pollable (type $p))
        (export "pollable" (type $q (eq $p)))
        (export "stream" (type $s (sub resource)))
        (export "[constructor]stream" (func (param "n" u8) (result (own $s))))
        (export "[static]stream.merge" (func (param "all" (list (own $s))) (result (option (own $s)))))
        (export "[method]stream.subscribe" (func (param "self" (borrow $s)) (result (own $q))))))
      (import "a:b/c" (instance
        (alias outer 1 $pollable (type $p))
        (export "waiter" (type $q (eq $p)))
        (export "make" (func (result (own $q)))))))""") == expected("""
        package root:component;

        world root {
          import wasi:io/poll@0.2.9;
          import wasi:io/streams@0.2.9;
          import a:b/c;
        }

        package wasi:io@0.2.9 {
          interface poll {
            resource pollable {
              block: func();
            }
            poll: func(in: list<borrow<pollable>>) -> list<u32>;
          }

          interface streams {
            use poll.{pollable};
            resource %stream {
              constructor(n: u8);
              merge: static func(all: list<%stream>) -> option<%stream>;
              subscribe: func() -> pollable;
            }
          }
        }

        package a:b {
          interface c {
            use wasi:io/poll@0.2.9.{pollable as waiter};
            make: func() -> waiter;
          }
        }
        """)


def test_types_stand_under_their_names() -> None:
    assert text_of("""(component
      (import "a:b/types" (instance
        (type $p (record (field "x" u8) (field "type" string)))
        (export "point" (type $point (eq $p)))
        (type $v (variant (case "none") (case "at" $point)))
        (export "place" (type $place (eq $v)))
        (type $e (enum "red" "record")) (export "colour" (type (eq $e)))
        (type $f (flags "r" "w")) (export "mode" (type $mode (eq $f)))
        (type $l (list $place)) (export "places" (type $places (eq $l)))
        (type $d u64) (export "duration" (type $duration (eq $d)))
        (type $t (tuple $places (option (result)) (result $mode)))
        (export "f" (func (param "t" $t) (param "n" (list u8 4)) (result (result (error $place)))))
        (export "again" (type (eq $point))))))""") == expected("""
        package root:component;

        world root {
          import a:b/types;
        }

        package a:b {
          interface types {
            record point {
              x: u8,
              %type: string,
            }
            variant place {
              none,
              at(point),
            }
            enum colour {
              red,
              %record,
            }
            flags mode {
              r,
              w,
            }
            type places = list<place>;
            type duration = u64;
            type again = point;
            f: func(t: tuple<places, option<result>, result<mode>>, n: list<u8, 4>) -> result<_, place>;
          }
        }
        """)


def test_root_functions_and_interfaces_without_a_package_stand_in_the_world() -> None:
    assert text_of("""(component
      (import "log" (func $log (param "s" string)))
      (instance $i (export "log" (func $log)))
      (export "plain" (instance $i))
      (export "again" (func $log)))""") == expected("""
        package root:component;

        world root {
          import log: func(s: string);
          export again: func(s: string);
          export plain: interface {
            log: func(s: string);
          }
        }
        """)


def test_a_type_that_only_the_world_names_is_defined_again_where_an_interface_names_it() -> None:
    text = text_of("""(component
      (import "r" (type $r (sub resource)))
      (import "a:b/c" (instance (alias outer 1 $r (type $s)) (export "r" (type (eq $s))))))""")
    assert text.count("resource r;") == 2
    assert "use" not in text


def test_an_exported_function_shows_the_names_that_its_interface_gives() -> None:
    assert "f: func(self: borrow<thing>, p: point);" in text_of("""(component
      (core module $m (func (export "f") (param i32 i32)))
      (core instance $i (instantiate $m))
      (type $r (resource (rep i32)))
      (type $inner (record (field "x" u8)))
      (component $shim
        (import "t" (type $t (sub resource)))
        (type $p' (record (field "x" u8))) (import "p" (type $p (eq $p')))
        (import "f" (func $f (param "self" (borrow $t)) (param "p" $p)))
        (export $thing "thing" (type $t))
        (type $q (record (field "x" u8))) (export $point "point" (type $q))
        (export "f" (func $f) (func (param "self" (borrow $thing)) (param "p" $point))))
      (export $e "inner" (type $inner))
      (func $f (param "self" (borrow $r)) (param "p" $e) (canon lift (core func $i "f")))
      (instance $out (instantiate $shim
        (with "t" (type $r)) (with "p" (type $e)) (with "f" (func $f))))
      (export "a:b/c" (instance $out)))""")
