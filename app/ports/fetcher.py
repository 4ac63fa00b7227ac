"""Fetching what lies on somebody else's server, by a URL that a user wrote."""

from collections.abc import Iterator
from typing import Protocol


class Unfetchable(Exception):
    """It is not there, or may not be fetched; trying again does not help. The message is for the URL's owner."""


class Fetcher(Protocol):
    def fetch(self, url: str, most: int) -> Iterator[bytes]:
        """The content in pieces, at most `most` bytes of it. While it is read: raises Unfetchable, and Unavailable for
        what may do later.
        """
