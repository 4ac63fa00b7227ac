"""Who did what, when, from where: the log that administrators read, kept for a quarter of a year."""

from collections.abc import Collection, Sequence

from app.ports.people import Entry
from app.ports.records import Page
from app.ports.store import Writer
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core

KEPT_US = 90 * 86_400 * MICROSECONDS
USE_NOTED_US = 60 * MICROSECONDS
_FORGOTTEN_AT_ONCE = 1000


def write(core: Core, entries: Sequence[Entry], used_tokens: Collection[str]) -> None:
    """Also notes the last use of tokens, each at most once a minute."""

    def work(tx: Writer) -> None:
        tx.add_audit(entries)
        tx.note_uses(sorted(used_tokens), tx.now_us - USE_NOTED_US)
        tx.forget_audit(tx.now_us - KEPT_US, _FORGOTTEN_AT_ONCE)

    core.store.write(work)


def listing(core: Core, who: Principal, page: Page) -> list[Entry]:
    """Of the caller's organization, newest first."""
    who.require("org:admin")
    return core.store.read(lambda tx: tx.audit(who.org_id, page))
