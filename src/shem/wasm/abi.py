"""The canonical ABI of the component model, compiled once per function instead of interpreted per value.

A function that the guest imports or exports becomes a Python function written for its signature: it unpacks
or packs all core values with one ``struct`` call, and builds or takes apart the values by straight code
(``abi_lift``, ``abi_lower``). What it needs of an instance it finds in the ``machine``: the instance that a
callback's token stands for. So the code is made when a component is linked, and is shared by all instances.

A host value is checked before anything of it is written (``abi_check``): one that does not fit leaves the
guest as it was. A guest's value is checked while it is read; what breaks a rule is a ``Trap`` of kind
``abi``.
"""

from __future__ import annotations

import ctypes
import struct
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from . import abi_border as border
from .abi_border import MAX_LIFTED_BYTES, Border, abi_trap
from .abi_check import Checker, explain, holds, is_text
from .abi_code import Code, cells_struct, names
from .abi_layout import layout
from .abi_lift import Lifter
from .abi_lower import Lowerer
from .engine import CELL_BYTES, EXTERN_PAYLOAD, fail, invoke, live
from .errors import ValueMismatch
from .flatten import flatten, lifted_signature, lowered_signature, spills_params, spills_result
from .handles import GuestResource
from .plan import StringEncoding
from .types import (
    BorrowType,
    FuncType,
    ListType,
    OptionType,
    Prim,
    RecordType,
    ResourceType,
    ResultType,
    Some,
    TupleType,
    ValType,
    VariantType,
)

NAN = float("nan")
_F32, _F64 = struct.Struct("<f"), struct.Struct("<d")
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")


def _canonical(number: float) -> float:
    return number if number == number else NAN


def _f32_of_bits(bits: int) -> float:
    value: float = _F32.unpack(_U32.pack(bits & 0xFFFFFFFF))[0]
    return value


def _f64_of_bits(bits: int) -> float:
    value: float = _F64.unpack(_U64.pack(bits))[0]
    return value


def _bits_of_f32(number: float) -> int:
    bits: int = _U32.unpack(_F32.pack(number))[0]
    return bits


def _bits_of_f64(number: float) -> int:
    bits: int = _U64.unpack(_F64.pack(number))[0]
    return bits


def _keep(resource: ResourceType, representation: int) -> None:
    """What dropping a borrowed guest resource does."""


def _lift_own(b: Border, resource: ResourceType, number: int) -> Any:
    value = b.instance.handles.take_owned(number, resource)
    return value if resource.interface is not None else GuestResource(resource, value, b.instance.destroy)


def _lift_borrow(b: Border, resource: ResourceType, number: int) -> Any:
    value = b.instance.handles.lend(number, resource)
    return value if resource.interface is not None else GuestResource(resource, value, _keep)


def _lower_own(b: Border, resource: ResourceType, value: Any) -> int:
    if resource.interface is None:
        given: GuestResource = value
        value, given.representation = given.representation, None
    return b.instance.handles.add(resource, value, owned=True)


def _lower_borrow(b: Border, resource: ResourceType, value: Any) -> int:
    if resource.interface is None:
        value = value.representation
        if resource in b.instance.defines:
            return int(value)
    return b.instance.handles.add(resource, value, owned=False)


_NAMESPACE: dict[str, Any] = {
    "BOOL": frozenset([bool]),
    "FLOAT": frozenset([float]),
    "GuestResource": GuestResource,
    "INFINITY": float("inf"),
    "INT": frozenset([int]),
    "NAN": NAN,
    "STR": frozenset([str]),
    "Some": Some,
    "ValueMismatch": ValueMismatch,
    "abi_trap": abi_trap,
    "array": array,
    "bad_discriminant": border.bad_discriminant,
    "bits_of_f32": _bits_of_f32,
    "bits_of_f64": _bits_of_f64,
    "canonical": _canonical,
    "cell": ctypes.c_uint64.from_address,
    "check_pointer": border.check_pointer,
    "explain": explain,
    "f32_cell": ctypes.c_float.from_address,
    "f32_of_bits": _f32_of_bits,
    "f64_cell": ctypes.c_double.from_address,
    "f64_of_bits": _f64_of_bits,
    "fail": fail,
    "holds": holds,
    "invoke": invoke,
    "is_text": is_text,
    "lift_borrow": _lift_borrow,
    "lift_char": border.lift_char,
    "lift_latin1_or_utf16": border.lift_latin1_or_utf16,
    "lift_own": _lift_own,
    "lift_utf16": border.lift_utf16,
    "lift_utf8": border.lift_utf8,
    "live": live,
    "lower_borrow": _lower_borrow,
    "lower_latin1_or_utf16": border.lower_latin1_or_utf16,
    "lower_own": _lower_own,
    "lower_utf16": border.lower_utf16,
    "lower_utf8": border.lower_utf8,
}

