"""Values that lie elsewhere, as they come in: from another host or a stored file, slice by slice into the store.

Whoever reads them keeps the map meanwhile, and stops when it is somebody else's (`Lost`).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from app.domain import limits, references
from app.domain.json_items import items
from app.domain.map import Map
from app.domain.references import Reference, Unresolved
from app.domain.task import Task
from app.ports.records import Asset, ValueChunk
from app.ports.store import Writer
from app.services.assets import pieces
from app.services.core import MICROSECONDS, Core
from app.services.maps import locked
from app.services.values import BadValues, Elsewhere, Packer, Values, read, resolve
from app.wire.outputs import ASSET_SCHEME

HAD_FOR_S: Final = 60
_SLICE: Final = 64
"""Chunks that are written in one transaction."""
_LINES: Final = (".jsonl", ".ndjson")


class Lost(Exception):
    """The map is somebody else's by now, or has ended."""


def fetched(core: Core, taken: Map) -> Values:
    """Without chunks when these are written down already. Raises Lost, BadValues, NoItems, Unfetchable, NotFound, and
    Unavailable for what may do later.
    """
    place, asset = core.store.write(lambda tx: _place(tx, taken))
    if isinstance(place, Values):
        return place
    if place.key:
        return _inside(_content(core, taken, place, asset, limits.MAX_MAP_RESULT_BYTES), place.key)
    named = asset.filename if asset else place.uri.partition("?")[0]
    content = _content(core, taken, place, asset, limits.MAX_VALUES_BYTES)
    return _write_down(core, taken, items(content, lines=named.lower().endswith(_LINES)))


def _place(tx: Writer, taken: Map) -> tuple[Values | Elsewhere, Asset | None]:
    task, _ = mine(tx, taken)
    place = resolve(tx, task, tx.map_source(taken.task_seq))
    if isinstance(place, Values) or not place.uri.startswith(ASSET_SCHEME):
        return place, None
    job = tx.job(task.job_id)
    asset = tx.asset(place.uri.removeprefix(ASSET_SCHEME))
    if job is None or asset is None or asset.org_id != job.org_id:
        raise BadValues("the source names no asset that is there")
    return place, asset


def _content(core: Core, taken: Map, place: Elsewhere, asset: Asset | None, most: int) -> Iterator[bytes]:
    if asset is None:
        if core.fetcher is None:
            raise BadValues("this server fetches nothing from other hosts")
        return _held(core, taken, core.fetcher.fetch(place.uri, most))
    if asset.size > most:
        raise BadValues(f"{asset.filename!r} has {asset.size} bytes; at most {most} are read")
    return _held(core, taken, pieces(core.blobs.open(asset.blob)))


def _held(core: Core, taken: Map, content: Iterator[bytes]) -> Iterator[bytes]:
    """Whoever reads it keeps the map meanwhile."""
    until_us = taken.fetch_at_us or 0
    for piece in content:
        now_us = core.store.read(lambda tx: tx.now_us)
        if until_us - now_us < HAD_FOR_S * MICROSECONDS // 2:
            until_us = core.store.write(lambda tx: _keep(tx, taken))
        yield piece


def _keep(tx: Writer, taken: Map) -> int:
    _, a_map = mine(tx, taken)
    until_us = tx.now_us + HAD_FOR_S * MICROSECONDS
    tx.save_maps([replace(a_map, fetch_at_us=until_us)])
    return until_us


def _inside(content: Iterable[bytes], key: str) -> Values:
    try:
        found = references.value_of(json.loads(b"".join(content)), Reference(None, key))
    except (Unresolved, ValueError, RecursionError) as wrong:
        raise BadValues(str(wrong)) from None
    values = read(found)
    if isinstance(values, Elsewhere):
        raise BadValues(f"what is there leads on to {values.uri[:100]!r}")
    return values


def _write_down(core: Core, taken: Map, found: Iterator[Any]) -> Values:
    packer = Packer()
    core.store.write(lambda tx: _write(tx, taken, [], anew=True))
    chunks: list[ValueChunk] = []
    for value in found:
        packer.add(value)
        chunks += packer.take()
        if len(chunks) >= _SLICE:
            core.store.write(lambda tx: _write(tx, taken, chunks))  # noqa: B023  # runs within the turn
            chunks = []
    chunks += packer.finish()
    core.store.write(lambda tx: _write(tx, taken, chunks))
    return Values(total=packer.count, chunks=())


def _write(tx: Writer, taken: Map, chunks: list[ValueChunk], *, anew: bool = False) -> None:
    mine(tx, taken)
    if anew:
        tx.clear_values(taken.task_seq)
    tx.put_values(taken.task_seq, chunks)


def mine(tx: Writer, taken: Map) -> tuple[Task, Map]:
    """Locked. Raises Lost."""
    for task, a_map in locked(tx, [taken.task_seq]):
        if not task.ended and a_map.fetches == taken.fetches and a_map.fetch_at_us is not None:
            return task, a_map
    raise Lost
