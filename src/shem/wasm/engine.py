"""The engine: the only file that touches wasmtime, through prototypes of our own over its C API.

Why not the ``wasmtime`` package's classes: they make a Python object for every extern and copy values one
by one. A component has thousands of externs and its host calls are hot, so this file hands out addresses
(plain integers) and lets ``instance`` and the generated code of ``abi`` work on arrays. Who holds what
alive:

- ``Engine`` and ``Module`` own their C objects; a module keeps its engine.
- ``HostCode`` owns a callback that machine code jumps to. It must outlive every store that it was put into:
  ``Linked`` holds the codes, every ``Store`` holds its ``Linked``.
- ``Store`` is deleted by ``close``, never while a call runs in it.

Callbacks are shared by all stores. What tells them apart is ``token``, the integer that wasmtime hands to a
callback as its environment: ``live[token]`` is the owner of the store.

An interrupt costs nothing until it happens: the engine's epoch stands still, and ``Store.interrupt``
advances it once, which brings every running guest to ``_epoch_reached`` at its next loop or call; the
others go on at once. No thread ticks in an idle server.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.metadata
import importlib.util
import itertools
import os
import platform
import sys
import zlib
from collections.abc import Callable, Iterable
from ctypes import (
    CFUNCTYPE,
    POINTER,
    c_bool,
    c_char_p,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)
from pathlib import Path
from typing import Any, Protocol

from .cache import intact, write_summed
from .errors import Interrupted, Trap, WasmError
from .stack import WASM_STACK_BYTES

MEMORY_RESERVATION_BYTES = 4 << 30
"""Address space of a linear memory: all that 32-bit pointers reach, so that a memory never moves."""

MAX_TABLE_ELEMENTS = 10_000_000
"""Elements of one table, 8 bytes each."""

EXTERN_BYTES = 32
"""Size of ``wasmtime_extern_t``."""

EXTERN_PAYLOAD = 8
"""Offset of the item in ``wasmtime_extern_t``; the kind stands before it."""

CELL_BYTES = 16
"""Size of ``wasmtime_val_raw_t``: one parameter or result of a core function."""

MAX_CELLS = 32
"""More than any core signature of the canonical ABI has (16 parameters and a pointer for the result)."""


_VALUE_BYTES = 32
"""Size of ``wasmtime_val_t``: a kind, and at offset 8 the value."""

_VALUE_KINDS = {"i32": 0, "i64": 1, "f32": 2, "f64": 3, "v128": 4}
_WIDTHS = {"i32": 4, "i64": 8, "f32": 4, "f64": 8, "v128": 16}


class _ByteVector(ctypes.Structure):
    _fields_ = (("size", c_size_t), ("data", c_void_p))

    def take(self) -> bytes:
        """The bytes; gives up the vector."""
        data = ctypes.string_at(self.data, self.size) if self.size else b""
        _byte_vec_delete(ctypes.byref(self))
        return data


class _PointerVector(ctypes.Structure):
    _fields_ = (("size", c_size_t), ("data", POINTER(c_void_p)))


def _load_library() -> ctypes.CDLL:
    package = importlib.util.find_spec("wasmtime")
    if package is None or not package.submodule_search_locations:
        raise ImportError("the package wasmtime is not installed")
    system, machine = sys.platform, platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    name = {"win32": "_wasmtime.dll", "darwin": "_libwasmtime.dylib"}.get(system, "_libwasmtime.so")
    return ctypes.CDLL(str(Path(package.submodule_search_locations[0], f"{system}-{machine}", name)))


_library = _load_library()


def _function(name: str, result: Any, *parameters: Any) -> Any:
    function = _library[name]
    function.restype, function.argtypes = result, parameters
    return function


_Callback = CFUNCTYPE(c_size_t, c_size_t, c_size_t, c_size_t, c_size_t)
"""(env, caller, cells, number of cells) -> trap or 0"""
_EpochCallback = CFUNCTYPE(c_size_t, c_size_t, c_size_t, POINTER(c_uint64), POINTER(c_uint8))

_byte_vec_delete = _function("wasm_byte_vec_delete", None, c_void_p)
_config_new = _function("wasm_config_new", c_void_p)
_engine_new = _function("wasm_engine_new_with_config", c_void_p, c_void_p)
_engine_delete = _function("wasm_engine_delete", None, c_void_p)
_engine_increment_epoch = _function("wasmtime_engine_increment_epoch", None, c_void_p)
_error_message = _function("wasmtime_error_message", None, c_void_p, c_void_p)
_error_delete = _function("wasmtime_error_delete", None, c_void_p)
_error_new = _function("wasmtime_error_new", c_void_p, c_char_p)
_error_trace = _function("wasmtime_error_wasm_trace", None, c_void_p, c_void_p)
_trap_new = _function("wasmtime_trap_new", c_void_p, c_char_p, c_size_t)
_trap_code = _function("wasmtime_trap_code", c_bool, c_void_p, c_void_p)
_trap_message = _function("wasm_trap_message", None, c_void_p, c_void_p)
_trap_trace = _function("wasm_trap_trace", None, c_void_p, c_void_p)
_trap_delete = _function("wasm_trap_delete", None, c_void_p)
_frame_vec_delete = _function("wasm_frame_vec_delete", None, c_void_p)
_frame_index = _function("wasm_frame_func_index", c_uint32, c_void_p)
_frame_function = _function("wasmtime_frame_func_name", POINTER(_ByteVector), c_void_p)
_frame_module = _function("wasmtime_frame_module_name", POINTER(_ByteVector), c_void_p)
_module_new = _function("wasmtime_module_new", c_void_p, c_void_p, c_char_p, c_size_t, c_void_p)
_module_serialize = _function("wasmtime_module_serialize", c_void_p, c_void_p, c_void_p)
_module_deserialize = _function("wasmtime_module_deserialize_file", c_void_p, c_void_p, c_char_p, c_void_p)
_module_delete = _function("wasmtime_module_delete", None, c_void_p)
_valtype_new = _function("wasm_valtype_new", c_void_p, c_uint8)
_valtype_vec_new = _function("wasm_valtype_vec_new", None, c_void_p, c_size_t, c_void_p)
_functype_new = _function("wasm_functype_new", c_void_p, c_void_p, c_void_p)
_store_new = _function("wasmtime_store_new", c_void_p, c_void_p, c_void_p, c_void_p)
_store_context = _function("wasmtime_store_context", c_void_p, c_void_p)
_store_limiter = _function(
    "wasmtime_store_limiter", None, c_void_p, c_int64, c_int64, c_int64, c_int64, c_int64
)
_store_on_epoch = _function(
    "wasmtime_store_epoch_deadline_callback", None, c_void_p, _EpochCallback, c_void_p, c_void_p
)
_store_delete = _function("wasmtime_store_delete", None, c_void_p)
_set_epoch_deadline = _function("wasmtime_context_set_epoch_deadline", None, c_void_p, c_uint64)
_func_new = _function(
    "wasmtime_func_new_unchecked", None, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p
)
_instance_new = _function(
    "wasmtime_instance_new", c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_void_p
)
_instance_export = _function(
    "wasmtime_instance_export_get", c_bool, c_void_p, c_void_p, c_char_p, c_size_t, c_void_p
)
_memory_data = _function("wasmtime_memory_data", c_void_p, c_void_p, c_void_p)
_memory_size = _function("wasmtime_memory_data_size", c_size_t, c_void_p, c_void_p)
_memory_grow = _function("wasmtime_memory_grow", c_void_p, c_void_p, c_void_p, c_uint64, c_void_p)
_global_get = _function("wasmtime_global_get", None, c_void_p, c_void_p, c_void_p)
_global_set = _function("wasmtime_global_set", c_void_p, c_void_p, c_void_p, c_void_p)
_table_size = _function("wasmtime_table_size", c_uint64, c_void_p, c_void_p)

invoke = _function("wasmtime_func_call_unchecked", c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p)
"""(context, function, cells, number of cells, trap) -> error or None; ``Store.raise_failure`` takes both."""


class Owner(Protocol):
    """What a store belongs to.

    Attributes:
        stopping: the guest is to stop as soon as it can.
        failure: the exception that a callback ended with, for the call that runs the guest to raise.
    """

    stopping: bool
    failure: BaseException | None


live: dict[int, Any] = {}
"""Owners of open stores by token; read by callbacks."""

_tokens = itertools.count(1)


def _epoch_reached(context: int, token: int, delta: Any, kind: Any) -> int:
    # An exception must not get lost here: whatever happens, the guest is stopped.
    try:
        if not live[token].stopping:
            delta[0], kind[0] = 1, 0
            return 0
    except BaseException as error:  # noqa: BLE001 - kept for the call that runs this guest
        with contextlib.suppress(KeyError):
            live[token].failure = error
    return int(_error_new(b"interrupted"))


_epoch_callback = _EpochCallback(_epoch_reached)


def fail(token: int, error: BaseException) -> int:
    """What a callback returns when it ends with an exception: a trap that unwinds the guest.

    The call that runs the guest raises the exception. Where calls are nested, the first one is the cause.
    """
    owner = live[token]
    if owner.failure is None:
        owner.failure = error
    return int(_trap_new(b"host", 4))


def _text(describe: Any, pointer: int) -> str:
    message = _ByteVector()
    describe(pointer, ctypes.byref(message))
    return message.take().rstrip(b"\0").decode("utf-8", "replace")


def _take_error(pointer: int) -> str:
    text = _text(_error_message, pointer)
    _error_delete(pointer)
    return text


class HostCode:
    """Python code that WebAssembly can call, in any store.

    Args:
        function: (token, caller, address of the cells, number of cells) -> 0 or ``fail(...)``; must not
            raise.
    """

    __slots__ = ("_callback", "address")

    def __init__(self, function: Callable[[int, int, int, int], int]) -> None:
        self._callback = _Callback(function)
        self.address: int = ctypes.cast(self._callback, c_void_p).value or 0


def _value_types(names: tuple[str, ...]) -> _PointerVector:
    pointers = (c_void_p * len(names))(*[_valtype_new(_VALUE_KINDS[name]) for name in names])
    made = _PointerVector()
    _valtype_vec_new(ctypes.byref(made), len(names), pointers)
    return made


class Module:
    """A compiled core module."""

    __slots__ = ("address", "engine")

    def __init__(self, engine: Engine, address: int) -> None:
        self.engine, self.address = engine, address

    def __del__(self) -> None:
        _module_delete(self.address)


class Engine:
    """Compiles and runs. One is enough for a process.

    Deterministic: NaNs are canonical, relaxed SIMD has one meaning, there are no threads and no shared
    memories.

    Args:
        cache_dir: where compiled code is kept. Made when missing; a cache that cannot be written is done
            without.
    """

    def __init__(self, cache_dir: Path) -> None:
        config = _config_new()
        settings: list[tuple[str, Any, int]] = [
            ("cranelift_nan_canonicalization", c_bool, True),
            ("wasm_relaxed_simd_deterministic", c_bool, True),
            ("wasm_threads", c_bool, False),
            ("shared_memory", c_bool, False),
            ("concurrency_support", c_bool, False),
            ("epoch_interruption", c_bool, True),
            ("max_wasm_stack", c_size_t, WASM_STACK_BYTES),
            ("async_stack_size", c_size_t, 2 * WASM_STACK_BYTES),  # unused, but must be larger
            ("memory_may_move", c_bool, False),
            ("memory_reservation", c_uint64, MEMORY_RESERVATION_BYTES),
            ("native_unwind_info", c_bool, False),
        ]
        for name, kind, value in settings:
            _function(f"wasmtime_config_{name}_set", None, c_void_p, kind)(config, value)
        self.address: int = _engine_new(config)
        version = importlib.metadata.version("wasmtime")
        self.fingerprint = f"{version}-{zlib.crc32(repr(settings).encode()):08x}"
        self.cache_dir = cache_dir
        self._signature_types: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}
        with contextlib.suppress(OSError):
            cache_dir.mkdir(parents=True, exist_ok=True)

    def __del__(self) -> None:
        if address := getattr(self, "address", None):
            _engine_delete(address)

    def signature_type(self, params: tuple[str, ...], results: tuple[str, ...]) -> int:
        """Address of the ``wasm_functype_t`` of a core signature over i32, i64, f32 and f64.

        They are few and small, and live as long as the process. wasmtime ties each to the engine that first uses it,
        and ends the process when another one does.
        """
        known = self._signature_types.get((params, results))
        if known is None:
            made = _functype_new(ctypes.byref(_value_types(params)), ctypes.byref(_value_types(results)))
            known = self._signature_types[params, results] = int(made)
        return known

    def module(self, key: str, produce: Callable[[], bytes]) -> Module:
        """A compiled module from the cache, else compiled and put there.

        Args:
            key: names the content; letters, digits and ``-``.
            produce: gives the core module's binary.

        Raises:
            WasmError: the module is not valid.
        """
        path = self._code_path(key)
        return self._load(path) or self._compile(path, produce())

    def cached_module(self, key: str) -> Module | None:
        """A compiled module from the cache; None where it is not there, or damaged."""
        return self._load(self._code_path(key))

    def _code_path(self, key: str) -> Path:
        return self.cache_dir / f"{key}-{self.fingerprint}.cwasm"

    def _load(self, path: Path) -> Module | None:
        # wasmtime trusts what it loads, so that a damaged file would be run; the sum tells damage from code.
        try:
            if not intact(path):
                return None
        except (OSError, ValueError):
            return None
        address = c_void_p()
        if error := _module_deserialize(self.address, os.fsencode(path), ctypes.byref(address)):
            _error_delete(error)
            return None
        return Module(self, int(address.value or 0))

    def _compile(self, path: Path, wasm: bytes) -> Module:
        address = c_void_p()
        if error := _module_new(self.address, wasm, len(wasm), ctypes.byref(address)):
            raise WasmError(_take_error(error))
        module = Module(self, int(address.value or 0))
        code = _ByteVector()
        if error := _module_serialize(module.address, ctypes.byref(code)):
            _error_delete(error)  # the module runs; it will be compiled again next time
            return module
        data = code.take()
        with contextlib.suppress(OSError):
            write_summed(path, data)
            return (
                self._load(path) or module
            )  # pages of the file are shared and can be dropped; those of the heap not
        return module


class Store:
    """What one instance of a component lives in: its core instances, memories, globals and tables.

    Not for two threads at a time; ``interrupt`` may be called from any.

    Attributes:
        context: address that wasmtime's functions want.
        cells: parameters and results of a call, ``MAX_CELLS`` of ``CELL_BYTES``; free for use while no call
            is being prepared.
        trap: where a call puts its trap.
    """

    __slots__ = (
        "_pointer",
        "_value",
        "cells",
        "cells_address",
        "context",
        "engine",
        "token",
        "trap",
        "trap_address",
    )

    def __init__(self, engine: Engine, owner: Owner, *, max_memory_bytes: int) -> None:
        self.engine = engine
        self.token = next(_tokens)
        self._pointer: int | None = _store_new(engine.address, None, None)
        self.context: int = _store_context(self._pointer)
        self.cells = (ctypes.c_char * (CELL_BYTES * MAX_CELLS))()
        self.cells_address = ctypes.addressof(self.cells)
        self.trap = c_void_p()
        self.trap_address = ctypes.addressof(self.trap)
        self._value = (ctypes.c_char * _VALUE_BYTES)()
        live[self.token] = owner
        _store_limiter(self._pointer, max_memory_bytes, MAX_TABLE_ELEMENTS, -1, -1, -1)
        _store_on_epoch(self._pointer, _epoch_callback, self.token, None)
        _set_epoch_deadline(self.context, 1)

    def close(self) -> None:
        """Free everything. The caller sees to it that no call runs and no view of a memory is in use."""
        pointer, self._pointer = self._pointer, None
        if pointer is not None:
            live.pop(self.token, None)
            _store_delete(pointer)

    def interrupt(self) -> None:
        """Make a running guest ask its owner whether to stop."""
        _engine_increment_epoch(self.engine.address)

    def new_function(self, signature: int, code: HostCode) -> bytes:
        """A core function that runs ``code``, as an extern."""
        extern = (ctypes.c_char * EXTERN_BYTES)()
        at = ctypes.addressof(extern) + EXTERN_PAYLOAD
        _func_new(self.context, signature, code.address, self.token, None, at)
        return extern.raw

    def new_instance(self, module: Module, imports: bytes) -> bytes:
        """Instantiate a core module, running its start function.

        Args:
            imports: externs in the order of the module's imports, one after the other.

        Returns:
            The core instance, for ``export``.

        Raises:
            Trap: the start function, or a segment out of bounds.
            WasmError: an import of another type, or a limit.
        """
        instance = (ctypes.c_char * 16)()
        error = _instance_new(
            self.context,
            module.address,
            imports,
            len(imports) // EXTERN_BYTES,
            ctypes.byref(instance),
            self.trap_address,
        )
        if error or self.trap.value:
            self.raise_failure(error)
        return instance.raw

    def find_export(self, instance: bytes, name: bytes, extern: int) -> None:
        """Write the extern of that name to an address.

        Raises:
            WasmError: there is none.
        """
        if not _instance_export(self.context, instance, name, len(name), extern):
            raise WasmError(f"a core instance has no export {name.decode()!r}")

    def exports(self, instance: bytes, names: Iterable[bytes]) -> list[bytes]:
        """Externs by name."""
        extern = (ctypes.c_char * EXTERN_BYTES)()
        at, found = ctypes.addressof(extern), []
        for name in names:
            self.find_export(instance, name, at)
            found.append(extern.raw)
        return found

    def memory_base(self, memory: int) -> int:
        """Address of the first byte. It never changes."""
        return int(_memory_data(self.context, memory) or 0)

    def memory_size(self, memory: int) -> int:
        """Size in bytes. It never shrinks."""
        return int(_memory_size(self.context, memory))

    def memory_view(self, memory: int) -> memoryview:
        """All of it, as bytes. Must not be used after ``close``."""
        size = self.memory_size(memory)
        return memoryview((c_uint8 * size).from_address(self.memory_base(memory))).cast("B")

    def grow_memory(self, memory: int, pages: int) -> None:
        """Add pages of 64 KiB.

        Raises:
            WasmError: beyond the memory's own maximum or the limit of the store.
        """
        if error := _memory_grow(self.context, memory, pages, ctypes.byref(c_uint64())):
            raise WasmError(_take_error(error))

    def read_global(self, item: int, kind: str) -> bytes:
        """The value of a global of type i32, i64, f32, f64 or v128, as many bytes as it has."""
        _global_get(self.context, item, self._value)
        return self._value.raw[8 : 8 + _WIDTHS[kind]]

    def write_global(self, item: int, kind: str, value: bytes) -> None:
        """The inverse of ``read_global``."""
        self._value.raw = bytes([_VALUE_KINDS[kind], *bytes(7), *value]).ljust(_VALUE_BYTES, b"\0")
        if error := _global_set(self.context, item, self._value):
            raise WasmError(_take_error(error))

    def table_size(self, table: int) -> int:
        """Elements of a table."""
        return int(_table_size(self.context, table))

    def raise_failure(self, error: int | None) -> None:
        """Raise what ``invoke`` or an instantiation failed with; takes the error and the trap."""
        trap, self.trap.value = self.trap.value, None
        if trap is not None:
            code = c_uint8()
            kind = _KINDS.get(code.value, "other") if _trap_code(trap, ctypes.byref(code)) else "other"
            text, trace = _text(_trap_message, trap), _backtrace(_trap_trace, trap)
            _trap_delete(trap)
        elif error is not None:
            kind, trace = "other", _backtrace(_error_trace, error)
            text = _take_error(error)
        else:
            return
        owner = live.get(self.token)
        if owner is not None and owner.stopping:
            raise Interrupted("interrupted by the host", kind="interrupt", backtrace=trace)
        if trap is None and not trace:
            raise WasmError(text)
        raise Trap(_reason(text), kind=kind, backtrace=trace)


_KINDS = {
    0: "stack-overflow",
    1: "out-of-bounds",
    3: "out-of-bounds",
    9: "unreachable",
    10: "interrupt",
    15: "out-of-memory",
}
"""Trap codes of wasmtime that have a kind of their own."""


def _reason(text: str) -> str:
    """The cause, without the backtrace that wasmtime writes before it."""
    return text.rsplit("Caused by:", 1)[-1].strip().removeprefix("0: ").removeprefix("wasm trap: ")


def _backtrace(collect: Any, pointer: int) -> tuple[str, ...]:
    frames = _PointerVector()
    collect(pointer, ctypes.byref(frames))
    trace = []
    for frame in frames.data[: frames.size]:
        module, function = _frame_module(frame), _frame_function(frame)
        names = [
            ctypes.string_at(name.contents.data, name.contents.size).decode("utf-8", "replace")
            if name
            else other
            for name, other in ((module, "?"), (function, f"function[{_frame_index(frame)}]"))
        ]
        trace.append("!".join(names))
    _frame_vec_delete(ctypes.byref(frames))
    return tuple(trace)