_CELL_WRITERS = {"i32": "cell", "i64": "cell", "f32": "f32_cell", "f64": "f64_cell"}


@dataclass(frozen=True, slots=True)
class Side:
    """Where generated code finds what canonical options name.

    Args:
        border: number of the border among ``machine.borders``.
        encoding: of strings.
    """

    border: int
    encoding: StringEncoding


@dataclass(frozen=True, slots=True)
class Callee:
    """A lifted function, ready to be called.

    Attributes:
        check: (arguments); raises ValueMismatch.
        run: (machine, arguments) -> value; the arguments fit.
    """

    check: Callable[[tuple[Any, ...]], None]
    run: Callable[[Any, tuple[Any, ...]], Any]


def _contains(kind: type[Any], type_: ValType | None) -> bool:
    """Whether a type has another of this class in it."""
    match type_:
        case None:
            return False
        case _ if isinstance(type_, kind):
            return True
        case ListType(item, _) | OptionType(item):
            return _contains(kind, item)
        case RecordType(fields):
            return any(_contains(kind, field) for _, field in fields)
        case TupleType(items):
            return any(_contains(kind, item) for item in items)
        case VariantType(cases):
            return any(_contains(kind, payload) for _, payload in cases)
        case ResultType(ok, err):
            return _contains(kind, ok) or _contains(kind, err)
        case _:
            return False


def _has_pointers(types: Iterable[ValType]) -> bool:
    """Whether values of these types may take more in Python than their types say."""
    return any(not isinstance(type_, Prim) or type_.name == "string" for type_ in types)


