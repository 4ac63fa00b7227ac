"""A request that comes twice with the same Idempotency-Key is done once: what the first was answered is kept a day.

What is done and that it was answered are two transactions here. A process that dies between them leaves a key that
counts as being worked on, and after a minute the next repeat does it again. A submit has both in one (`submit.py`).
"""

from dataclasses import replace

from app.domain.errors import Conflict, Invalid, Problem
from app.ports.records import KeptAnswer
from app.ports.store import Writer
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core
from app.services.submit import Key

WORKED_ON_US = 60 * MICROSECONDS


def begin(core: Core, who: Principal, key: Key) -> KeptAnswer:
    """What is kept under the key: with a status when it is the answer, without one when the caller is to do the work
    and to `complete` or `abandon` it. Raises Conflict while another does, Invalid for another body.
    """

    def work(tx: Writer) -> KeptAnswer:
        fresh = KeptAnswer(
            org_id=who.org_id, route=key.route, key=key.key, body_hash=key.body_hash, resource_id="", at_us=tx.now_us
        )
        if tx.keep_answer(fresh):
            return fresh
        known = tx.kept_answer(who.org_id, key.route, key.key)
        if known is not None and known.body_hash != key.body_hash:
            raise Invalid([Problem("", "this Idempotency-Key was used with another body; use a new key")])
        if known is not None and known.status is not None:
            return known
        if known is not None and known.at_us <= tx.now_us - WORKED_ON_US:
            tx.drop_answer(who.org_id, key.route, key.key)
            if tx.keep_answer(fresh):
                return fresh
        raise Conflict("a request with this Idempotency-Key is being worked on; try again")

    return core.store.write(work)


def complete(core: Core, begun: KeptAnswer, status: int, answer: str) -> None:
    core.store.write(lambda tx: tx.complete_answer(replace(begun, status=status, answer=answer)))


def abandon(core: Core, begun: KeptAnswer) -> None:
    """It did not succeed: the next one with this key is the first again."""
    core.store.write(lambda tx: tx.drop_answer(begun.org_id, begun.route, begun.key))
