"""Blobs in memory: for tests, and the model that the others are held against."""

import hashlib
import threading
from collections.abc import Iterable
from io import BytesIO
from typing import BinaryIO

from app.domain.errors import NotFound, TooLarge
from app.ports.blobs import Stored


class MemoryBlobs:
    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._turn = threading.Lock()

    @property
    def keys(self) -> set[str]:
        with self._turn:
            return set(self._blobs)

    def put(self, key: str, pieces: Iterable[bytes], most: int) -> Stored:
        content = bytearray()
        for piece in pieces:
            content += piece
            if len(content) > most:
                raise TooLarge(f"a file may have at most {most} bytes")
        with self._turn:
            self._blobs[key] = bytes(content)
        return Stored(size=len(content), checksum=f"sha256:{hashlib.sha256(content).hexdigest()}")

    def open(self, key: str, start: int = 0) -> BinaryIO:
        with self._turn:
            if key not in self._blobs:
                raise NotFound("the file's content is gone")
            return BytesIO(self._blobs[key][start:])

    def delete(self, key: str) -> None:
        with self._turn:
            self._blobs.pop(key, None)
