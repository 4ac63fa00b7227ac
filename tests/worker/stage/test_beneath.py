"""A file below a folder is opened, and nothing that only looks as if it were below it."""

import os
import socket
from pathlib import Path

import pytest

from worker.stage import beneath
from worker.stage.beneath import AbsentError, PathError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a/file").write_text("content")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "inner").symlink_to("a/file")
    (root / "out").symlink_to(tmp_path)
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as line:
        line.bind(str(root / "socket"))
    return root


def test_a_file_is_opened_with_its_size(root: Path) -> None:
    for path in ("a/file", "./a//file", "/a/file"):
        with beneath.opened(root, path) as (descriptor, size):
            assert (os.read(descriptor, 100), size) == (b"content", 7)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("../secret", r"leaves the run's folder with \.\."),
        ("a/../../secret", r"leaves the run's folder with \.\."),
        ("", "names no file"),
        (".", "names no file"),
        ("a\0b", "names no file"),
        ("a", "is a folder, not a file"),
        ("link", "is a symbolic link, not a file"),
        ("inner", "is a symbolic link, not a file"),
        ("out/secret", "leads through a symbolic link"),
        ("a/file/x", "leads through a file"),
        ("fifo", "is a FIFO, not a file"),
        ("socket", "is a socket, not a file"),
        ("x" * 300, "is unreadable"),
    ],
)
def test_what_is_no_file_below_the_folder_is_refused(root: Path, path: str, says: str) -> None:
    with pytest.raises(PathError, match=says), beneath.opened(root, path):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_refused(root: Path) -> None:
    os.mknod(root / "null", 0o600 | 0o020000, os.makedev(1, 3))
    with pytest.raises(PathError, match="is a device"), beneath.opened(root, "null"):
        pass


@pytest.mark.parametrize("path", ["b", "a/b", "c/b"])
def test_what_is_not_there_is_told_apart(root: Path, path: str) -> None:
    with pytest.raises(AbsentError, match="does not exist"), beneath.opened(root, path):
        pass


def test_a_file_is_made_with_its_folders_and_never_over_another(root: Path) -> None:
    with beneath.created(root, "new/deep/file") as descriptor:
        os.write(descriptor, b"x")
    assert (root / "new/deep/file").read_bytes() == b"x"
    for path in ("new/deep/file", "link", "new"):
        with pytest.raises(PathError, match="is there already"), beneath.created(root, path):
            pass
    with pytest.raises(PathError, match="leads through a symbolic link"), beneath.created(root, "out/x"):
        pass
    assert not (root.parent / "x").exists()


def test_no_descriptor_is_left_open(root: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for path in ("a/file", "link", "out/secret", "gone/x", "a"):
        try:
            with beneath.opened(root, path):
                pass
        except PathError:
            continue
    assert len(os.listdir("/proc/self/fd")) == len(before)
