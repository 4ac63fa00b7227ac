"""Blobs in an object store that fsspec knows: s3://bucket/folder, gs://bucket/folder.

A file is opened without committing, so that an object is there when all of it is, and not before. The stores' own
libraries are extras: `pip install flotilla[s3]`, `flotilla[gcs]`.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, Final, TypeVar, cast

import fsspec

from app.domain.errors import NotFound, TooLarge, Unavailable
from app.ports.blobs import Stored

T = TypeVar("T")

_BLOCK: Final = 8 << 20
"""Bytes that are sent at once, and held in memory for each file under way: S3 takes no fewer than 5 MiB."""


class FsspecBlobs:
    """`options` go to the file system as they are. Without `spread` keys have folders of their own."""

    def __init__(self, url: str, *, spread: bool = True, **options: Any) -> None:
        self._spread = spread
        self._system, path = fsspec.core.url_to_fs(url, **options)
        self._root = path.rstrip("/")

    def put(self, key: str, pieces: Iterable[bytes], most: int) -> Stored:
        digest, size = hashlib.sha256(), 0
        file = _asked(self._system.open, self._place(key), "wb", block_size=_BLOCK, autocommit=False)
        try:
            for piece in pieces:
                size += len(piece)
                if size > most:
                    raise TooLarge(f"a file may have at most {most} bytes")
                digest.update(piece)
                _asked(file.write, piece)
            _asked(file.close)
            _asked(file.commit)
        except BaseException:
            file.discard()
            raise
        return Stored(size=size, checksum=f"sha256:{digest.hexdigest()}")

    def open(self, key: str, start: int = 0) -> BinaryIO:
        try:
            file = _asked(self._system.open, self._place(key), "rb", block_size=_BLOCK)
            file.seek(start)
        except FileNotFoundError:
            raise NotFound("the file's content is gone") from None
        return cast(BinaryIO, file)  # fsspec's own base class of files

    def delete(self, key: str) -> None:
        try:
            _asked(self._system.rm_file, self._place(key))
        except FileNotFoundError:
            return

    def _place(self, key: str) -> str:
        return f"{self._root}/{key[-2:]}/{key}" if self._spread else f"{self._root}/{key}"


def _asked(ask: Callable[..., T], *given: Any, **more: Any) -> T:
    """What the store or the way to it refuses becomes Unavailable: each library has errors of its own for it."""
    try:
        return ask(*given, **more)
    except FileNotFoundError:
        raise
    except Exception as wrong:
        raise Unavailable(f"the store of files does not answer as it should: {type(wrong).__name__}") from wrong
