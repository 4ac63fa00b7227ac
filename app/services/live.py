"""Follow what happens, as it happens: who may, from which number on, how it is written, and until when.

A stream is text of the type text/event-stream: `id` is the event's number, `data` what the list of events shows. Who
sends no number begins with the newest RECENT events. Browsers cannot send a header with the token: they come with a
ticket, which is good once and for a minute, or with their session.
"""

from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from app.domain.errors import Unauthorized, Unavailable
from app.domain.times import rfc3339
from app.ports.live import Stream, Wish
from app.ports.records import Event, KeptAnswer
from app.ports.store import Reader, Writer
from app.services import access, query
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core

SCOPE: Final = "jobs:read"
MEDIA_TYPE: Final = "text/event-stream"
HEADERS: Final = {"X-Accel-Buffering": "no"}
"""Beside the media type: proxies are not to hold it back."""

RECENT: Final = 100
TICKET_S: Final = 60
POURED: Final = "flotilla.pour"
"""The key in a WSGI environment of a server that takes a stream off the hands of its thread: a function of a stream."""

_TICKET: Final = "ticket"


def subscribe(
    core: Core, who: Principal, after: int | None = None, *, job_id: str | None = None, address: str = ""
) -> Stream:
    """`address` tells those apart who come without a token. Raises Forbidden, NotFound, Unavailable."""
    who.require(SCOPE)
    if core.live is None:
        raise Unavailable("there are no live streams here; ask for the list with ?after=")
    start, mark = core.store.read(lambda tx: (_start(tx, who, after, job_id), _mark(tx, who)))
    wish = Wish(
        org_id=who.org_id,
        job_id=job_id,
        after=start,
        holder=who.user_id or who.token_id or f"{who.name} {address}",
        alive=lambda: core.store.read(lambda tx: _still(tx, who, mark)),
    )
    return core.live.follow(wish)


def _start(tx: Reader, who: Principal, after: int | None, job_id: str | None) -> int:
    if job_id is not None:
        query.find_job(tx, who, job_id)
    return tx.event_before(who.org_id, RECENT, job_id) if after is None else after


def _mark(tx: Reader, who: Principal) -> str:
    token = tx.token(who.token_id) if who.token_id else None
    return access.mark_of(token) if token else ""


def _still(tx: Reader, who: Principal, mark: str) -> bool:
    """Whether who follows may go on: the token is the same, is not over, and still allows it."""
    token = tx.token(who.token_id) if who.token_id else None
    if token is None:
        return not who.token_id
    try:
        return access.mark_of(token) == mark and SCOPE in access.principal_of(tx, token).scopes
    except Unauthorized:
        return False


def frame(event: Event) -> bytes:
    """JSON has no newlines in it, so that one line of data is enough."""
    return b"id: %d\ndata: %b\n\n" % (event.seq, orjson.dumps(show(event)))


def show(event: Event) -> dict[str, Any]:
    """As the list of events does."""
    return {
        "seq": event.seq,
        "jobId": event.job_id,
        "time": rfc3339(event.at_us),
        "kind": event.kind,
        "data": event.data,
    }


def body(environ: MutableMapping[str, Any], stream: Stream) -> Iterable[bytes]:
    """What a view answers with: nothing, where the server takes the stream itself; else the stream, which waits."""
    pour: Callable[[Stream], None] | None = environ.get(POURED)
    if pour is None:
        return stream
    pour(stream)
    return iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    text: str
    expires_at_us: int


def make_ticket(core: Core, who: Principal) -> Ticket:
    """Raises Forbidden."""
    who.require(SCOPE)
    nonce = core.chance.secret()

    def work(tx: Reader) -> Ticket:
        until_us = tx.now_us + TICKET_S * MICROSECONDS
        text = core.signer.sign(_TICKET, [who.token_id, _mark(tx, who), who.role, nonce], until_us)
        return Ticket(text=text, expires_at_us=until_us)

    return core.store.read(work)


def use_ticket(core: Core, text: str) -> Principal:
    """Who made it. Raises Unauthorized, also when it was used before."""

    def work(tx: Writer) -> Principal:
        token_id, mark, role, nonce = core.signer.check(_TICKET, text, tx.now_us)
        who = access.anonymous(role)
        if token_id:
            token = tx.token(token_id)
            if token is None or access.mark_of(token) != mark:
                raise Unauthorized("the token that this ticket is for is not valid any more")
            who = access.principal_of(tx, token)
        used = KeptAnswer(
            org_id=who.org_id, route=_TICKET, key=nonce, body_hash="", resource_id=token_id, at_us=tx.now_us
        )
        if not tx.keep_answer(used):
            raise Unauthorized("this ticket was used before; a ticket is good once")
        return who

    return core.store.write(work)
