from __future__ import annotations

import pytest

from shem.wasi import filesystem as fs
from shem.wasi import streams
from shem.wasi.vfs import Quota, Tree

FOLLOW = frozenset({"symlink-follow"})
NOFOLLOW: frozenset[str] = frozenset()
CREATE = frozenset({"create"})
READ, WRITE = frozenset({"read"}), frozenset({"read", "write"})
OK = ("ok", None)


@pytest.fixture
def world(make_world):
    return make_world({"/app": Tree.from_files({"main.py": b"code"})})


@pytest.fixture
def root(world):
    [(descriptor, path)] = fs.get_directories(world.ctx)
    assert path == "/"
    return descriptor


@pytest.fixture
def open_at(world, root):
    def open_at(path, open_flags=NOFOLLOW, flags=READ, path_flags=FOLLOW, base=None):
        tag, value = fs.open_at(
            world.ctx, base or root, path_flags, path, frozenset(open_flags), frozenset(flags)
        )
        return value if tag == "ok" else ("err", value)

    return open_at


def test_a_file_is_made_written_and_read(world, root, open_at):
    file = open_at("tmp/f", CREATE, WRITE)
    assert fs.write(world.ctx, file, b"hello", 0) == ("ok", 5)
    assert fs.read(world.ctx, file, 3, 1) == ("ok", (b"ell", False))
    assert fs.read(world.ctx, file, 1 << 60, 2) == ("ok", (b"llo", True))
    assert fs.read(world.ctx, file, 5, 99) == ("ok", (b"", True))
    assert fs.set_size(world.ctx, file, 2) == OK
    assert (
        fs.sync(world.ctx, file)
        == fs.sync_data(world.ctx, file)
        == fs.advise(world.ctx, file, 0, 9, "normal")
        == OK
    )
    tag, stat = fs.stat(world.ctx, file)
    assert (tag, stat["type"], stat["size"], stat["link-count"]) == ("ok", "regular-file", 2, 1)
    assert fs.stat_at(world.ctx, root, FOLLOW, "tmp/f") == ("ok", stat)
    assert world.durability.recorded == []


def test_streams_of_a_descriptor_start_where_they_are_told(world, open_at):
    file = open_at("f", CREATE, WRITE)
    streams.write(world.ctx, fs.append_via_stream(world.ctx, file)[1], b"0123")
    streams.write(world.ctx, fs.write_via_stream(world.ctx, file, 2)[1], b"ab")
    assert streams.read(world.ctx, fs.read_via_stream(world.ctx, file, 1)[1], 9) == ("ok", b"1ab")


def test_a_descriptor_allows_what_it_was_opened_for(world, root, open_at):
    open_at("f", CREATE, WRITE)
    reader, writer = open_at("f", flags=READ), open_at("f", flags={"write"})
    for refused in (
        fs.write(world.ctx, reader, b"x", 0),
        fs.set_size(world.ctx, reader, 0),
        fs.write_via_stream(world.ctx, reader, 0),
        fs.append_via_stream(world.ctx, reader),
        fs.read(world.ctx, writer, 1, 0),
        fs.read_via_stream(world.ctx, writer, 0),
        fs.read(world.ctx, root, 1, 0),
        fs.write(world.ctx, root, b"x", 0),
        fs.advise(world.ctx, root, 0, 1, "normal"),
    ):
        assert refused == ("err", "bad-descriptor")
    assert fs.read_directory(world.ctx, reader) == ("err", "not-directory")
    assert open_at("x", base=reader) == ("err", "not-directory")
    assert fs.stat_at(world.ctx, reader, FOLLOW, "x") == ("err", "not-directory")


def test_a_directory_opened_for_reading_passes_the_right_to_change_it_on(world, open_at):
    directory = open_at("tmp", {"directory"}, READ)
    assert fs.get_flags(world.ctx, directory) == ("ok", frozenset({"read", "mutate-directory"}))
    assert fs.create_directory_at(world.ctx, directory, "sub") == OK


