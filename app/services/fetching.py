"""Values that lie elsewhere are fetched and written down, and their map is opened: by the engine, beside its sweep.

One map at a time, and whoever takes it has it as long as content comes in (`Map.fetch_at_us` goes ahead, `Map.fetches`
is his number): what an engine that died has written is written anew by the next one. The values are written slice by
slice, so that a file of any allowed size is never held as a whole.
"""

from dataclasses import replace
from typing import Final

from app.domain.errors import NotFound, Unavailable
from app.domain.json_items import NoItems
from app.domain.map import Map
from app.ports.fetcher import Unfetchable
from app.ports.store import Writer
from app.services.core import MICROSECONDS, Core
from app.services.incoming_values import HAD_FOR_S, Lost, fetched, mine
from app.services.ledger import Ledger
from app.services.maps import advance, fail, with_values
from app.services.release import Offers, publish, release
from app.services.settle import settle_below
from app.services.values import BadValues, Values

_TRIES: Final = 5
_PAUSE_S: Final = 2


def step(core: Core) -> bool:
    """Fetch for the map that has waited for the longest; False when none waits."""
    taken = core.store.write(_take)
    if taken is None:
        return False
    try:
        if taken.fetches > _TRIES:
            raise BadValues("whoever began to fetch them never came to the end")
        _finish(core, taken, fetched(core, taken))
    except Lost:
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
    taken = replace(a_map, fetch_at_us=tx.now_us + HAD_FOR_S * MICROSECONDS, fetches=a_map.fetches + 1)
    tx.save_maps([taken])
    return taken


def _finish(core: Core, taken: Map, values: Values) -> None:
    def work(tx: Writer) -> Offers:
        task, a_map = mine(tx, taken)
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
            task, a_map = mine(tx, taken)
        except Lost:
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
            _, a_map = mine(tx, taken)
        except Lost:
            return
        pause_us = _PAUSE_S * 2**a_map.fetches * MICROSECONDS
        tx.save_maps([replace(a_map, fetch_at_us=tx.now_us + pause_us)])

    core.store.write(work)
