"""How does content that comes in blocks become a file: counted, hashed, capped? And in what ways can it not be had?"""

import errno
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from worker.stage.leash import Leash
from worker.stage.rules import Rules
from worker.stage.telling import Telling


class FetchError(Exception):
    """The content cannot be had. The text is for the task's owner: it names the host or path, nothing of an answer."""


class LaterError(Exception):
    """Not now; maybe later."""

    def __init__(self, text: str, after_s: float | None = None) -> None:
        super().__init__(text)
        self.after_s = after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What has arrived. `tag` is its strong validator, '' when it has none; `same`: what was known is still it."""

    size: int = 0
    digest: str = ""
    tag: str = ""
    same: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One file to be: where it goes, under which rules, who is told, and who may end it."""

    path: Path
    rules: Rules
    leash: Leash
    telling: Telling

    def take(self, blocks: Iterable[bytes], size: int | None, tag: str = "") -> Fetched:
        """Raises FetchError, what the leash raises, and what reading the blocks raises."""
        most = self.rules.file_bytes
        if size is not None and size > most:
            raise FetchError(f"it {self.rules.too_large}: {size} bytes")
        self.telling.begin(size)
        found, count = hashlib.sha256(), 0
        try:
            target = open(self.path, "wb", buffering=0)  # noqa: SIM115  closed below; opening may fail by itself
        except OSError as problem:
            raise _not_written(problem) from None
        with target:
            for block in blocks:
                self.leash.check()
                count += len(block)
                if count > most:
                    raise FetchError(f"it {self.rules.too_large}")
                found.update(block)
                _write(target.fileno(), block)
                self.telling.more(len(block))
        self.leash.check()
        return Fetched(size=count, digest=found.hexdigest(), tag=tag)


def _write(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError as problem:
        raise _not_written(problem) from None


def _not_written(problem: OSError) -> FetchError:
    if problem.errno == errno.ENOSPC:
        return FetchError("the node's disk is full")
    return FetchError(f"the node cannot write it: {problem.strerror}")
