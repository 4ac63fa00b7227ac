"""A copy of the database has been put back: what was out or running when it was made is ended and tried again.

The copy says that nodes hold runs. Since it was made these may have ended, and runs that were only offered may have
been taken: whoever has one still must not be believed, and nobody may take the same run twice. So every open run is
ended, and its task gets a new one, which only nodes of the restored installation can claim. It counts as no crash and
uses up no attempt. A node that comes back with an old run is told that it is stale, and ends it.

Runs that are done outside of any node stay: whoever does them tells how they go, and can look them up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.ports.store import Store, Writer
from app.services.core import Core
from app.services.ledger import Ledger
from app.services.nodes import lose
from app.services.withdraw import withdraw
from app.wire.report import Failure
from app.wire.states import RunState

RESTORED: Final = Failure(code="released", message="it was running when the backup was made that has been restored")
_AT_ONCE: Final = 500
_EVER_US: Final = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How many runs were `running`, and how many were out and not yet taken."""

    running: int
    offered: int


def settle(core: Core) -> Settled:
    """Nothing else may use the store meanwhile. Raises Unavailable; then it is done anew, from where it got."""
    running = _each(core.store, lambda tx, ledger: _end_running(core, tx, ledger))
    offered = _each(core.store, _take_back)
    core.store.write(lambda tx: tx.forget_servers(_EVER_US))
    return Settled(running=running, offered=offered)


def _each(store: Store, some: Callable[[Writer, Ledger], int]) -> int:
    def work(tx: Writer) -> int:
        ledger = Ledger()
        count = some(tx, ledger)
        ledger.write(tx)
        return count

    total = 0
    while count := store.write(work):
        total += count
    return total


def _end_running(core: Core, tx: Writer, ledger: Ledger) -> int:
    held = tx.held([node.id for node in tx.nodes()])[:_AT_ONCE]
    lose(core, tx, held, RESTORED, ledger, released=True)
    return len(held)


def _take_back(tx: Writer, ledger: Ledger) -> int:
    out = tx.lock_runs([run.id for run in tx.stale_offers(_EVER_US, _AT_ONCE)])
    queued = [run for run in out if run.state is RunState.QUEUED]
    withdraw(tx, queued, ledger)
    return len(queued)
