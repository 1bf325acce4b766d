from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shem.errors import StorageCorrupt
from shem.wasi.vfs import FileSystem, FsError, Quota, Tree
from shem.wasi.vfs.paths import NAME_MAX_BYTES, PATH_MAX_BYTES, SYMLINKS_MAX


def refused(code, operation, *args, **kwargs):
    with pytest.raises(FsError) as caught:
        operation(*args, **kwargs)
    assert caught.value.code == code


def put(files, path, data=b""):
    node = files.open(files.root, path, create=True, write=True)
    files.write(node, 0, data)
    return node


@pytest.fixture
def files():
    return FileSystem(
        {"/app": Tree.from_files({"main.py": b"code", "lib/a.py": b"a"})}, itertools.count(1000).__next__
    )


# -- nothing escapes


@pytest.mark.parametrize("path", ["/tmp", "..", "../x", "tmp/../..", "app/lib/../../../x", "./.././x"])
def test_a_path_above_the_base_is_not_permitted(files, path):
    refused("not-permitted", files.lookup, files.root, path)
    refused("not-permitted", files.open, files.root, path, create=True)


def test_the_base_directory_is_the_bound_not_the_root(files):
    base = files.lookup(files.root, "tmp")
    assert files.lookup(base, ".") is base
    refused("not-permitted", files.lookup, base, "../app")


def test_a_link_that_climbs_is_not_permitted_when_it_is_followed(files):
    files.symlink("../../etc", files.root, "tmp/climb")
    assert files.read_link(files.root, "tmp/climb") == "../../etc"
    refused("not-permitted", files.lookup, files.root, "tmp/climb")
    refused("not-permitted", files.open, files.root, "tmp/climb/passwd", create=True)


def test_a_link_that_is_fine_from_the_root_may_escape_a_smaller_base(files):
    put(files, "x", b"secret")
    files.symlink("../x", files.root, "tmp/up")
    assert files.lookup(files.root, "tmp/up").read(0, 9) == b"secret"
    refused("not-permitted", files.lookup, files.lookup(files.root, "tmp"), "up")


def test_an_absolute_link_is_not_permitted(files):
    refused("not-permitted", files.symlink, "/tmp", files.root, "abs")


@given(st.text(alphabet="ab./", max_size=40))
def test_no_path_leads_out_of_its_base(path):
    files = FileSystem()
    files.make_directory(files.root, "a")
    files.make_directory(files.root, "a/b")
    files.symlink("../b/..", files.root, "a/b/a")
    inside = {files.lookup(files.root, p) for p in ("a", "a/b")}
    try:
        node = files.lookup(files.lookup(files.root, "a"), path)
    except FsError:
        return
    assert node in inside


# -- bounds


