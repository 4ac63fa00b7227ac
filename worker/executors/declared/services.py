"""How does a declared executor of the kind `http` run? Another service does the work; the node asks it and waits.

    POST url, the parameters as JSON  -> 200 and the result, or 202 and a Location
    GET location, every now and then  -> 202 while it goes on, then 200 and the result
    DELETE location                   -> when the run is to end before that, if the file says `cancel = true`

The operator has named the URL, so it may be any address; a Location must be of the same origin. The service gets the
run's id and token in headers and may tell progress with them; a 202 with `{"progress": 0..100, "status": "..."}` does
so too.
"""

import contextlib
import io
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import orjson

from app.wire.addresses import Place
from app.wire.codec import Json
from app.wire.states import RunState
from app.wire.usage import Usage
from worker.executors.declared.declaration import Declaration, Service
from worker.executors.declared.judging import admitted, told
from worker.lines import fraction
from worker.outcome import Finished, Outcome, Work, failed, over_time, told_to_end
from worker.stage import dial
from worker.stage.folder import LARGEST_RESULT, RESULT_LIMIT, ResultError, large_result, parse_result, too_large
from worker.stage.leash import Leash, OutOfTime, Pulled
from worker.stage.talk import NOT_NOW, Answer, asked

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
CANCEL_S = 3.0
MOST_ERRORS = 20
"""Polls in a row that may fail before the run does."""
DETAIL_LENGTH = 500


class ServiceError(Exception):
    """The service refused, failed or could not be had; the text is for the task's owner."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    data: bytes
    location: str
    after_s: float | None
    problem: bool


class DeclaredService:
    """A slot's thread waits for the service; no process is started."""

    def __init__(
        self, declaration: Declaration, service: Service, api_url: str, environ: Mapping[str, str] = os.environ
    ) -> None:
        self.name = declaration.name
        self._declaration, self._service, self._api_url = declaration, service, api_url
        self._headers = {"Accept": "application/json", **service.headers}
        if service.bearer:
            self._headers["Authorization"] = f"Bearer {environ.get(service.bearer, '')}"

    def run(self, works: Sequence[Work]) -> Iterator[Finished | None]:
        for work in works:
            yield None
            yield work, self._one(work)

    def _one(self, work: Work) -> Outcome:
        values = admitted(self._declaration, work)
        if isinstance(values, Outcome):
            return values
        began, leash = time.monotonic(), Leash()
        if not work.attach(lambda why, grace_s: leash.pull()):
            return told_to_end(work, began)
        work.journal.begin(began)
        job = Conversation(self._service.url, self._headers, work, leash)
        try:
            with leash.within(work.spec.time_limit_s):
                data = job.hold(values, self._api_url)
            result, large = _kept(work, data)
        except (ServiceError, ResultError) as wrong:
            code = "bad_result" if isinstance(wrong, ResultError) else "service_failed"
            return failed(time.monotonic(), code, f"{self.name}: {wrong}", _since(began))
        except (OutOfTime, Pulled) as ended:
            usage = _since(began)
            if self._service.cancel:
                job.cancel()
            at = time.monotonic()
            late = isinstance(ended, OutOfTime)
            return told(self._declaration, work, over_time(work, at, usage) if late else told_to_end(work, at, usage))
        finally:
            work.attach(lambda why, grace_s: None)
        return Outcome(
            state=RunState.SUCCEEDED, ended=time.monotonic(), result=result, large=large, usage=_since(began)
        )

    def trim(self, now: float) -> None:
        """Nothing is kept from one run to the next."""

    def close(self) -> None:
        """As `trim`."""


