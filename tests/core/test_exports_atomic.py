"""Writing files whole or not at all: refusals, full disks, cancel, odd names."""

import errno
import os
import stat
import sys

import pytest

from fast3dis_core.errors import Cancelled, ExportError
from fast3dis_core.exports.atomic import atomic_file, atomic_folder, write_staged


def write(path, content=b"new", *, overwrite=False, then=lambda: None):
    with atomic_file(path, overwrite=overwrite) as file:
        file.write(content)
        then()


def throw(error):
    raise error


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["plain.ply", "Küche ☕ 厨房.ply", "with space.ply", "x" * 250 + ".ply"])
def test_any_name_the_disk_takes(tmp_path, name):
    write(tmp_path / name)
    assert tree(tmp_path) == {name: b"new"}


def test_existing_file_is_kept_unless_told(tmp_path):
    target = tmp_path / "a.ply"
    target.write_bytes(b"old")
    with pytest.raises(ExportError, match=r"a\.ply exists already.*overwrite=True"):
        write(target)
    assert tree(tmp_path) == {"a.ply": b"old"}
    write(target, overwrite=True)
    assert tree(tmp_path) == {"a.ply": b"new"}


def test_file_that_appears_meanwhile_is_kept(tmp_path):
    target = tmp_path / "a.ply"
    with pytest.raises(ExportError, match="exists already"):
        write(target, then=lambda: target.write_bytes(b"of somebody else"))
    assert tree(tmp_path) == {"a.ply": b"of somebody else"}


@pytest.mark.parametrize("error", [Cancelled, KeyboardInterrupt, SystemExit, ValueError, MemoryError])
def test_any_exception_leaves_the_old_file_and_nothing_else(tmp_path, error):
    (tmp_path / "a.ply").write_bytes(b"old")
    with pytest.raises(error):
        write(tmp_path / "a.ply", overwrite=True, then=lambda: throw(error))
    assert tree(tmp_path) == {"a.ply": b"old"}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EDQUOT, "is full"),
        (errno.EACCES, "read-only, or open in another program"),
        (errno.EIO, "could not be written"),
    ],
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_disk_errors_in_plain_words(tmp_path, monkeypatch, number, words, call):
    def refuse(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(ExportError, match=words) as caught:
        write(tmp_path / "a.ply")
    assert str(tmp_path) in str(caught.value)
    assert tree(tmp_path) == {}


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_disk_that_truly_refuses_bytes(tmp_path):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(ExportError, match="larger than this disk"):
            write(tmp_path / "a.ply", b"x" * (3 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert tree(tmp_path) == {}


def test_impossible_targets(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ExportError, match="is a folder"):
        write(tmp_path / "folder", overwrite=True)
    with pytest.raises(ExportError, match="longer than this disk allows"):
        write(tmp_path / ("x" * 300))
    with pytest.raises(ExportError, match="does not exist"):
        write(tmp_path / "missing" / "a.ply")
    with pytest.raises(ExportError, match="file is a file, but a folder is needed"):
        write(tmp_path / "file" / "a.ply")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(ExportError, match="read-only"):
            write(tmp_path / "a.ply")
    finally:
        tmp_path.chmod(stat.S_IRWXU)


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes are POSIX")
def test_links_are_followed_and_the_umask_is_obeyed(tmp_path):
    (tmp_path / "real.ply").write_bytes(b"old")
    (tmp_path / "link.ply").symlink_to("real.ply")
    write(tmp_path / "link.ply", overwrite=True)
    assert (tmp_path / "link.ply").is_symlink()
    assert (tmp_path / "real.ply").read_bytes() == b"new"
    mask = os.umask(0o022)
    try:
        write(tmp_path / "mode.ply")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "mode.ply").stat().st_mode) == 0o644


def fill(folder, names, *, overwrite=False, error=None):
    with atomic_folder(folder, names, overwrite=overwrite) as staging:
        for name in names:
            write_staged(staging / name, name.encode())
        if error is not None:
            raise error


def test_folder_is_created_with_its_files(tmp_path):
    fill(tmp_path / "a" / "b", ["one.png", "images/two.png"])
    assert tree(tmp_path) == {"a/b/one.png": b"one.png", "a/b/images/two.png": b"images/two.png"}


def test_folder_keeps_what_else_is_in_it(tmp_path):
    (tmp_path / "notes.txt").write_bytes(b"mine")
    fill(tmp_path, ["one.png"])
    with pytest.raises(ExportError, match=r"one\.png exists already"):
        fill(tmp_path, ["zero.png", "one.png"])
    fill(tmp_path, ["one.png"], overwrite=True)
    assert tree(tmp_path) == {"notes.txt": b"mine", "one.png": b"one.png"}


@pytest.mark.parametrize("error", [Cancelled(), KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
def test_folder_after_an_exception_is_as_before(tmp_path, error):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "one.png").write_bytes(b"old")
    expected = ExportError if isinstance(error, OSError) else type(error)
    for folder in (tmp_path / "kept", tmp_path / "new" / "deep"):
        with pytest.raises(expected):
            fill(folder, ["one.png", "sub/two.png"], overwrite=True, error=error)
    assert tree(tmp_path) == {"kept/one.png": b"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_folder_is_restored_if_the_last_move_fails(tmp_path, monkeypatch):
    (tmp_path / "one.png").write_bytes(b"old")
    move = os.replace

    def fail_on_last(source, place):
        if str(place).endswith(os.path.join("sub", "three.png")):
            raise OSError(errno.EACCES, "denied")
        move(source, place)

    monkeypatch.setattr(os, "replace", fail_on_last)
    with pytest.raises(ExportError, match="read-only"):
        fill(tmp_path, ["one.png", "two.png", "sub/three.png"], overwrite=True)
    assert tree(tmp_path) == {"one.png": b"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["one.png"]


def test_folder_where_a_file_lies(tmp_path):
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(ExportError, match="is a file, but a folder is needed"):
        fill(tmp_path / "taken", ["one.png"])
    assert tree(tmp_path) == {"taken": b""}


def test_an_error_within_a_folder_names_the_folder_that_was_asked_for(tmp_path):
    with pytest.raises(ExportError) as caught, atomic_folder(tmp_path / "out", ["a/b.ply"], overwrite=False) as staging:
        write(staging / "missing" / "b.ply")
    assert str(tmp_path / "out" / "missing") in str(caught.value)
    assert ".part" not in str(caught.value)
    assert tree(tmp_path) == {}
