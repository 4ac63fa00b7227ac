"""How does a chord of Celery's own canvas count in our store? Through Celery's extension point: the result backend.

1. `chord(header, body)` is frozen by Celery and comes to `apply_chord`, which opens it in the store: its id, its size
   and its body's signature, before the first message of the header is sent.
2. A worker ends a header task and calls `on_chord_part_return`, which counts that part once by (chord, index): a
   message that is delivered twice changes nothing.
3. The call that closes the chord, and no other, goes on: it sends the body with the results in header order, or, at the
   first failure, calls the body's error callbacks with a ChordError. The body of an inner chord that failed
   returns its own part to the outer one.

A DAG submitted to the API takes the same road with one short cut: `app/services/record.py` returns the parts of a whole
batch of reports at once, in the transaction that records them. `app/domain/chords.py` tells that story.

Results are kept as long as their chord needs them, and nowhere else: `AsyncResult.get` says so.
"""

import os
import threading
from collections.abc import Callable
from typing import Any, NoReturn

from celery import Celery, states
from celery.app.task import Context
from celery.backends.base import BaseBackend
from celery.canvas import maybe_signature
from celery.exceptions import ChordError
from celery.result import GroupResult
from celery.utils.log import get_logger

from app.domain.errors import Unavailable
from app.ports.records import LiteralChord
from app.ports.store import Store

STORE_SETTING = "flotilla_store"
PUBLISH_RETRY = {"max_retries": 10, "interval_start": 0, "interval_step": 0.5, "interval_max": 3}

logger = get_logger(__name__)


def settings(open_store: Callable[[], Store]) -> dict[str, Any]:  # Any: Celery's settings are of many types
    """For `app.conf.update` of a Celery app whose chords count in our store. Each process opens the store once, when a
    chord first needs it; a worker waits for a store that is away.
    """
    return {
        "result_backend": f"{__name__}:{StoreBackend.__name__}",
        "result_backend_thread_safe": True,
        "result_backend_always_retry": True,
        "result_serializer": "json",
        "result_accept_content": ["json"],
        STORE_SETTING: open_store,
    }


class StoreBackend(BaseBackend):
    """Celery's chord contract, kept by the store."""

    app: Celery
    _ensure_retryable: Callable[..., Any]  # repeats while the store is Unavailable; the stubs lack both

    def __init__(self, app: Celery, **options: Any) -> None:  # Any, here and below: Celery's own calls are untyped
        super().__init__(app, **options)
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._pid = 0

    @property
    def store(self) -> Store:
        """Opened by the process that uses it: a connection does not survive a fork."""
        with self._lock:
            if self._store is None or self._pid != os.getpid():
                open_store = self.app.conf.get(STORE_SETTING)
                if open_store is None:
                    raise LookupError(
                        f"StoreBackend needs the setting {STORE_SETTING}: a function that opens the store"
                    )
                self._store, self._pid = open_store(), os.getpid()
            return self._store

    # -- the chord contract

    def apply_chord(self, header_result_args: tuple[str, Any], body: Any, **options: Any) -> None:
        """A frozen chord that is applied again has the same id and stays the one chord it is."""
        chord_id, results = header_result_args
        parts = list(results)  # a generator is walked here, for the size
        for part in parts:
            if isinstance(part, GroupResult):
                raise ValueError(
                    f"a header task of chord {chord_id} ends in a group, whose members would share one index; "
                    "give that group a body of its own, or put its members into the header"
                )
        text = str(self.encode(body))
        self.store.write(lambda writer: writer.open_literal_chord(chord_id, len(parts), text))

    def set_chord_size(self, group_id: str, chord_size: int) -> None:
        """The size is written when the chord is opened, so a sender that dies in between leaves nothing undefined."""

    def on_chord_part_return(self, request: Context, state: str, result: Any, **options: Any) -> None:
        chord_id, index = request.group, request.group_index
        if not chord_id or index is None:
            return
        succeeded = state not in states.PROPAGATE_STATES
        value = str(self.encode(self.encode_result(result, state)))
        closed = self._ensure_retryable(self._return_part, chord_id, index, succeeded, value)
        if closed is None:
            return
        body = maybe_signature(self.decode(closed.body), app=self.app)
        if succeeded:
            self._send(chord_id, body, closed)
        else:
            self._fail(chord_id, body, f"Dependency {request.id} raised {result!r}", result)

    def _return_part(self, chord_id: str, index: int, succeeded: bool, value: str) -> LiteralChord | None:
        return self.store.write(lambda writer: writer.return_literal_part(chord_id, index, succeeded, value))

    def exception_safe_to_retry(self, exc: BaseException) -> bool:
        return isinstance(exc, Unavailable)

    def _send(self, chord_id: str, body: Any, closed: LiteralChord) -> None:
        results = [self.decode(value) for _, value in closed.parts]
        try:
            body.apply_async((results,), retry=True, retry_policy=PUBLISH_RETRY)
        except Exception as error:  # whatever it is, somebody who waits for the body must hear of it
            logger.exception("the body of chord %s could not be sent", chord_id)
            self._fail(chord_id, body, f"Callback error: {error!r}", error)

    def _fail(self, chord_id: str, body: Any, reason: str, cause: Any) -> None:
        logger.error("chord %s failed: %s", chord_id, reason)
        try:
            raise ChordError(reason) from (cause if isinstance(cause, BaseException) else None)
        except ChordError as raised:  # Celery asks for the error that is being handled
            error = raised
            self.chord_error_from_stack(body, error)
        outer = body.options
        if outer.get("chord") and outer.get("group_id"):
            part = Context(
                id=outer.get("task_id"),
                group=outer["group_id"],
                group_index=outer.get("group_index"),
                chord=outer["chord"],
            )
            self.on_chord_part_return(part, states.FAILURE, error)

    # -- results, which are not kept

    def _store_result(self, task_id: str, result: Any, state: str, traceback: Any = None, **options: Any) -> Any:
        return result

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        return {"status": states.PENDING, "result": None}

    def wait_for_pending(self, result: Any, *args: Any, **options: Any) -> NoReturn:
        raise NotImplementedError(f"the result of {result.id} is not kept; let the chord's body pass it on")
