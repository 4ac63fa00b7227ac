"""What a node still has to say is on its disk too: an append-only file of reports, empty when all is said.

The page cache is enough: the file must survive the death of the node, not that of the machine. Not safe for threads;
`report.py` holds its lock around every call.
"""

import errno
import os
from collections.abc import Iterable
from pathlib import Path

import orjson

COMPACT_BYTES = 64 * 1024 * 1024


class Spool:
    """One JSON object a line. A line that was cut by a crash is the last one and is dropped when read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._open()
        self.size = os.fstat(self._file).st_size

    def left(self) -> list[bytes]:
        """What a former life did not get rid of."""
        out = []
        for line in self._path.read_bytes().split(b"\n"):
            try:
                orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            out.append(line)
        return out

    def add(self, data: bytes) -> None:
        """Raises OSError, for instance when the disk is full; what was written of the line is taken back."""
        written = os.write(self._file, data + b"\n")
        if written <= len(data):
            os.ftruncate(self._file, self.size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size += written

    def clear(self) -> None:
        if self.size:
            os.ftruncate(self._file, 0)
            self.size = 0

    def rewrite(self, lines: Iterable[bytes]) -> None:
        """Only these are still to be said."""
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(b"".join(line + b"\n" for line in lines))
        os.replace(fresh, self._path)
        os.close(self._file)
        self._file = self._open()
        self.size = os.fstat(self._file).st_size

    def close(self) -> None:
        os.close(self._file)

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