def test_a_directory_without_the_right_cannot_be_changed(world, root):
    reader = fs.Descriptor(root.node, READ)
    other = fs.Descriptor(root.node, frozenset({"read", "mutate-directory"}))
    now = ("now", None)
    for refused in (
        fs.open_at(world.ctx, reader, FOLLOW, "f", CREATE, READ),
        fs.open_at(world.ctx, reader, FOLLOW, "tmp", NOFOLLOW, frozenset({"mutate-directory"})),
        fs.create_directory_at(world.ctx, reader, "d"),
        fs.remove_directory_at(world.ctx, reader, "tmp"),
        fs.unlink_file_at(world.ctx, reader, "f"),
        fs.rename_at(world.ctx, reader, "tmp", other, "x"),
        fs.rename_at(world.ctx, other, "tmp", reader, "x"),
        fs.link_at(world.ctx, other, NOFOLLOW, "tmp", reader, "x"),
        fs.symlink_at(world.ctx, reader, "tmp", "x"),
        fs.set_times_at(world.ctx, reader, FOLLOW, "tmp", now, now),
    ):
        assert refused == ("err", "read-only")


def test_open_flags_have_posix_meaning(world, open_at):
    file = open_at("f", CREATE, WRITE)
    fs.write(world.ctx, file, b"12345", 0)
    assert open_at("f", {"create", "exclusive"}, WRITE) == ("err", "exist")
    assert open_at("f", {"directory"}) == ("err", "not-directory")
    assert open_at("tmp", flags=WRITE) == ("err", "is-directory")
    assert open_at("missing") == ("err", "no-entry")
    assert open_at("d", {"create", "directory"}) == ("err", "invalid")
    open_at("f", {"truncate"}, WRITE)
    assert fs.stat(world.ctx, file)[1]["size"] == 0


def test_a_mount_is_read_only(world, root, open_at):
    assert fs.read(world.ctx, open_at("app/main.py"), 9, 0) == ("ok", (b"code", True))
    assert open_at("app/main.py", flags=WRITE) == ("err", "read-only")
    assert open_at("app/x", CREATE) == ("err", "read-only")
    assert fs.unlink_file_at(world.ctx, root, "app/main.py") == ("err", "read-only")
    assert fs.create_directory_at(world.ctx, root, "app/__pycache__") == ("err", "read-only")


def test_links_and_renames(world, root, open_at):
    open_at("f", CREATE, WRITE)
    assert fs.symlink_at(world.ctx, root, "f", "soft") == OK
    assert fs.readlink_at(world.ctx, root, "soft") == ("ok", "f")
    assert fs.readlink_at(world.ctx, root, "f") == ("err", "invalid")
    assert fs.stat_at(world.ctx, root, NOFOLLOW, "soft")[1]["type"] == "symbolic-link"
    assert fs.stat_at(world.ctx, root, FOLLOW, "soft")[1]["type"] == "regular-file"
    assert open_at("soft", path_flags=NOFOLLOW) == ("err", "loop")
    assert fs.link_at(world.ctx, root, NOFOLLOW, "f", root, "hard") == OK
    assert fs.link_at(world.ctx, root, FOLLOW, "soft", root, "through") == OK
    assert fs.stat_at(world.ctx, root, FOLLOW, "hard")[1]["link-count"] == 3
    assert fs.is_same_object(world.ctx, open_at("f"), open_at("hard")) is True
    assert fs.is_same_object(world.ctx, open_at("f"), open_at("tmp")) is False
    assert fs.rename_at(world.ctx, root, "hard", root, "tmp/moved") == OK
    assert fs.unlink_file_at(world.ctx, root, "f") == OK
    assert open_at("soft") == ("err", "no-entry")
    assert fs.remove_directory_at(world.ctx, root, "tmp") == ("err", "not-empty")


