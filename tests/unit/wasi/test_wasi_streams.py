from __future__ import annotations

import pytest

from shem.wasi import io_error, streams
from shem.wasi.descriptor import FileInput, FileOutput
from shem.wasi.filesystem import filesystem_error_code
from shem.wasi.poll import READY
from shem.wasi.vfs import Quota
from shem.wasm.errors import Trap

CLOSED = ("err", ("closed", None))


@pytest.fixture
def file(world):
    node = world.ctx.files.open(world.ctx.files.root, "f", create=True, write=True)
    world.ctx.files.write(node, 0, b"0123456789")
    return node


def test_reading_gives_what_there_is_then_closed(world, file):
    source = FileInput(file, 4)
    assert streams.read(world.ctx, source, 0) == ("ok", b"")
    assert streams.read(world.ctx, source, 4) == ("ok", b"4567")
    assert streams.blocking_read(world.ctx, source, 1 << 63) == ("ok", b"89")
    assert streams.read(world.ctx, source, 1) == CLOSED
    assert streams.read(world.ctx, source, 0) == ("ok", b"")


def test_a_file_that_grows_can_be_read_on(world, file):
    source = FileInput(file, 10)
    assert streams.read(world.ctx, source, 5) == CLOSED
    world.ctx.files.write(file, 10, b"more")
    assert streams.read(world.ctx, source, 5) == ("ok", b"more")


def test_one_read_is_bounded(world, file):
    world.ctx.files.resize(file, streams.READ_MAX_BYTES + 5)
    tag, data = streams.read(world.ctx, FileInput(file, 0), (1 << 64) - 1)
    assert (tag, len(data)) == ("ok", streams.READ_MAX_BYTES)


def test_skipping_counts_what_was_passed_over(world, file):
    source = FileInput(file, 0)
    assert streams.skip(world.ctx, source, 3) == ("ok", 3)
    assert streams.blocking_skip(world.ctx, source, 100) == ("ok", 7)
    assert streams.skip(world.ctx, source, 1) == CLOSED


def test_writing_goes_on_at_its_position(world, file):
    sink = FileOutput(file, 2)
    assert streams.check_write(world.ctx, sink) == ("ok", streams.WRITE_MAX_BYTES)
    assert streams.write(world.ctx, sink, b"ab") == ("ok", None)
    assert streams.blocking_write_and_flush(world.ctx, sink, b"cd") == ("ok", None)
    assert streams.write_zeroes(world.ctx, sink, 1) == ("ok", None)
    assert streams.blocking_write_zeroes_and_flush(world.ctx, sink, 1) == ("ok", None)
    assert streams.flush(world.ctx, sink) == ("ok", None)
    assert streams.blocking_flush(world.ctx, sink) == ("ok", None)
    assert file.read(0, 99) == b"01abcd\0\x0089"
    assert streams.subscribe_output(world.ctx, sink) is READY


def test_appending_goes_to_the_end_wherever_that_is(world, file):
    sink = FileOutput(file, None)
    streams.write(world.ctx, sink, b"a")
    world.ctx.files.resize(file, 2)
    streams.write(world.ctx, sink, b"b")
    assert file.read(0, 99) == b"01b"


def test_writing_more_than_permitted_traps(world, file):
    sink = FileOutput(file, 0)
    with pytest.raises(Trap, match="check-write"):
        streams.write(world.ctx, sink, bytes(streams.WRITE_MAX_BYTES + 1))
    with pytest.raises(Trap, match="check-write"):
        streams.write_zeroes(world.ctx, sink, 1 << 62)
    with pytest.raises(Trap, match="4096"):
        streams.blocking_write_and_flush(world.ctx, sink, bytes(4097))
    with pytest.raises(Trap, match="4096"):
        streams.blocking_write_zeroes_and_flush(world.ctx, sink, 1 << 62)
    assert file.size == 10


def test_splicing_moves_bytes_from_stream_to_stream(world, file):
    other = world.ctx.files.open(world.ctx.files.root, "g", create=True, write=True)
    source, sink = FileInput(file, 0), FileOutput(other, 0)
    assert streams.splice(world.ctx, sink, source, 4) == ("ok", 4)
    assert streams.blocking_splice(world.ctx, sink, source, 1 << 40) == ("ok", 6)
    assert streams.splice(world.ctx, sink, source, 4) == CLOSED
    assert other.read(0, 99) == b"0123456789"


def test_a_failed_write_tells_why(make_world):
    world = make_world(quota=Quota(bytes_max=4))
    node = world.ctx.files.open(world.ctx.files.root, "f", create=True, write=True)
    tag, (case, error) = streams.write(world.ctx, FileOutput(node, 0), b"12345")
    assert (tag, case) == ("err", "last-operation-failed")
    assert filesystem_error_code(world.ctx, error) == "insufficient-space"
    assert "insufficient-space" in io_error.to_debug_string(world.ctx, error)
    resource = io_error.ERROR.resources["error"]
    assert resource.restore(world.ctx, resource.capture(world.ctx, error)) == error


def test_nothing_about_files_is_recorded(world, file):
    streams.blocking_read(world.ctx, FileInput(file, 0), 5)
    streams.blocking_write_and_flush(world.ctx, FileOutput(file, 0), b"x")
    assert world.durability.recorded == []


@pytest.mark.parametrize("position", [None, 3])
def test_file_streams_survive_capture_and_restore(world, file, position):
    source_kind, sink_kind = (
        streams.STREAMS.resources["input-stream"],
        streams.STREAMS.resources["output-stream"],
    )
    source, sink = FileInput(file, 4), FileOutput(file, position)
    state = world.ctx.capture(), source_kind.capture(world.ctx, source), sink_kind.capture(world.ctx, sink)
    ctx = world.restart(state=state[0])
    restored_source, restored_sink = source_kind.restore(ctx, state[1]), sink_kind.restore(ctx, state[2])
    assert streams.read(ctx, restored_source, 2) == ("ok", b"45")
    streams.write(ctx, restored_sink, b"!")
    assert ctx.files.lookup(ctx.files.root, "f").read(0, 99) in (b"012!456789", b"0123456789!")
    ctx.files.unlink(ctx.files.root, "f")
    source_kind.drop(ctx, restored_source)
    assert ctx.files.used_bytes > 0
    sink_kind.drop(ctx, restored_sink)
    assert ctx.files.used_bytes == 0
