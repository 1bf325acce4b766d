from __future__ import annotations

import pytest

from shem.wasi import cli, streams
from shem.wasi.output import LINE_MAX_BYTES, TAIL_BYTES
from shem.wasi.poll import READY


def test_environment_and_arguments_are_the_contexts(world):
    assert cli.get_environment(world.ctx) == (("HOME", "/"),)
    assert cli.get_arguments(world.ctx) == ("guest",)
    assert cli.initial_cwd(world.ctx) == "/"


@pytest.mark.parametrize(("status", "code"), [(("ok", None), 0), (("err", None), 1)])
def test_exit_leaves_the_guest_with_its_code(world, status, code):
    with pytest.raises(cli.Exited) as caught:
        cli.exit_(world.ctx, status)
    assert caught.value.code == code


def test_exit_with_code_leaves_the_guest(world):
    with pytest.raises(cli.Exited) as caught:
        cli.exit_with_code(world.ctx, 42)
    assert caught.value.code == 42


def test_standard_input_is_at_its_end(world):
    stdin = cli.get_stdin(world.ctx)
    assert streams.read(world.ctx, stdin, 10) == ("err", ("closed", None))
    assert streams.blocking_read(world.ctx, stdin, 10) == ("err", ("closed", None))
    assert streams.subscribe_input(world.ctx, stdin) is READY


def test_there_is_no_terminal(world):
    assert cli.no_terminal(world.ctx) is None


def test_each_complete_line_is_logged_once(world):
    out = cli.get_stdout(world.ctx)
    for piece in (b"one", b"\ntw", b"o\n\nthree"):
        assert streams.write(world.ctx, out, piece) == ("ok", None)
    assert world.durability.logs == [("stdout", "", "one"), ("stdout", "", "two"), ("stdout", "", "")]
    world.ctx.finish_output()
    world.ctx.finish_output()
    assert world.durability.logs[3:] == [("stdout", "", "three")]


def test_output_that_is_no_utf8_is_shown_with_replacement(world):
    streams.write(world.ctx, cli.get_stderr(world.ctx), b"a\xffb\n")
    assert world.durability.logs == [("stderr", "", "a\ufffdb")]


def test_a_character_may_come_in_two_writes(world):
    out = cli.get_stdout(world.ctx)
    first, second = "é".encode()[:1], "é".encode()[1:]
    streams.write(world.ctx, out, first)
    streams.write(world.ctx, out, second + b"\n")
    assert world.durability.logs == [("stdout", "", "é")]


def test_a_line_without_end_is_logged_in_pieces(world):
    out = cli.get_stdout(world.ctx)
    for _ in range(3):
        streams.write(world.ctx, out, b"x" * LINE_MAX_BYTES)
    assert [len(message) for _, _, message in world.durability.logs] == [LINE_MAX_BYTES, LINE_MAX_BYTES]
    assert len(world.ctx.stdout.unfinished) == LINE_MAX_BYTES


def test_the_end_of_standard_error_is_kept_for_reports(world):
    err = cli.get_stderr(world.ctx)
    for _ in range(300):
        streams.write(world.ctx, err, b"x" * 1023 + b"\n")
    streams.write(world.ctx, err, b"the last words")
    tail = world.ctx.stderr_tail()
    assert tail.endswith("the last words")
    assert len(tail) == TAIL_BYTES


def test_an_unfinished_line_survives_capture_and_restore(world):
    streams.write(world.ctx, cli.get_stdout(world.ctx), b"begun ")
    ctx = world.restart(replay=False, state=world.ctx.capture())
    streams.write(ctx, cli.get_stdout(ctx), b"and ended\n")
    assert world.durability.logs == [("stdout", "", "begun and ended")]


def test_standard_streams_survive_capture_and_restore(world):
    for resource, stream in (
        ("input-stream", cli.get_stdin(world.ctx)),
        ("output-stream", cli.get_stdout(world.ctx)),
        ("output-stream", cli.get_stderr(world.ctx)),
    ):
        kind = streams.STREAMS.resources[resource]
        assert kind.restore(world.ctx, kind.capture(world.ctx, stream)) is stream
        kind.drop(world.ctx, stream)
