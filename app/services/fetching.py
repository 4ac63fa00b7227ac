"""Values that lie elsewhere are fetched and written down, and their map is opened: by the engine, beside its sweep.

One map at a time, and whoever takes it has it as long as content comes in (`Map.fetch_at_us` goes ahead, `Map.fetches`
is his number): what an engine that died has written is written anew by the next one. The values are written slice by
slice, so that a file of any allowed size is never held as a whole.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from app.domain import limits, references
from app.domain.errors import NotFound, Unavailable
from app.domain.json_items import NoItems, items
from app.domain.map import Map
from app.domain.references import Reference, Unresolved
from app.domain.task import Task
from app.ports.fetcher import Unfetchable
from app.ports.records import Asset, ValueChunk
from app.ports.store import Writer
from app.services.assets import pieces
from app.services.core import MICROSECONDS, Core
from app.services.ledger import Ledger
from app.services.maps import advance, fail, locked, with_values
from app.services.release import Offers, publish, release
from app.services.settle import settle_below
from app.services.values import BadValues, Elsewhere, Packer, Values, read, resolve
from app.wire.outputs import ASSET_SCHEME

_TRIES: Final = 5
_PAUSE_S: Final = 2
_HAD_FOR_S: Final = 60
_SLICE: Final = 64
"""Chunks that are written in one transaction."""
_LINES: Final = (".jsonl", ".ndjson")


class _Lost(Exception):
    """The map is somebody else's by now, or has ended."""


def step(core: Core) -> bool:
    """Fetch for the map that has waited for the longest; False when none waits."""
    taken = core.store.write(_take)
    if taken is None:
        return False
    try:
        if taken.fetches > _TRIES:
            raise BadValues("whoever began to fetch them never came to the end")
        _finish(core, taken, _fetched(core, taken))
    except _Lost:
        return True
    except (BadValues, NoItems, Unfetchable, NotFound) as wrong:
        _give_up(core, taken, f"its values are none: {wrong}")
    except Unavailable as away:
        if taken.fetches < _TRIES:
            _later(core, taken)
        else:
            _give_up(core, taken, f"its values cannot be fetched: {away} (tried {taken.fetches} times)")
    return True


def _take(tx: Writer) -> Map | None:
    a_map = tx.lock_due_map()
    if a_map is None:
        return None
    taken = replace(a_map, fetch_at_us=tx.now_us + _HAD_FOR_S * MICROSECONDS, fetches=a_map.fetches + 1)
    tx.save_maps([taken])
    return taken


def _fetched(core: Core, taken: Map) -> Values:
    """Without chunks when these are written down already."""
    place, asset = core.store.write(lambda tx: _place(tx, taken))
    if isinstance(place, Values):
        return place
    if place.key:
        return _inside(_content(core, taken, place, asset, limits.MAX_MAP_RESULT_BYTES), place.key)
    named = asset.filename if asset else place.uri.partition("?")[0]
    content = _content(core, taken, place, asset, limits.MAX_VALUES_BYTES)
    return _write_down(core, taken, items(content, lines=named.lower().endswith(_LINES)))


def _place(tx: Writer, taken: Map) -> tuple[Values | Elsewhere, Asset | None]:
    task, _ = _mine(tx, taken)
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
        if until_us - now_us < _HAD_FOR_S * MICROSECONDS // 2:
            until_us = core.store.write(lambda tx: _keep(tx, taken))
        yield piece


def _keep(tx: Writer, taken: Map) -> int:
    _, a_map = _mine(tx, taken)
    until_us = tx.now_us + _HAD_FOR_S * MICROSECONDS
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
    _mine(tx, taken)
    if anew:
        tx.clear_values(taken.task_seq)
    tx.put_values(taken.task_seq, chunks)


def _mine(tx: Writer, taken: Map) -> tuple[Task, Map]:
    """Locked. Raises _Lost."""
    for task, a_map in locked(tx, [taken.task_seq]):
        if not task.ended and a_map.fetches == taken.fetches and a_map.fetch_at_us is not None:
            return task, a_map
    raise _Lost


def _finish(core: Core, taken: Map, values: Values) -> None:
    def work(tx: Writer) -> Offers:
        task, a_map = _mine(tx, taken)
        ledger = Ledger()
        a_map = with_values(tx, a_map, values) if values.chunks else replace(a_map, total=values.total)
        a_map = replace(a_map, fetch_at_us=None)
        ready, after = advance(tx, task, a_map, ledger)
        ready += settle_below(tx, [after] if after.ended else [], ledger)
        offers = release(core, tx, {each.route for each in ready}, ledger)
        ledger.write(tx)
        return offers

    publish(core, core.store.write(work))


def _give_up(core: Core, taken: Map, why: str) -> None:
    def work(tx: Writer) -> Offers:
        try:
            task, a_map = _mine(tx, taken)
        except _Lost:
            return Offers()
        ledger = Ledger()
        ready = settle_below(tx, [fail(tx, task, a_map, why, ledger)], ledger)
        offers = release(core, tx, {each.route for each in ready}, ledger)
        ledger.write(tx)
        return offers

    publish(core, core.store.write(work))


def _later(core: Core, taken: Map) -> None:
    def work(tx: Writer) -> None:
        try:
            _, a_map = _mine(tx, taken)
        except _Lost:
            return
        pause_us = _PAUSE_S * 2**a_map.fetches * MICROSECONDS
        tx.save_maps([replace(a_map, fetch_at_us=tx.now_us + pause_us)])

    core.store.write(work)