class Abi:
    """The generated code of one linked component, each function of it written when it is first called."""

    def __init__(self) -> None:
        self._code = Code(_NAMESPACE)
        self._checker = Checker(self._code)

    def lifted(self, type_: FuncType, side: Side, function: int, post_return: int | None) -> Callee:
        """A core function of the guest as a Python function.

        Args:
            function, post_return: offsets of their externs among ``machine.externs_address``.
        """

        def run() -> str:
            body = self._lifted_body(type_, side, function, post_return)
            return self._code.define("machine, args", body, "call")

        return Callee(self._argument_check(type_), self._code.function(run))

    def exported_host(self, type_: FuncType, name: str, host: Callable[..., Any]) -> Callee:
        """A function of the host that the component exports again as it is.

        Args:
            name: for messages.
        """

        def run() -> str:
            function = self._code.constant(host, "host")
            body = [f" value = {function}(machine.context, *args)", *self._result_check(type_, name)]
            return self._code.define("machine, args", [*body, " return value"], "call")

        return Callee(self._argument_check(type_), self._code.function(run))

    def _argument_check(self, type_: FuncType) -> Callable[[tuple[Any, ...]], None]:
        return self._code.function(lambda: self._code.define("args", self._check_body(type_), "check"))

    def _check_body(self, type_: FuncType) -> list[str]:
        params = [t for _, t in type_.params]
        arguments = [f"a{index}" for index in range(len(params))]
        body = [
            f" if len(args) != {len(params)}:",
            f"  raise ValueMismatch('args', '{len(params)} arguments', str(len(args)))",
            *([f" {names(arguments)} = args"] if params else []),
        ]
        for index, (argument, param) in enumerate(zip(arguments, params, strict=True)):
            type_name = self._code.constant(param, "type")
            condition = self._checker.condition(param, argument)
            body.append(f" if not {condition}: explain({type_name}, {argument}, 'args[{index}]')")
        return body

    def _result_check(self, type_: FuncType, name: str) -> list[str]:
        """Lines that check ``value``, which a host function has returned."""
        if type_.result is None:
            return []
        condition = self._checker.condition(type_.result, "value")
        if condition == "True":
            return []
        type_name = self._code.constant(type_.result, "type")
        where = self._code.constant(f"result of {name}", "where")
        return [f" if not {condition}: explain({type_name}, value, {where})"]

    def _lifted_body(self, type_: FuncType, side: Side, function: int, post_return: int | None) -> list[str]:
        lowerer, lifter = Lowerer(self._code, side.encoding), Lifter(self._code, side.encoding)
        signature = lifted_signature(type_)
        params = [t for _, t in type_.params]
        body = [
            f" b = machine.borders[{side.border}]",
            " store = b.store",
            " instance = b.instance",
            " if instance.entered: abi_trap('cannot enter component instance')",
            " instance.entered = True",
        ]
        cells: list[str] = []
        if spills_params(type_):
            spilled = TupleType(tuple(params))
            size, alignment = layout(spilled)
            body += [f" p = b.alloc({alignment}, {size})", f" {lowerer.storer(spilled)}(b, args, p)"]
            cells = ["p"]
        elif params:
            arguments = [f"a{index}" for index in range(len(params))]
            body.append(f" {names(arguments)} = args")
            for argument, param in zip(arguments, params, strict=True):
                lowerer.flat(param, argument, body, cells)
        if cells:
            pack = self._code.struct_method(cells_struct(signature.params), "pack_into")
            body.append(f" {pack}(store.cells, 0, {names(cells)})")
        count = max(1, len(signature.params), len(signature.results))
        address = f"machine.externs_address + {function + EXTERN_PAYLOAD}"
        body += [
            f" error = invoke(store.context, {address}, store.cells_address, {count}, store.trap_address)",
            " if error or store.trap.value: store.raise_failure(error)",
        ]
        value = "None"
        if type_.result is not None:
            unpack = self._code.struct_method(cells_struct(signature.results), "unpack_from")
            body.append(f" c0, = {unpack}(store.cells)")
            body += [f" b.left = {MAX_LIFTED_BYTES}"] if _has_pointers([type_.result]) else []
            if spills_result(type_):
                size, alignment = layout(type_.result)
                body.append(f" check_pointer(b, c0, {alignment}, {size})")
                value = f"{lifter.loader(type_.result)}(b, c0)"
            else:
                value = lifter.flat(type_.result, iter(["c0"]))
        body.append(f" value = {value}")
        if post_return is not None:
            # The cells still hold the core result, which is what post-return wants.
            body.append(f" b.call_guest(machine.externs_address + {post_return}, {count})")
        if any(_contains(BorrowType, param) for param in params):
            body.append(" if instance.handles.borrowed: abi_trap('borrow handles remain after the call')")
        return [*body, " instance.entered = False", " return value"]

    def lowered_host(
        self, type_: FuncType, side: Side, name: str, host: Callable[..., Any]
    ) -> Callable[[int, int, int, int], int]:
        """A host function as a callback for the guest.

        Args:
            name: for messages.
            host: called with the context and the arguments.
        """

        def thunk() -> str:
            function = self._code.constant(host, "host")
            call = f"{function}(machine.context, ARGUMENTS)"
            return self._lowered(type_, side, call, self._result_check(type_, name))

        return self._code.callback(thunk)

    def lowered_guest(
        self, type_: FuncType, side: Side, callee: Callee
    ) -> Callable[[int, int, int, int], int]:
        """A lifted function as a callback for the core code of another component instance."""

        def thunk() -> str:
            function = self._code.constant(callee.run, "callee")
            return self._lowered(type_, side, f"{function}(machine, (ARGUMENTS))", [])

        return self._code.callback(thunk)

    def _lowered(self, type_: FuncType, side: Side, call: str, checks: list[str]) -> str:
        """Name of a callback that evaluates ``call``, an expression with ARGUMENTS in it."""
        lowerer, lifter = Lowerer(self._code, side.encoding), Lifter(self._code, side.encoding)
        signature = lowered_signature(type_)
        params = [t for _, t in type_.params]
        body = [
            " try:",
            "  machine = live[token]",
            f"  b = machine.borders[{side.border}]",
            "  if not b.instance.may_leave: abi_trap('cannot leave component instance')",
        ]
        cells = [f"c{index}" for index in range(len(signature.params))]
        if cells:
            frame = self._code.constant((ctypes.c_char * (CELL_BYTES * len(cells))).from_address, "frame")
            unpack = self._code.struct_method(cells_struct(signature.params), "unpack_from")
            body.append(f"  {names(cells)} = {unpack}({frame}(cells))")
        arguments = ""
        body += [f"  b.left = {MAX_LIFTED_BYTES}"] if _has_pointers(params) else []
        if spills_params(type_):
            spilled = TupleType(tuple(params))
            size, alignment = layout(spilled)
            body.append(f"  check_pointer(b, c0, {alignment}, {size})")
            arguments = f"*{lifter.loader(spilled)}(b, c0),"
        elif params:
            flat = iter(cells)
            arguments = names([lifter.flat(param, flat) for param in params])
        body.append(f"  value = {call.replace('ARGUMENTS', arguments)}")
        body += [f" {line}" for line in (*checks, *self._lowered_result(type_, lowerer, cells))]
        if any(_contains(BorrowType, param) for param in params):
            body.append("  b.instance.handles.end_lends()")
        body += ["  return 0", " except BaseException as error:", "  return fail(token, error)"]
        return self._code.define("token, caller, cells, count", body, "thunk")

    def _lowered_result(self, type_: FuncType, lowerer: Lowerer, cells: list[str]) -> list[str]:
        """Lines that write ``value`` to the cells, or to memory."""
        if type_.result is None:
            return []
        if spills_result(type_):
            size, alignment = layout(type_.result)
            return [
                f" check_pointer(b, {cells[-1]}, {alignment}, {size})",
                f" {lowerer.storer(type_.result)}(b, value, {cells[-1]})",
            ]
        lines: list[str] = []
        results: list[str] = []
        lowerer.flat(type_.result, "value", lines, results)
        writer = _CELL_WRITERS[(flatten(type_.result) or ("i32",))[0]]
        return [*lines, f" {writer}(cells).value = {results[0]}"]
