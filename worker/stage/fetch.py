"""How is a file fetched over HTTP, from the API or from a host that a user named? What may do later is tried again.

What a user named goes through the gate (`app/wire/addresses.py`), redirects too. Answers that are not content are told
by their status alone.
"""

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from app.wire.addresses import MOST_REDIRECTS, Gate, Place, Refused
from worker.stage import talk
from worker.stage.arrive import Arrival, Fetched, FetchError, LaterError
from worker.stage.dial import READ_S, Resolve, dialled, resolve
from worker.stage.leash import Leash

TRIES = 4
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
REDIRECTS = frozenset({301, 302, 303, 307, 308})
UNKNOWN = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
T = TypeVar("T")
OnTag = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`gate` None: the API's own. `tag` validates what is known already; `on_tag` hears of the validator, '' for none,
    before the content comes.
    """

    place: Place
    gate: Gate | None
    tag: str = ""
    on_tag: OnTag = lambda tag: None


def link(link: str, arrival: Arrival, resolve: Resolve = resolve) -> Fetched:
    """An asset, by the link that the API gave. Waited for as long as the transfer may take: the API comes back."""
    if not link.startswith("/") or link.startswith("//"):
        raise FetchError("the API gave a link that is none of its own")
    request = Request(place=arrival.rules.server(link), gate=None)
    return patiently(lambda: _once(request, arrival, resolve), arrival, None)


def web(url: str, arrival: Arrival, *, tag: str, on_tag: OnTag, resolve: Resolve = resolve) -> Fetched:
    gate = arrival.rules.gate
    with _judged():
        request = Request(place=gate.read(url), gate=gate, tag=tag, on_tag=on_tag)
    return patiently(lambda: _once(request, arrival, resolve), arrival, TRIES)


def patiently(attempt: Callable[[], T], arrival: Arrival, tries: int | None) -> T:
    """Until it is there or `tries` are used up. Raises FetchError, and what the leash raises."""
    pause_s, left = FIRST_PAUSE_S, tries
    while True:
        try:
            return attempt()
        except LaterError as later:
            left = None if left is None else left - 1
            if left == 0:
                raise FetchError(f"{later} (tried {tries} times)") from None
            arrival.telling.waits(str(later))
            arrival.leash.wait(min(LONGEST_PAUSE_S, later.after_s or pause_s))
            pause_s *= 2


def _once(request: Request, arrival: Arrival, resolve: Resolve) -> Fetched:
    place, gate = request.place, request.gate
    ca_file = arrival.rules.ca_file if gate is None else ""
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    if request.tag:
        headers["If-None-Match"] = request.tag
    for _ in range(MOST_REDIRECTS + 1):
        with connected(place, gate, arrival.leash, resolve, "GET", headers, ca_file=ca_file) as answer:
            if gate is None or answer.status not in REDIRECTS:
                return _taken(place, request, answer, arrival)
            location = answer.header("Location")
        with _judged():
            place = gate.follow(place, location)
    raise FetchError(f"{request.place.host} redirects more than {MOST_REDIRECTS} times")


def _taken(place: Place, request: Request, answer: talk.Answer, arrival: Arrival) -> Fetched:
    if answer.status == 304 and request.tag:
        return Fetched(tag=request.tag, same=True)
    if answer.status in talk.NOT_NOW:
        raise LaterError(f"{place.host} answered {answer.status}", answer.after_s)
    if answer.status != 200:
        raise FetchError(f"{place.host} answered {answer.status}")
    tag = _strong(answer)
    request.on_tag(tag)
    return arrival.take(answer.blocks(), answer.size, tag)


def _strong(answer: talk.Answer) -> str:
    """The validator by which the content may be used again."""
    tag = answer.header("ETag").strip()
    kept = tag.startswith('"') and "no-store" not in answer.header("Cache-Control").lower()
    return tag if kept and len(tag) < 1000 else ""


@contextmanager
def connected(
    place: Place,
    gate: Gate | None,
    leash: Leash,
    resolve: Resolve,
    method: str,
    headers: Mapping[str, str],
    body: talk.Body | None = None,
    read_s: float = READ_S,
    ca_file: str = "",
) -> Iterator[talk.Answer]:
    """The answer to one request. What the network does wrong is a LaterError unless it will stay wrong."""
    try:
        with (
            _judged(),
            dialled(place, leash, gate=gate, resolve=resolve, read_s=read_s, ca_file=ca_file) as line,
            talk.asked(line, place, method, headers, body) as answer,
        ):
            yield answer
    except ssl.SSLCertVerificationError as wrong:
        raise FetchError(f"the certificate of {place.host} is not accepted: {wrong.verify_message}") from None
    except OSError as problem:
        leash.check()
        if isinstance(problem, socket.gaierror) and problem.errno in UNKNOWN:
            raise FetchError(f"no host is known by the name {place.host}") from None
        raise LaterError(f"no answer from {place.host}: {problem.strerror or problem}") from None


@contextmanager
def _judged() -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        raise FetchError(str(refused)) from None
