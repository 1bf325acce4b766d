"""Compiled code comes from the cache when it is sound, and from the compiler when it is not."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import wasmtime

from shem.wasm.engine import Engine, Store, invoke
from shem.wasm.errors import Trap, WasmError

MODULE = bytes(
    wasmtime.wat2wasm("""(module
      (memory (export "memory") 1 3)
      (global (export "g") (mut i64) (i64.const 7))
      (global (export "v") (mut v128) (v128.const i64x2 1 2))
      (table (export "table") 3 funcref)
      (func (export "nan") (result f64)
        (f64.div (f64.const 0) (f64.const 0)))
      (func (export "start") unreachable))""")
)


class _Owner:
    stopping = False
    failure: BaseException | None = None


def compiles(engine: Engine) -> bool:
    """Whether asking for the module runs the compiler."""
    asked: list[bool] = []

    def produce() -> bytes:
        asked.append(True)
        return MODULE

    module = engine.module("key", produce)
    store = Store(engine, _Owner(), max_memory_bytes=1 << 20)
    store.new_instance(module, b"")
    store.close()
    return bool(asked)


def only(cache: Path, suffix: str) -> Path:
    [path] = cache.glob(f"*{suffix}")
    return path


def test_a_module_is_compiled_once(tmp_path: Path) -> None:
    assert compiles(Engine(tmp_path))
    assert not compiles(Engine(tmp_path))
    assert not list(tmp_path.glob("*.tmp"))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


DAMAGES: list[Callable[[Path], None]] = [flip, truncate, Path.unlink, lambda path: path.write_bytes(b"")]


@pytest.mark.parametrize("suffix", [".cwasm", ".sum"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_anew(tmp_path: Path, suffix: str, damage: Callable[[Path], None]) -> None:
    compiles(Engine(tmp_path))
    damage(only(tmp_path, suffix))
    assert compiles(Engine(tmp_path))
    assert not compiles(Engine(tmp_path))


def test_code_of_other_settings_is_not_used(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    compiles(engine)
    other = Engine(tmp_path)
    other.fingerprint = "another"
    assert compiles(other)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    assert compiles(Engine(tmp_path / "file"))
    assert compiles(Engine(tmp_path / "file" / "below"))


def test_engines_of_two_processes_may_share_a_cache(tmp_path: Path) -> None:
    results: list[bool] = []
    threads = [threading.Thread(target=lambda: results.append(compiles(Engine(tmp_path)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert not compiles(Engine(tmp_path))


def test_a_module_that_is_not_valid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WasmError):
        Engine(tmp_path).module("broken", lambda: MODULE[:-1])


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(Engine(tmp_path_factory.mktemp("code")), _Owner(), max_memory_bytes=2 << 16)


def export(store: Store, name: str) -> int:
    """Address of an export, for the functions of the store."""
    import ctypes

    module = store.engine.module("key", lambda: MODULE)
    [extern] = store.exports(store.new_instance(module, b""), [name.encode()])
    kept = ctypes.create_string_buffer(extern, 32)
    _kept.append(kept)
    return ctypes.addressof(kept) + 8


_kept: list[object] = []


def test_globals_are_read_and_written_by_their_type(store: Store) -> None:
    number = export(store, "g")
    assert store.read_global(number, "i64") == struct.pack("<q", 7)
    store.write_global(number, "i64", struct.pack("<q", -2))
    assert store.read_global(number, "i64") == struct.pack("<q", -2)
    vector = export(store, "v")
    store.write_global(vector, "v128", bytes(range(16)))
    assert store.read_global(vector, "v128") == bytes(range(16))


def test_a_memory_grows_up_to_its_limits(store: Store) -> None:
    memory = export(store, "memory")
    base = store.memory_base(memory)
    store.grow_memory(memory, 1)
    assert (store.memory_size(memory), store.memory_base(memory)) == (2 << 16, base)
    with pytest.raises(WasmError):
        store.grow_memory(memory, 1)  # within its own maximum, beyond the limit of the store
    assert store.table_size(export(store, "table")) == 3


def test_an_export_that_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(WasmError, match="no export 'nothing'"):
        export(store, "nothing")


def test_a_nan_is_always_the_same_one(store: Store) -> None:
    function = export(store, "nan")
    assert not invoke(store.context, function, store.cells_address, 1, store.trap_address)
    assert struct.unpack_from("<Q", store.cells)[0] == 0x7FF8000000000000


def test_a_trap_of_the_start_function_is_raised(store: Store) -> None:
    wat = '(module (func $begin unreachable) (start $begin) (data (i32.const 0) "x") (memory 1))'
    module = store.engine.module("start", lambda: bytes(wasmtime.wat2wasm(wat)))
    with pytest.raises(Trap) as caught:
        store.new_instance(module, b"")
    assert caught.value.kind == "unreachable"


def test_too_much_memory_from_the_start_is_refused(store: Store) -> None:
    module = store.engine.module("big", lambda: bytes(wasmtime.wat2wasm("(module (memory 10))")))
    with pytest.raises(WasmError, match="limit"):
        store.new_instance(module, b"")
