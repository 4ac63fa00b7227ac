"""How do a run's inputs come to their places below its scratch folder, each content fetched once for the node?"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.wire.codec import Json
from worker.outcome import Journal
from worker.stage import beneath, fetch, sources
from worker.stage.arrive import Arrival, Fetched, FetchError
from worker.stage.cache import Cache, Known
from worker.stage.copying import copy
from worker.stage.dial import Resolve, resolve
from worker.stage.leash import Leash
from worker.stage.rules import Rules
from worker.stage.telling import Telling
from worker.stage.turns import Turn, Turns

SCHEMES = ("https", "http", "s3", "gs", "data", "file")
HASH = "sha256:"


class InputError(Exception):
    """An input is not there; the text names it and where it should come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Brings inputs for all runs of a node; safe for threads."""

    rules: Rules
    cache: Cache
    resolve: Resolve = field(default=resolve)
    turns: Turns = field(default_factory=Turns)

    def bring(self, inputs: Json, folder: Path, journal: Journal, leash: Leash) -> None:
        """All of them, one after another. Raises InputError, and what the leash raises."""
        for each in inputs:
            try:
                source, path = each["source"], each["target"]["path"]
                where = _where(source)
            except (KeyError, TypeError, ValueError, AttributeError):
                raise InputError('an input must be {"source": {"uri": ...}, "target": {"path": ...}}') from None
            try:
                with Telling(journal, "fetching", path) as telling:
                    self._bring_one(source, folder, path, telling, leash)
            except FetchError as wrong:
                raise InputError(f"the input {path} cannot be fetched from {where}: {wrong}") from None
            except beneath.PathError as wrong:
                raise InputError(f"the input {path} cannot be put there: the path {wrong}") from None
            except OSError as problem:
                raise InputError(f"the input {path} cannot be put there: {problem.strerror}") from None

    def _bring_one(self, source: Any, folder: Path, path: str, telling: Telling, leash: Leash) -> None:
        with self.cache.arrival() as fresh:
            arrival = Arrival(path=fresh, rules=self.rules, leash=leash, telling=telling)
            if "link" in source:
                self._asset(source, arrival, folder, path)
                return
            uri = source["uri"]
            scheme = urlsplit(uri).scheme
            if scheme in ("http", "https", "s3", "gs"):
                self._by_tag(uri, scheme, arrival, folder, path)
            elif scheme in ("data", "file"):
                (sources.data if scheme == "data" else sources.file)(uri, arrival)
                _move(fresh, folder, path)
            else:
                raise FetchError(f"the scheme {scheme!r} is not fetched; allowed: {', '.join(SCHEMES)}")

    def _asset(self, source: Any, arrival: Arrival, folder: Path, path: str) -> None:
        wanted = str(source.get("checksum") or "").removeprefix(HASH)
        with self.turns.turn(wanted or source["link"], arrival.leash):
            if wanted and self._from_cache(wanted, folder, path):
                return
            got = fetch.link(source["link"], arrival, self.resolve)
            if wanted and got.digest != wanted:
                raise FetchError(f"it has the checksum {HASH}{got.digest} and should have {HASH}{wanted}")
            self._deliver(got, arrival.path, folder, path, keep=bool(wanted))

    def _by_tag(self, uri: str, scheme: str, arrival: Arrival, folder: Path, path: str) -> None:
        """What the URL brought last is used again when its server says that it is still the same."""
        with self.turns.turn(uri, arrival.leash) as turn:
            known = self.cache.known(uri)
            got = self._asked(uri, scheme, arrival, turn, known.tag if known else "")
            if got.same and known:
                if self._from_cache(known.digest, folder, path):
                    return
                got = self._asked(uri, scheme, arrival, turn, "")
            if self._deliver(got, arrival.path, folder, path, keep=bool(got.tag)):
                self.cache.learn(uri, Known(got.tag, got.digest))

    def _asked(self, uri: str, scheme: str, arrival: Arrival, turn: Turn, tag: str) -> Fetched:
        def on_tag(found: str) -> None:
            if not found:  # it will not be kept: who waits for it had better fetch it too
                turn.give_up()

        if scheme in sources.BUCKETS:
            return sources.bucket(uri, arrival, tag=tag, on_tag=on_tag)
        return fetch.web(uri, arrival, tag=tag, on_tag=on_tag, resolve=self.resolve)

    def _deliver(self, got: Fetched, fresh: Path, folder: Path, path: str, *, keep: bool) -> bool:
        """Into the cache and a copy of it to the target, or else to the target alone."""
        with open(fresh, "rb") as source:  # stays readable, even if the cache has no room for it for long
            if keep and self.cache.keep(fresh, got.digest, got.size):
                with beneath.created(folder, path) as target:
                    copy(source.fileno(), target)
                return True
        _move(fresh, folder, path)
        return False

    def _from_cache(self, digest: str, folder: Path, path: str) -> bool:
        with self.cache.opened(digest) as source:
            if source is None:
                return False
            with beneath.created(folder, path) as target:
                copy(source, target)
            return True


def _move(fresh: Path, folder: Path, path: str) -> None:
    """The name where it was goes with the arrival."""
    with beneath.parent(folder, path, make=True) as (at, name):
        try:
            os.link(fresh, name, dst_dir_fd=at)
        except FileExistsError:
            raise beneath.PathError("is there already") from None


def _where(source: Any) -> str:
    """For messages: the host or path, nothing that may be secret."""
    if "link" in source:
        return f"the API (asset {source.get('asset')})"
    parts = urlsplit(source["uri"])
    if parts.scheme == "file":
        return str(parts.path)
    return "the URI itself" if parts.scheme == "data" else f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
