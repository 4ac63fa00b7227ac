"""How does one file get to the API? Streamed, with its sum checked at both ends, again and again until it is there.

The API may be away for as long as it likes: the run waits with its folder, as its reports do. It ends early when the
run is no longer this node's, or when the API will never take the file.
"""

import hashlib
import logging
import mimetypes
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from app.wire.claim import RunSpec
from worker.stage import beneath, talk
from worker.stage.arrive import FetchError, LaterError
from worker.stage.dial import READ_S, Resolve, resolve
from worker.stage.fetch import connected
from worker.stage.leash import Leash
from worker.stage.rules import Rules
from worker.stage.telling import Telling

log = logging.getLogger(__name__)
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
MOST_FAULTS = 10
"""Times that the API may break on the same file: in the midst of it, with a 500, or by getting it wrong."""
SLOWEST_STORE = 4 * 1024 * 1024
"""Bytes a second that the API needs at worst to store what it has received, before it answers."""
ANSWER_BYTES = 64 * 1024
NOT_OURS = frozenset({401, 403, 404, 409})
"""The run is not running any more, or under another fence."""


class UploadError(Exception):
    """The API will never take the file; the text says why."""


class StaleError(Exception):
    """The run is no longer this node's."""


class FaultError(LaterError):
    """Not now, and the fault may lie in this very file."""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer of the API, read."""

    status: int
    after_s: float | None
    data: bytes


class Source:
    """A file on its way out: read once, counted and hashed on the way. One that shrinks meanwhile breaks off."""

    def __init__(self, descriptor: int, size: int, leash: Leash, telling: Telling) -> None:
        self._descriptor, self._size = descriptor, size
        self._leash, self._telling = leash, telling
        self._at = 0
        self._sum = hashlib.sha256()
        telling.begin(size)

    def read(self, size: int = -1, /) -> bytes:
        self._leash.check()
        left = self._size - self._at
        data = os.pread(self._descriptor, left if size < 0 else min(size, left), self._at)
        if not data and left:
            raise UploadError("it became shorter while it was stored")
        self._at += len(data)
        self._sum.update(data)
        self._telling.more(len(data))
        return data

    @property
    def begun(self) -> bool:
        return self._at > 0

    @property
    def checksum(self) -> str:
        return f"sha256:{self._sum.hexdigest()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One output: the file `path` below `root`, stored as `name` of the run. `filename` is what people call it."""

    spec: RunSpec
    root: Path
    path: str
    name: str
    filename: str
    rules: Rules
    leash: Leash
    telling: Telling
    resolve: Resolve = field(default=resolve)

    def send(self) -> dict[str, Any]:
        """The asset that it has become. Raises UploadError, StaleError, PathError, and what the leash raises."""
        pause_s, faults = FIRST_PAUSE_S, 0
        while True:
            try:
                return self._once()
            except FetchError as wrong:
                raise UploadError(str(wrong)) from None
            except LaterError as later:
                faults += isinstance(later, FaultError)
                if faults >= MOST_FAULTS:
                    raise UploadError(f"{later} (tried {faults} times)") from None
                log.warning("output %r waits for the API: %s", self.name, later, extra={"run_id": self.spec.run_id})
                self.telling.waits(str(later))
                self.leash.wait(min(LONGEST_PAUSE_S, later.after_s or pause_s))
                pause_s *= 2

    def _once(self) -> dict[str, Any]:
        run, output = quote(self.spec.run_id, safe=""), quote(self.name, safe="")
        place = self.rules.server(f"/v1/runs/{run}/outputs/{output}?filename={quote(self.filename, safe='')}")
        with beneath.opened(self.root, self.path) as (descriptor, size):
            headers = {
                "Authorization": f"Bearer {self.spec.token}",
                "Content-Type": mimetypes.guess_type(self.filename)[0] or "application/octet-stream",
                "Content-Length": str(size),
            }
            source = Source(descriptor, size, self.leash, self.telling)
            read_s, ca_file = READ_S + size / SLOWEST_STORE, self.rules.ca_file
            try:
                with connected(
                    place, None, self.leash, self.resolve, "PUT", headers, source, read_s, ca_file
                ) as answer:
                    told = Told(answer.status, answer.after_s, answer.start(ANSWER_BYTES))
            except LaterError as later:
                raise FaultError(str(later)) if source.begun else later from None
        return _stored(told, source)


def _stored(told: Told, source: Source) -> dict[str, Any]:
    if told.status in NOT_OURS:
        raise StaleError
    if told.status in talk.NOT_NOW:
        kind = FaultError if told.status == 500 else LaterError
        raise kind(f"the API answered {told.status}", told.after_s)
    asset = _object(told.data)
    if asset is None:
        raise FaultError(f"the API answered {told.status} with what is no JSON object")
    if told.status not in (200, 201):
        raise UploadError(f"the API answered {told.status}: {asset.get('title', '')}: {asset.get('detail', '')}")
    if asset.get("checksum") != source.checksum:
        raise FaultError("the API has stored other bytes than were sent")
    return asset


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
