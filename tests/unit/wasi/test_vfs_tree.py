from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import pytest

from shem.errors import BadInput, StorageCorrupt, TooLarge
from shem.wasi.vfs import FileSystem, FsError, Tree, tree


def zipped(files: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for path, content in files.items():
            info = zipfile.ZipInfo(path, (2020, 1, 2, 3, 4, 6))
            archive.writestr(info, content, method)
    return buffer.getvalue()


def read(files: FileSystem, path: str) -> bytes:
    node = files.lookup(files.root, path)
    return node.read(0, node.size)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("trusted", [True, False])
def test_a_mounted_zip_shows_its_files(method, trusted):
    content = {"main.py": b"x = 1\n" * 100, "pkg/mod.py": b"", "pkg/sub/data.bin": bytes(range(256))}
    files = FileSystem({"/app": Tree.from_zip(zipped(content, method=method), trusted=trusted)})
    assert {path: read(files, f"app/{path}") for path in content} == content
    assert [name for name, _ in files.list(files.lookup(files.root, "app"))] == ["main.py", "pkg"]
    assert files.lookup(files.root, "app/main.py").modified_ns == 1577934246 * 10**9


def test_mounts_cost_an_agent_nothing():
    mounted = Tree.from_files({f"{n}.py": b"pass" for n in range(1000)})
    files = FileSystem({"/app": mounted})
    assert (files.used_bytes, files.used_names) == (0, 1)
    assert files.lookup(files.root, "app") is mounted.root


def test_a_mount_may_lie_deeper():
    files = FileSystem(
        {"/opt/lib/app": Tree.from_files({"f": b"1"}), "/opt/lib/other": Tree.from_files({"f": b"2"})}
    )
    assert (read(files, "opt/lib/app/f"), read(files, "opt/lib/other/f")) == (b"1", b"2")


def test_symbolic_links_in_a_zip_are_links():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("real.txt", b"content")
        for name, target in (("alias", "real.txt"), ("out", "/etc/passwd"), ("up", "../../x")):
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o120777 << 16
            archive.writestr(info, target)
    files = FileSystem({"/app": Tree.from_zip(buffer.getvalue())})
    assert read(files, "app/alias") == b"content"
    for escaping in ("app/out", "app/up"):
        with pytest.raises(FsError, match="not-permitted"):
            files.lookup(files.root, escaping)


@pytest.mark.parametrize("path", ["/abs", "../up", "a/../../up", "a/..", "nul\0"])
def test_a_path_that_leaves_the_tree_is_refused_by_name(path):
    with pytest.raises(BadInput, match="below the root"):
        Tree.from_files({path: b""})


def test_a_zip_with_an_absolute_path_is_refused():
    with pytest.raises(BadInput, match="/etc/passwd"):
        Tree.from_zip(zipped({"/etc/passwd": b""}))


def test_a_name_that_is_file_and_directory_is_refused():
    with pytest.raises(BadInput, match="both a file and a directory"):
        Tree.from_files({"a": b"", "a/b": b""})


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_path_that_comes_twice_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    with pytest.raises(BadInput, match="twice"):
        Tree.from_zip(buffer.getvalue())


def test_what_is_no_zip_is_refused():
    with pytest.raises(BadInput, match="zip"):
        Tree.from_zip(b"not a zip file")


def test_an_unknown_compression_is_refused():
    with pytest.raises(BadInput, match="deflated"):
        Tree.from_zip(zipped({"a": b"1"}, method=zipfile.ZIP_BZIP2))


def damaged(content: bytes) -> bytes:
    data = bytearray(zipped({"good.py": b"1", "bad.py": content}, method=zipfile.ZIP_STORED))
    position = data.index(content)
    data[position] ^= 1
    return bytes(data)


def test_a_damaged_file_is_found_when_the_tree_is_made():
    with pytest.raises(BadInput, match=r"bad\.py"):
        Tree.from_zip(damaged(b"some content"))


def test_a_damaged_file_of_a_trusted_zip_is_found_when_it_is_read():
    files = FileSystem({"/app": Tree.from_zip(damaged(b"some content"), trusted=True)})
    assert read(files, "app/good.py") == b"1"
    with pytest.raises(StorageCorrupt, match=r"bad\.py"):
        read(files, "app/bad.py")


def test_a_zip_that_inflates_beyond_the_bound_is_refused(monkeypatch):
    monkeypatch.setattr(tree, "TREE_BYTES_MAX", 100)
    with pytest.raises(TooLarge, match="101 bytes"):
        Tree.from_zip(zipped({"a": bytes(101)}))


def test_a_zip_with_too_many_files_is_refused(monkeypatch):
    monkeypatch.setattr(tree, "TREE_FILES_MAX", 2)
    with pytest.raises(TooLarge, match="3 entries"):
        Tree.from_zip(zipped({"a": b"", "b": b"", "c": b""}))


def test_a_file_that_inflates_to_more_than_announced_is_refused():
    data = bytearray(zipped({"a": bytes(1000)}))
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (10).to_bytes(4, "little")
    with pytest.raises(BadInput, match="damaged"):
        Tree.from_zip(bytes(data))


def test_inode_numbers_follow_from_the_content_and_tell_trees_apart():
    one, same, other = (Tree.from_files({"f": content}) for content in (b"1", b"1", b"2"))
    first = FileSystem({"/app": one, "/python": other})
    second = FileSystem({"/app": same, "/python": other})
    inodes = [
        first.lookup(first.root, path).inode for path in ("app", "app/f", "python", "python/f", "tmp", ".")
    ]
    assert len(set(inodes)) == 6
    assert inodes[1] == second.lookup(second.root, "app/f").inode
    assert first.node(inodes[1]) is first.lookup(first.root, "app/f")
    with pytest.raises(StorageCorrupt, match="987654321"):
        first.node(987654321)