def test_a_directory_is_listed_in_name_order_as_it_was_when_opened(world, root, open_at):
    for name in ("b", "a"):
        open_at(name, CREATE, WRITE)
    listing = fs.read_directory(world.ctx, root)[1]
    assert fs.read_directory_entry(world.ctx, listing) == ("ok", {"type": "regular-file", "name": "a"})
    open_at("later", CREATE, WRITE)
    resource = fs.TYPES.resources["directory-entry-stream"]
    listing = resource.restore(world.ctx, resource.capture(world.ctx, listing))
    names = []
    while (entry := fs.read_directory_entry(world.ctx, listing)[1]) is not None:
        names.append((entry["name"], entry["type"]))
    assert names == [("app", "directory"), ("b", "regular-file"), ("tmp", "directory")]
    assert fs.read_directory_entry(world.ctx, listing) == OK


def test_times_are_set_and_bounded(world, root, open_at):
    file = open_at("f", CREATE, WRITE)
    world.durability.now = 123
    given = ("timestamp", {"seconds": 7, "nanoseconds": 8})
    assert fs.set_times(world.ctx, file, ("no-change", None), given) == OK
    stat = fs.stat(world.ctx, file)[1]
    assert stat["data-modification-timestamp"] == {"seconds": 7, "nanoseconds": 8}
    assert stat["data-access-timestamp"] == {"seconds": 0, "nanoseconds": 0}
    assert stat["status-change-timestamp"] == {"seconds": 0, "nanoseconds": 123}
    assert fs.set_times_at(world.ctx, root, FOLLOW, "f", ("now", None), ("no-change", None)) == OK
    assert fs.stat(world.ctx, file)[1]["data-access-timestamp"] == {"seconds": 0, "nanoseconds": 123}
    for wrong, code in (
        ({"seconds": 1, "nanoseconds": 10**9}, "invalid"),
        ({"seconds": (1 << 64) - 1, "nanoseconds": 0}, "overflow"),
    ):
        assert fs.set_times(world.ctx, file, ("timestamp", wrong), given) == ("err", code)


def test_the_metadata_hash_tells_files_apart_and_changes_with_the_content(world, root, open_at):
    file, other = open_at("f", CREATE, WRITE), open_at("g", CREATE, WRITE)
    before = fs.metadata_hash(world.ctx, file)[1]
    assert before == fs.metadata_hash_at(world.ctx, root, FOLLOW, "f")[1]
    assert before["lower"] != fs.metadata_hash(world.ctx, other)[1]["lower"]
    fs.write(world.ctx, file, b"x", 0)
    after = fs.metadata_hash(world.ctx, file)[1]
    assert after["lower"] == before["lower"]
    assert after["upper"] != before["upper"]


def test_a_full_disk_says_so(make_world):
    world = make_world(quota=Quota(bytes_max=3, names_max=2))
    [(root, _)] = fs.get_directories(world.ctx)
    _, file = fs.open_at(world.ctx, root, FOLLOW, "f", CREATE, WRITE)
    assert fs.write(world.ctx, file, b"1234", 0) == ("err", "insufficient-space")
    assert fs.create_directory_at(world.ctx, root, "d") == ("err", "insufficient-space")


def test_an_open_unlinked_file_survives_capture_and_restore(world, root, open_at):
    file = open_at("f", CREATE, WRITE)
    fs.write(world.ctx, file, b"content", 0)
    fs.unlink_file_at(world.ctx, root, "f")
    resource = fs.TYPES.resources["descriptor"]
    state, captured = world.ctx.capture(), [resource.capture(world.ctx, d) for d in (root, file)]
    ctx = world.restart(state=state)
    restored_root, restored = [resource.restore(ctx, data) for data in captured]
    assert restored_root.node is ctx.files.root
    assert restored.flags == file.flags
    assert fs.read(ctx, restored, 99, 0) == ("ok", (b"content", True))
    resource.drop(ctx, restored)
    assert ctx.files.used_bytes == 0
