"""How is a file opened below a folder whose content nobody trusts? Step by step, and through no link.

Every part of a path is opened relative to the folder before it, with O_NOFOLLOW; `..` is refused. So nothing outside
the folder is reached, whatever links lie in it and whoever moves things meanwhile. (`openat2` with RESOLVE_BENEATH and
RESOLVE_NO_SYMLINKS means the same; the walk needs no system call that a kernel or a container's filter may lack.)
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class PathError(ValueError):
    """The path cannot be used; the text says why, without the path."""


class AbsentError(PathError):
    """There is nothing at the path."""


def parts_of(path: str) -> list[str]:
    """Raises PathError."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise PathError("leaves the run's folder with ..")
    if not parts or "\0" in path:
        raise PathError("names no file")
    return parts


@contextlib.contextmanager
def parent(root: Path, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
    """(descriptor of the folder that the file lies in, the file's name in it). Raises PathError, OSError."""
    *folders, name = parts_of(path)
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            below = _step(at, folder, make)
            os.close(at)
            at = below
        yield at, name
    finally:
        os.close(at)


def _step(at: int, name: str, make: bool) -> int:
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=at)
    try:
        return os.open(name, FOLDER, dir_fd=at)
    except FileNotFoundError:
        raise AbsentError("does not exist") from None
    except OSError as problem:
        kind = _kind(at, name)
        if kind in ("a folder", "gone"):
            raise PathError(f"lies in a folder that cannot be opened: {problem.strerror}") from None
        raise PathError(f"leads through {kind}") from None


@contextlib.contextmanager
def opened(root: Path, path: str) -> Iterator[tuple[int, int]]:
    """(descriptor, size) of a regular file. Raises PathError."""
    with parent(root, path) as (at, name):
        kind = _kind(at, name)
        if kind == "gone":
            raise AbsentError("does not exist")
        if kind != "a file":
            raise PathError(f"is {kind}, not a file")
        try:
            descriptor = os.open(name, FILE, dir_fd=at)
        except OSError as problem:
            raise PathError(f"cannot be opened: {problem.strerror}") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise PathError("is not a file any more")
        yield descriptor, found.st_size
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def created(root: Path, path: str) -> Iterator[int]:
    """Descriptor of a new file, its folders made. Raises PathError, OSError."""
    with parent(root, path, make=True) as (at, name):
        try:
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=at)
        except FileExistsError:
            raise PathError("is there already") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _kind(at: int, name: str) -> str:
    try:
        mode = os.stat(name, dir_fd=at, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return "gone"
    except OSError as problem:
        return f"unreadable ({problem.strerror})"
    return KINDS.get(stat.S_IFMT(mode), "a file")
