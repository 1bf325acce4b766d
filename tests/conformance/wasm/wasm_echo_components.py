"""Components that give back what they are given, for any WIT type, as WebAssembly text.

``echo`` passes its parameter on to the import ``host`` and returns what that returns, so that a value is
lowered twice and lifted twice. Their allocator only ever goes forward, from ``HEAP``; ``dump`` gives all that
was allocated since, so that two runtimes can be compared byte for byte in what they write.
"""

from __future__ import annotations

from shem.wasm.abi_layout import layout
from shem.wasm.flatten import lifted_signature, lowered_signature, spills_result
from shem.wasm.types import (
    EnumType,
    FlagsType,
    FuncType,
    ListType,
    OptionType,
    Prim,
    RecordType,
    ResultType,
    TupleType,
    ValType,
    VariantType,
)

HEAP = 4096

ALLOCATOR = f"""
  (core module $memory
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const {HEAP}))
    (func (export "realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32)
      (result i32) (local $at i32)
      (local.set $at (i32.and
        (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
      (global.set $next (i32.add (local.get $at) (local.get $size)))
      (block $enough (loop $more
        (br_if $enough (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
        (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
        (br $more)))
      (if (i32.lt_u (local.get $size) (local.get $old_size))
        (then (local.set $old_size (local.get $size))))
      (memory.copy (local.get $at) (local.get $old) (local.get $old_size))
      (local.get $at))
    (func (export "dump") (result i32)
      (i32.store (i32.const 16) (i32.const {HEAP}))
      (i32.store (i32.const 20) (i32.sub (global.get $next) (i32.const {HEAP})))
      (i32.const 16)))
  (core instance $memory (instantiate $memory))
"""


class TypeTexts:
    """Type definitions, each imported by name where WIT asks for a name."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def define(self, text: str, *, named: bool) -> str:
        name = f"$t{len(self.lines)}"
        self.lines.append(f"(type {name} {text})")
        if named:
            self.lines.append(f'(import "{name[1:]}" (type {name}n (eq {name})))')
            return f"{name}n"
        return name

    def text(self, type_: ValType) -> str:
        match type_:
            case Prim(name):
                return name
            case ListType(element, None):
                return self.define(f"(list {self.text(element)})", named=False)
            case ListType(element, length):
                return self.define(f"(list {self.text(element)} {length})", named=False)
            case OptionType(item):
                return self.define(f"(option {self.text(item)})", named=False)
            case TupleType(items):
                return self.define(f"(tuple {' '.join([self.text(t) for t in items])})", named=False)
            case ResultType(ok, err):
                first = f" {self.text(ok)}" if ok is not None else ""
                second = f" (error {self.text(err)})" if err is not None else ""
                return self.define(f"(result{first}{second})", named=False)
            case RecordType(fields):
                body = " ".join([f'(field "{name}" {self.text(t)})' for name, t in fields])
                return self.define(f"(record {body})", named=True)
            case VariantType(cases):
                body = " ".join(
                    [f'(case "{name}" {self.text(t)})' if t else f'(case "{name}")' for name, t in cases]
                )
                return self.define(f"(variant {body})", named=True)
            case EnumType(names):
                return self.define(f"(enum {_quoted(names)})", named=True)
            case FlagsType(names):
                return self.define(f"(flags {_quoted(names)})", named=True)
            case _:
                raise AssertionError(type_)


def _quoted(names: tuple[str, ...]) -> str:
    return " ".join(f'"{name}"' for name in names)


def core_types(kind: str, types: tuple[str, ...]) -> str:
    """``(param i32 f64)``, say."""
    return f"({kind} {' '.join(types)})" if types else ""


def echo_component(type_: ValType, encoding: str = "utf8", *, parameters: int = 1) -> str:
    """A component whose functions take ``parameters`` values of a type and give one back."""
    function = FuncType(tuple((f"p{i}", type_) for i in range(parameters)), type_)
    lifted, lowered = lifted_signature(function), lowered_signature(function)
    types = TypeTexts()
    names = [types.text(type_) for _ in range(parameters)]
    params = " ".join(f'(param "p{i}" {name})' for i, name in enumerate(names))
    signature = f"{params} (result {names[0]})"
    size, alignment = layout(type_)
    pass_on = " ".join(f"(local.get {index})" for index in range(len(lifted.params)))
    if spills_result(function):
        pass_on += f" (local.tee $at (call $realloc (i32.const 0) (i32.const 0) (i32.const {alignment})"
        pass_on += f" (i32.const {size})))"
    back = "(local.get $at)" if spills_result(function) else ""
    options = '(memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))'
    options += f" string-encoding={encoding}"
    host_type = core_types("param", lowered.params) + core_types("result", lowered.results)
    echo_type = core_types("param", lifted.params) + core_types("result", lifted.results)
    return f"""(component
  {" ".join(types.lines)}
  (import "host" (func $host {signature}))
  {ALLOCATOR}
  (core func $host (canon lower (func $host) {options}))
  (core module $main
    (import "" "host" (func $host {host_type}))
    (import "" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    (func (export "echo") {echo_type} (local $at i32)
      (call $host {pass_on}) {back}))
  (core instance $main (instantiate $main (with "" (instance
    (export "host" (func $host)) (export "realloc" (func $memory "realloc"))))))
  (func (export "echo") {signature} (canon lift (core func $main "echo") {options}))
  (func (export "dump") (result (list u8))
    (canon lift (core func $memory "dump") (memory (core memory $memory "memory"))))
)"""
