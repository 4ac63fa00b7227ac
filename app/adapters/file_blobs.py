"""Blobs as files of a folder: `<folder>/<last two characters of the key>/<key>`, or `<folder>/<key>` where keys have
folders of their own.

Written beside, synced, and renamed into place; the folders are synced too, so that what was answered outlives a loss
of power. What a killed process left half written begins with a dot and is cleared away when the next one starts to use
the folder, once nobody can be writing it any more.
"""

import contextlib
import errno
import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final

from app.domain.errors import NotFound, TooLarge, Unavailable
from app.ports.blobs import Stored

_HALF: Final = ".half-"
_ABANDONED_S: Final = 2 * 24 * 3600
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_RETRY_S: Final = 30


class FileBlobs:
    """`folder` is made when it is absent. Without `spread` each key is `<folder>/<name>`."""

    def __init__(self, folder: Path, *, spread: bool = True) -> None:
        self._folder = folder
        self._spread = spread
        with _told(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._clear()

    def put(self, key: str, pieces: Iterable[bytes], most: int) -> Stored:
        place = self._place(key)
        with _told(self._folder):
            place.parent.mkdir(exist_ok=True, mode=0o700)
        half = place.parent / f"{_HALF}{secrets.token_hex(4)}-{place.name}"
        digest, size = hashlib.sha256(), 0
        try:
            with _told(self._folder):
                file = half.open("xb", buffering=0)
            with file:
                for piece in pieces:
                    size += len(piece)
                    if size > most:
                        raise TooLarge(f"a file may have at most {most} bytes")
                    digest.update(piece)
                    with _told(self._folder):
                        _write(file, piece)
                with _told(self._folder):
                    os.fsync(file.fileno())
            with _told(self._folder):
                half.rename(place)
                _sync(place.parent)
                _sync(self._folder)
        except BaseException:
            with contextlib.suppress(OSError):
                half.unlink()
            raise
        return Stored(size=size, checksum=f"sha256:{digest.hexdigest()}")

    def open(self, key: str, start: int = 0) -> BinaryIO:
        try:
            with _told(self._folder):
                file = self._place(key).open("rb")
        except FileNotFoundError:
            raise NotFound("the file's content is gone") from None
        file.seek(start)
        return file

    def delete(self, key: str) -> None:
        with _told(self._folder), contextlib.suppress(FileNotFoundError):
            self._place(key).unlink()

    def _place(self, key: str) -> Path:
        return place_of(self._folder, key) if self._spread else self._folder / key

    def _clear(self) -> None:
        before = time.time() - _ABANDONED_S
        for half in self._folder.glob(f"*/{_HALF}*"):
            with contextlib.suppress(FileNotFoundError):
                if half.stat().st_mtime < before:
                    half.unlink()


def place_of(folder: Path, key: str) -> Path:
    return folder / key[-2:] / key


def _write(file: FileIO, piece: bytes) -> None:
    """All of it: an unbuffered file may take less than it is given."""
    rest = memoryview(piece)
    while rest:
        rest = rest[file.write(rest) :]


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    """What the system refuses, in words for the caller: a full disk gets room again, a lost mount comes back."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as wrong:
        if wrong.errno in _FULL:
            raise Unavailable("there is no room left for files here; try again later", _FULL_RETRY_S) from wrong
        raise Unavailable(f"the place for files cannot be used now: {wrong.strerror}") from wrong