def test_names_and_paths_are_bounded_as_on_linux(files):
    put(files, "n" * NAME_MAX_BYTES)
    refused("name-too-long", put, files, "n" * (NAME_MAX_BYTES + 1))
    refused("name-too-long", put, files, "é" * 128)
    refused("name-too-long", files.lookup, files.root, "./" * (PATH_MAX_BYTES // 2 + 1))
    refused("name-too-long", files.symlink, "t/" * 2048, files.root, "link")


def test_a_nul_and_an_empty_path_are_refused(files):
    refused("invalid", files.lookup, files.root, "a\0b")
    refused("no-entry", files.lookup, files.root, "")
    refused("no-entry", files.symlink, "", files.root, "link")


def test_links_that_go_in_circles_end(files):
    files.symlink("b", files.root, "a")
    files.symlink("a", files.root, "b")
    refused("loop", files.lookup, files.root, "a")
    assert files.lookup(files.root, "a", follow=False).kind == "symbolic-link"


def test_links_of_links_are_followed_up_to_a_bound(files):
    put(files, "l0", b"end")
    for n in range(SYMLINKS_MAX + 1):
        files.symlink(f"l{n}", files.root, f"l{n + 1}")
    assert files.lookup(files.root, f"l{SYMLINKS_MAX}").size == 3
    refused("loop", files.lookup, files.root, f"l{SYMLINKS_MAX + 1}")


def test_bytes_beyond_the_quota_are_refused_and_nothing_is_written():
    files = FileSystem(quota=Quota(bytes_max=10))
    node = put(files, "f", b"12345")
    refused("insufficient-space", files.write, node, 3, b"12345678")
    refused("insufficient-space", files.resize, node, 11)
    refused("insufficient-space", files.write, node, 1 << 40, b"x")
    refused("insufficient-space", files.symlink, "123456", files.root, "link")
    assert node.read(0, 99) == b"12345"
    files.resize(node, 10)
    files.resize(node, 2)
    assert files.used_bytes == 2
    files.unlink(files.root, "f")
    assert files.used_bytes == 0


def test_names_beyond_the_quota_are_refused():
    files = FileSystem(quota=Quota(names_max=3))
    put(files, "a")
    put(files, "b")
    for operation in (
        lambda: put(files, "c"),
        lambda: files.make_directory(files.root, "c"),
        lambda: files.symlink("a", files.root, "c"),
        lambda: files.link(files.root, "a", files.root, "c"),
    ):
        refused("insufficient-space", operation)
    files.rename(files.root, "a", files.root, "b")
    put(files, "c")


def test_an_unlinked_file_counts_until_it_is_closed():
    files = FileSystem(quota=Quota(bytes_max=10, names_max=2))
    node = put(files, "f", b"1234567890")
    files.hold(node)
    files.unlink(files.root, "f")
    refused("insufficient-space", lambda: [put(files, "g"), put(files, "h")])
    assert node.read(0, 99) == b"1234567890"
    files.release(node)
    assert (files.used_bytes, files.used_names) == (0, 1)


def test_an_offset_beyond_what_files_can_have_is_invalid(files):
    node = put(files, "f")
    refused("invalid", files.write, node, (1 << 64) - 1, b"x")
    refused("invalid", files.resize, node, 1 << 63)


# -- mounts


def test_a_mount_cannot_be_written(files):
    root = files.root
    file = files.lookup(root, "app/main.py")
    for operation in (
        lambda: files.open(root, "app/new.py", create=True),
        lambda: files.open(root, "app/main.py", write=True),
        lambda: files.open(root, "app/main.py", truncate=True),
        lambda: files.write(file, 0, b"x"),
        lambda: files.resize(file, 0),
        lambda: files.set_times(file, 0, 0),
        lambda: files.make_directory(root, "app/new"),
        lambda: files.symlink("x", root, "app/new"),
        lambda: files.unlink(root, "app/main.py"),
        lambda: files.remove_directory(root, "app/lib"),
        lambda: files.rename(root, "app/main.py", root, "app/other.py"),
    ):
        refused("read-only", operation)


def test_nothing_is_moved_or_linked_between_a_mount_and_the_agents_own(files):
    put(files, "own")
    refused("cross-device", files.rename, files.root, "app/main.py", files.root, "taken")
    refused("cross-device", files.rename, files.root, "own", files.root, "app/given")
    refused("cross-device", files.link, files.root, "app/main.py", files.root, "taken")


def test_a_mount_stays_where_it_is(files):
    files.make_directory(files.root, "dir")
    refused("busy", files.remove_directory, files.root, "app")
    refused("busy", files.rename, files.root, "app", files.root, "elsewhere")
    refused("busy", files.rename, files.root, "dir", files.root, "app")
    refused("is-directory", files.unlink, files.root, "app")


def test_opening_a_mounted_file_with_create_is_fine_when_nothing_is_to_be_made(files):
    assert files.open(files.root, "app/main.py", create=True).read(0, 9) == b"code"
    refused("exist", files.open, files.root, "app/main.py", create=True, exclusive=True)


# -- times, numbers, order


def test_times_come_from_the_agents_time_alone():
    now = 0
    files = FileSystem(now_ns=lambda: now)
    now = 5
    node = put(files, "f", b"1")
    now = 6
    files.write(node, 0, b"2")
    now = 7
    files.link(files.root, "f", files.root, "g")
    assert (node.accessed_ns, node.modified_ns, node.changed_ns) == (5, 6, 7)
    now = 8
    files.set_times(node, 1, None)
    assert (node.accessed_ns, node.modified_ns, node.changed_ns) == (1, 6, 8)
    assert files.root.modified_ns == 7


def test_entries_are_listed_in_name_order_whatever_order_they_came_in(files):
    for name in ("b", "é", "a", "Z", "aa"):
        put(files, name)
    assert [name for name, _ in files.list(files.root)] == ["Z", "a", "aa", "app", "b", "tmp", "é"]


def test_inode_numbers_are_never_used_again(files):
    first = put(files, "f").inode
    files.unlink(files.root, "f")
    assert put(files, "f").inode > first


# -- removed directories


def test_nothing_is_made_in_a_removed_directory(files):
    files.make_directory(files.root, "d")
    put(files, "x")
    directory = files.lookup(files.root, "d")
    files.hold(directory)
    files.remove_directory(files.root, "d")
    for operation in (
        lambda: files.open(directory, "f", create=True),
        lambda: files.make_directory(directory, "f"),
        lambda: files.symlink("x", directory, "f"),
        lambda: files.link(files.root, "x", directory, "f"),
        lambda: files.rename(files.root, "x", directory, "f"),
    ):
        refused("no-entry", operation)
    files.release(directory)
    assert files.used_names == 2


# -- state


def test_captured_files_come_back_over_the_same_mounts(files):
    put(files, "tmp/f", b"content")
    files.symlink("tmp/f", files.root, "link")
    files.link(files.root, "tmp/f", files.root, "hard")
    held = put(files, "gone", b"unlinked")
    files.hold(held)
    files.unlink(files.root, "gone")
    mounts = {"/app": Tree.from_files({"main.py": b"code", "lib/a.py": b"a"})}
    restored = FileSystem(mounts)
    restored.restore(files.capture())
    assert restored.capture() == files.capture()
    assert restored.lookup(restored.root, "link").read(0, 99) == b"content"
    assert restored.lookup(restored.root, "hard").links == 2
    assert restored.lookup(restored.root, "app/main.py").read(0, 9) == b"code"
    assert restored.node(held.inode).read(0, 99) == b"unlinked"
    assert put(restored, "new").inode == put(files, "new").inode


def test_files_that_name_a_missing_mount_are_corrupt(files):
    with pytest.raises(StorageCorrupt, match="/app"):
        FileSystem().restore(files.capture())


def test_files_without_a_root_are_corrupt(files):
    with pytest.raises(StorageCorrupt, match="root"):
        files.restore({"next_inode": 1, "nodes": []})


def test_a_large_file_is_written_in_place(files):
    node = put(files, "big")
    chunk = bytes(range(256)) * 256
    for n in range(320):
        files.write(node, n * len(chunk), chunk)
    assert files.used_bytes == node.size == 320 * len(chunk)
    assert node.read(5 * len(chunk) + 7, 3) == b"\x07\x08\x09"
