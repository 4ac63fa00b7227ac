"""What was written down for webhooks is sent: by the engine, beside its sweep, and again until it is answered.

Whoever takes a delivery has it for a while (`Delivery.due_at_us` goes ahead), so that one that an engine took with it
when it died is sent by the next one; a receiver may so get it twice, with the same id. 2xx is an answer; all else is
tried again, after pauses that double, until the installation gives up. What may not be sent is never tried again.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import orjson

from app.domain.errors import Conflict, NotFound, Unavailable
from app.domain.job import Job
from app.ports.hooks import Delivery, DeliveryState, Unsendable
from app.ports.records import Page
from app.ports.store import Writer
from app.ports.vault import Unreadable
from app.services import hook_secrets, query
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core
from app.services.tally import DELIVERIES

TAKEN_S: Final = 120
"""Longer than one may take to be sent (`app/adapters/guarded_post.py`)."""

FIRST_PAUSE_S: Final = 5
LONGEST_PAUSE_S: Final = 3600
_JITTER: Final = 0.25
_KEPT_US: Final = 30 * 86_400 * MICROSECONDS
_FORGOTTEN_AT_ONCE: Final = 1000
_GONE: Final = 410
_PURPOSE: Final = "webhooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A delivery that was taken, with all that it takes to send it; `secret` is None when it cannot be read now."""

    delivery: Delivery
    url: str
    secret: str | None
    now_us: int


def take(core: Core, limit: int) -> list[Letter]:
    """Those that are due, as many as the caller can send at once."""

    def work(tx: Writer) -> list[Letter]:
        until_us = tx.now_us + TAKEN_S * MICROSECONDS
        due = tx.lock_due_deliveries(limit)
        taken = [replace(one, due_at_us=until_us, tried_at_us=tx.now_us, tries=one.tries + 1) for one in due]
        tx.save_deliveries(taken)
        jobs = tx.jobs_by_seq({one.job_seq for one in taken})
        return [_letter(core, one, jobs[one.job_seq], tx.now_us) for one in taken if one.job_seq in jobs]

    return core.store.write(work) if core.store.read(lambda tx: tx.has_due_delivery()) else []


def _letter(core: Core, taken: Delivery, job: Job, now_us: int) -> Letter:
    hook = job.webhooks[taken.hook]
    try:
        secret = hook_secrets.opened(core, job.org_id, hook) or secret_of(core, job.org_id)
    except Unreadable:
        secret = None
    return Letter(delivery=taken, url=hook["url"], secret=secret, now_us=now_us)


def send(core: Core, letter: Letter) -> Delivery:
    """One try, and what became of it is written down."""
    status: int | None = None
    try:
        if core.poster is None:
            raise Unsendable("this server calls no webhooks")
        if letter.secret is None:
            raise Unavailable("the webhook's secret cannot be read: the key that it was sealed with is not here")
        text = orjson.dumps(letter.delivery.body)
        status = core.poster.post(letter.url, headers(letter, letter.secret, text), text)
        state, detail = judge(status)
    except Unsendable as refused:
        state, detail = DeliveryState.REFUSED, str(refused)
    except Unavailable as away:
        state, detail = DeliveryState.PENDING, str(away)
    return core.store.write(lambda tx: _note(core, tx, letter.delivery, state, status, detail))


def headers(letter: Letter, secret: str, body: bytes) -> Mapping[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": "flotilla",
        "X-Flotilla-Event": letter.delivery.event,
        "X-Flotilla-Delivery": letter.delivery.id,
        "X-Flotilla-Signature": signature(secret, letter.now_us // MICROSECONDS, body),
    }


def signature(secret: str, at_s: int, body: bytes) -> str:
    """The receiver makes the same of the time and the body, and refuses what is old: nobody can send it again later."""
    mac = hmac.new(secret.encode(), b"%d." % at_s + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={mac}"


def judge(status: int) -> tuple[DeliveryState, str | None]:
    if 200 <= status < 300:
        return DeliveryState.DELIVERED, None
    if status == _GONE:
        return DeliveryState.FAILED, "the receiver answered 410: it is gone"
    if 300 <= status < 400:
        return DeliveryState.PENDING, f"the receiver answered {status}; webhooks follow no redirects"
    return DeliveryState.PENDING, f"the receiver answered {status}"


def _note(
    core: Core, tx: Writer, sent: Delivery, state: DeliveryState, status: int | None, detail: str | None
) -> Delivery:
    known = tx.lock_delivery(sent.id)
    if known is None or known.tries != sent.tries:
        return sent  # its job was deleted meanwhile, or it is another's by now
    due_at_us = None
    if state is DeliveryState.PENDING:
        due_at_us = tx.now_us + pause_us(known.tries, core.chance.fraction())
        if due_at_us > known.since_us + core.webhooks_tried_s * MICROSECONDS:
            state, due_at_us = DeliveryState.FAILED, None
            detail = f"{detail}; given up after {known.tries} tries"
    known = replace(known, state=state, due_at_us=due_at_us, status=status, detail=detail)
    tx.save_deliveries([known])
    core.tally.count(DELIVERIES, state.value)
    return known


def pause_us(tries: int, chance: float) -> int:
    seconds = min(FIRST_PAUSE_S * 2 ** min(tries - 1, 20), LONGEST_PAUSE_S)
    return int(seconds * (1 + _JITTER * (2 * chance - 1)) * MICROSECONDS)


def forget(core: Core) -> int:
    """Those that were over a month ago; how many."""
    return core.store.write(lambda tx: tx.forget_deliveries(tx.now_us - _KEPT_US, _FORGOTTEN_AT_ONCE))


def listing(core: Core, who: Principal, job_id: str, page: Page) -> list[Delivery]:
    """Of a job, oldest first."""
    who.require("jobs:read")
    return core.store.read(lambda tx: tx.deliveries(query.find_job(tx, who, job_id).seq, page))


def again(core: Core, who: Principal, job_id: str, delivery_id: str) -> Delivery:
    """Send it now, whatever became of it. Raises NotFound, Conflict while it is being tried anyway."""
    who.require("jobs:write")

    def work(tx: Writer) -> Delivery:
        job = query.find_job(tx, who, job_id)
        known = tx.lock_delivery(delivery_id)
        if known is None or known.job_seq != job.seq:
            raise NotFound("there is no such delivery")
        if known.state is DeliveryState.PENDING and known.due_at_us and known.due_at_us <= tx.now_us:
            raise Conflict("it is about to be sent")
        after = replace(known, state=DeliveryState.PENDING, since_us=tx.now_us, due_at_us=tx.now_us)
        tx.save_deliveries([after])
        return after

    return core.store.write(work)


def secret_of(core: Core, org_id: str) -> str:
    """What webhooks of an organization are signed with that have no secret of their own."""
    return f"whsec_{core.signer.derive(_PURPOSE, org_id)}"


def shown_secret(core: Core, who: Principal) -> str:
    who.require("org:admin")
    return secret_of(core, who.org_id)
