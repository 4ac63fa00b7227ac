"""Blobs in an object store that fsspec knows: s3://bucket/folder, gs://bucket/folder.

A store of this kind shows an object only when all of it is there, which is the promise to keep. Its libraries are
extras: `pip install flotilla[s3]`, `flotilla[gcs]`.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, BinaryIO, Final, cast

import fsspec

from app.domain.errors import FlotillaError, NotFound, TooLarge, Unavailable
from app.ports.blobs import Stored

_BLOCK: Final = 8 << 20
"""Bytes that are sent at once, and held in memory for each file under way: S3 takes no fewer than 5 MiB."""


class FsspecBlobs:
    """`options` go to the file system as they are."""

    def __init__(self, url: str, **options: Any) -> None:
        self._system, path = fsspec.core.url_to_fs(url, **options)
        self._root = path.rstrip("/")

    def put(self, key: str, pieces: Iterable[bytes], most: int) -> Stored:
        digest, size = hashlib.sha256(), 0
        file = self._begin(key)
        try:
            for piece in pieces:
                size += len(piece)
                if size > most:
                    raise TooLarge(f"a file may have at most {most} bytes")
                digest.update(piece)
                _asked(file.write, piece)
            _asked(file.commit)
            _asked(file.close)
        except BaseException:
            file.discard()
            file.closed = True  # so that nothing is sent when it is collected
            raise
        return Stored(size=size, checksum=f"sha256:{digest.hexdigest()}")

    def open(self, key: str, start: int = 0) -> BinaryIO:
        try:
            file = _asked(self._system.open, self._place(key), "rb", block_size=_BLOCK, cache_type="readahead")
        except FileNotFoundError:
            raise NotFound("the file's content is gone") from None
        file.seek(start)
        return cast(BinaryIO, file)

    def delete(self, key: str) -> None:
        try:
            _asked(self._system.rm_file, self._place(key))
        except FileNotFoundError:
            return