class Conversation:
    """With the service, about one run."""

    def __init__(self, url: str, headers: Mapping[str, str], work: Work, leash: Leash) -> None:
        self._url, self._headers, self._work, self._leash = url, headers, work, leash
        self._location = ""

    def hold(self, values: Json, api_url: str) -> bytes:
        """The body of the final answer. Raises ServiceError, and what the leash raises."""
        reply = self._ask("POST", self._url, self._leash, values, _of_run(self._work, api_url))
        pause_s, errors = FIRST_PAUSE_S, 0
        while True:
            if reply is not None and reply.status in (200, 201, 204):
                return reply.data
            if reply is not None and reply.status == 202:
                errors = 0
                self._accepted(reply)
            elif reply is not None and not (self._location and reply.status in NOT_NOW):
                raise ServiceError(_refusal(reply))
            elif not self._location or (errors := errors + 1) > MOST_ERRORS:
                raise ServiceError(f"{urlsplit(self._url).netloc} cannot be reached")
            self._leash.wait(min(LONGEST_PAUSE_S, (reply.after_s if reply else None) or pause_s))
            pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)
            reply = self._ask("GET", self._location, self._leash)

    def cancel(self) -> None:
        """As well as it can be done in the time there is."""
        if self._location:
            leash = Leash()
            with contextlib.suppress(OutOfTime), leash.within(CANCEL_S):
                self._ask("DELETE", self._location, leash)

    def _accepted(self, reply: Reply) -> None:
        if reply.location:
            place = urljoin(self._location or self._url, reply.location)
            if urlsplit(place)[:2] != urlsplit(self._url)[:2]:
                raise ServiceError("its Location leads to another host, which is not followed")
            self._location = place
        elif not self._location:
            raise ServiceError("it answered 202 without a Location to ask at")
        with contextlib.suppress(orjson.JSONDecodeError):
            said = orjson.loads(reply.data or b"{}")
            if isinstance(said, dict):
                self._note(said)

    def _note(self, said: Mapping[str, Json]) -> None:
        progress = said.get("progress")
        share = fraction(progress) if isinstance(progress, (int, float)) else None
        if share is not None:
            self._work.journal.progress(share)
        if isinstance(said.get("status"), str):
            self._work.journal.status(said["status"])

    def _ask(
        self, method: str, url: str, leash: Leash, body: Json = None, more: Mapping[str, str] | None = None
    ) -> Reply | None:
        """None when there was no answer."""
        data = orjson.dumps(body) if method == "POST" else None
        sent = {} if data is None else {"Content-Type": "application/json", "Content-Length": str(len(data))}
        content = None if data is None else io.BytesIO(data)
        place = _place(url)
        try:
            with (
                dial.dialled(place, leash, gate=None, read_s=self._work.spec.time_limit_s) as line,
                asked(line, place, method, {**self._headers, **(more or {}), **sent}, content) as answer,
            ):
                return _reply(answer)
        except OSError:
            leash.check()
            return None


def _place(url: str) -> Place:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(scheme=parts.scheme, host=parts.hostname or "", port=port, target=target)


def _reply(answer: Answer) -> Reply:
    return Reply(
        status=answer.status,
        data=answer.start(LARGEST_RESULT + 1),
        location=answer.header("Location"),
        after_s=answer.after_s,
        problem=answer.header("Content-Type").startswith("application/problem+json"),
    )


def _of_run(work: Work, api_url: str) -> dict[str, str]:
    """The id is the key by which a service knows a repeat."""
    spec = work.spec
    return {
        "Idempotency-Key": f"{spec.run_id}.{spec.fence}",
        "Flotilla-Run-Id": spec.run_id,
        "Flotilla-Run-Token": spec.token,
        "Flotilla-Api-Url": api_url,
        "Flotilla-Attempt": str(spec.attempt),
    }


def _refusal(reply: Reply) -> str:
    """Of a body only what is written for people gets into an error."""
    detail = ""
    if reply.problem:
        with contextlib.suppress(orjson.JSONDecodeError):
            said = orjson.loads(reply.data)
            detail = str(said.get("detail") or said.get("title") or "") if isinstance(said, dict) else ""
    return f"it answered {reply.status}" + (f": {detail[:DETAIL_LENGTH]}" if detail else "")


def _kept(work: Work, data: bytes) -> tuple[Json, Path | None]:
    if len(data) > LARGEST_RESULT:
        raise ResultError(too_large(len(data)))
    result = parse_result(data)
    if len(data) <= RESULT_LIMIT:
        return result, None
    large = large_result(work.folder)
    large.write_bytes(data)
    return None, large


def _since(began: float) -> Usage:
    return Usage(wall_s=time.monotonic() - began)
