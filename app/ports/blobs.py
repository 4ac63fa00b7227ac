"""Blobs: the bytes of files, by a key that is used once. What a file is called and whose it is, the store knows.

A blob is there whole or not at all, and never changes. What `put` has answered survives the death of every process.
`Unavailable` is raised when the place is away or full.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """`checksum` is `sha256:` and 64 hex digits."""

    size: int
    checksum: str


class Blobs(Protocol):
    def put(self, key: str, pieces: Iterable[bytes], most: int) -> Stored:
        """Write the pieces as they come, at most `most` bytes of them. Raises TooLarge, and what `pieces` raises; then
        there is no such blob.
        """

    def open(self, key: str, start: int = 0) -> BinaryIO:
        """For reading from this byte on; whoever opens closes. Raises NotFound."""

    def delete(self, key: str) -> None:
        """One that is not there is no error: who deletes again after a crash deletes twice."""
