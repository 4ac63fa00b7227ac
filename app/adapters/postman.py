"""Sends what webhooks are owed, many at a time: one receiver that is slow does not hold up the others."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from app.domain.errors import Unavailable
from app.services import deliveries, hook_secrets
from app.services.core import Core
from app.services.deliveries import Letter

log = structlog.get_logger(__name__)

AT_ONCE: Final = 16
LOOK_S: Final = 0.5
_TIDY_S: Final = 3600.0


def deliver(core: Core, stop: threading.Event, look_s: float = LOOK_S) -> None:
    """Until it is told to stop. No more are taken than can be sent at once."""
    free = threading.Semaphore(AT_ONCE)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhooks") as senders:
        tidied_at = -_TIDY_S
        to_seal = core.vault is not None
        while not stop.is_set():
            try:
                if to_seal and core.vault is not None:
                    if count := hook_secrets.seal_clear(core.store, core.vault):
                        log.info("secrets of webhooks that lay in the clear were sealed", count=count)
                    to_seal = False
                if time.monotonic() - tidied_at > _TIDY_S:
                    deliveries.forget(core)
                    tidied_at = time.monotonic()
                if _hand_out(core, senders, free):
                    continue
            except Unavailable as away:
                log.warning("webhooks are not called now", reason=str(away))
            except Exception:  # whatever it was, what was not sent is still in the store
                log.exception("webhooks could not be called")
            stop.wait(look_s)


def _hand_out(core: Core, senders: ThreadPoolExecutor, free: threading.Semaphore) -> bool:
    """Whether there may be more, and somebody to send it."""
    places = 0
    while places < AT_ONCE and free.acquire(blocking=False):
        places += 1
    try:
        letters = deliveries.take(core, places) if places else []
    except BaseException:
        for _ in range(places):
            free.release()
        raise
    for _ in range(places - len(letters)):
        free.release()
    for letter in letters:
        senders.submit(_send, core, letter, free)
    return len(letters) == AT_ONCE


def _send(core: Core, letter: Letter, free: threading.Semaphore) -> None:
    try:
        sent = deliveries.send(core, letter)
        log.info(
            "webhook called",
            job_id=sent.job_id,
            delivery_id=sent.id,
            event_name=sent.event,
            state=sent.state.value,
            tries=sent.tries,
        )
    except Exception:  # it is due again when the time for which it was taken is over
        log.exception("a webhook could not be called", delivery_id=letter.delivery.id)
    finally:
        free.release()
