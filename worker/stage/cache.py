"""Which contents does this node have already? Files by the SHA-256 of what is in them, and what a URL last brought.

A run gets a copy, never the file itself: it may write to what it is given. (Where the file system can share blocks,
copying costs nothing.) A file is hashed when it arrives and again when it is first used after a restart or has been
touched since; one that does not fit its name any more is thrown away. What was used longest ago goes first when the
cache is full; who is reading it meanwhile reads on.
"""

import contextlib
import hashlib
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from worker.stage import folder
from worker.stage.copying import digest_of

log = logging.getLogger(__name__)
KEEP_FREE_BYTES = 512 * 1024 * 1024
"""On the disk; with less the cache gives way."""
TIDY_EVERY = 10_000
"""URLs learned between two looks for those that lead to nothing."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a URL last brought: `tag` is its strong validator."""

    tag: str
    digest: str


class Cache:
    """One for the node, in a folder of its own; safe for threads. With `most_bytes` 0 nothing is kept."""

    def __init__(self, root: Path, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self._files, self._urls, self._new = root / "files", root / "urls", root / "new"
        self._lock = threading.Lock()
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._trusted: dict[str, tuple[int, int, int]] = {}
        self._made = 0
        self._learned = 0
        folder.remove(self._new)
        for each in (self._files, self._urls, self._new):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = [(entry.stat(), entry.name) for entry in os.scandir(self._files)]
        for status, name in sorted(found, key=lambda each: each[0].st_mtime_ns):
            self._sizes[name] = status.st_size
            self.bytes += status.st_size
        self._shrink()
        self._forget_urls()

    @contextlib.contextmanager
    def arrival(self) -> Iterator[Path]:
        """The path of a file to be, on the disk of the scratch folders; whoever wants it moves it away in time."""
        with self._lock:
            self._made += 1
            path = self._new / str(self._made)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def opened(self, digest: str) -> Iterator[int | None]:
        """A descriptor of the content, checked; None when it is not here."""
        descriptor = self._open(digest)
        try:
            yield descriptor
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def keep(self, arrived: Path, digest: str, size: int) -> bool:
        """Takes the file in, whose content has just been hashed; False when it is larger than the cache."""
        if size > self.most_bytes:
            return False
        os.chmod(arrived, 0o400)
        with self._lock:
            os.rename(arrived, self._files / digest)
            self.bytes += size - self._sizes.pop(digest, 0)
            self._sizes[digest] = size
            self._trusted[digest] = _mark(os.stat(self._files / digest))
            self._shrink()
        return True

    def known(self, url: str) -> Known | None:
        """What the URL last brought, if it is still here."""
        known = _read_known(self._url_file(url))
        return known if known is not None and known.digest in self._sizes else None

    def learn(self, url: str, known: Known) -> None:
        path = self._url_file(url)
        fresh = path.with_name(f"{path.name}.{threading.get_ident()}")
        fresh.write_bytes(orjson.dumps({"tag": known.tag, "digest": known.digest}))
        os.replace(fresh, path)
        with self._lock:
            self._learned += 1
            if self._learned % TIDY_EVERY == 0:
                self._forget_urls()

    def _url_file(self, url: str) -> Path:
        return self._urls / hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()

    def _open(self, digest: str) -> int | None:
        with self._lock:
            if digest not in self._sizes:
                return None
            self._sizes.move_to_end(digest)
        try:
            descriptor = os.open(self._files / digest, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            self._drop(digest)
            return None
        mark = _mark(os.fstat(descriptor))
        if self._trusted.get(digest) != mark:
            if digest_of(descriptor) != digest:
                log.warning("the cached file %s is damaged and thrown away", digest)
                os.close(descriptor)
                self._drop(digest)
                return None
            self._trusted[digest] = mark
        return descriptor

    def _drop(self, digest: str) -> None:
        with self._lock:
            self._remove(digest)

    def _shrink(self) -> None:
        """Called with the lock held, or by the constructor."""
        while self._sizes and (self.bytes > self.most_bytes or self._crowded()):
            self._remove(next(iter(self._sizes)))

    def _crowded(self) -> bool:
        """Whether the disk has little room left for the runs themselves."""
        found = os.statvfs(self._files)
        return found.f_bavail * found.f_frsize < KEEP_FREE_BYTES

    def _remove(self, digest: str) -> None:
        self.bytes -= self._sizes.pop(digest, 0)
        self._trusted.pop(digest, None)
        (self._files / digest).unlink(missing_ok=True)

    def _forget_urls(self) -> None:
        """Those that lead to nothing any more. Called with the lock held, or by the constructor."""
        for path in self._urls.iterdir():
            known = _read_known(path)
            if known is None or known.digest not in self._sizes:
                path.unlink(missing_ok=True)


def _read_known(path: Path) -> Known | None:
    try:
        found = orjson.loads(path.read_bytes())
        return Known(str(found["tag"]), str(found["digest"]))
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return None


def _mark(status: os.stat_result) -> tuple[int, int, int]:
    """Changes with every write, rename or change of mode; nobody can set it back."""
    return status.st_ino, status.st_size, status.st_ctime_ns
