"""The engine process: `python -m app.engine` makes one pass of the sweep after another until it is told to stop.

What a pass does, and that only one engine of several does it, is the business of `app/services/sweep.py`.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog

from app import bootstrap
from app.adapters import logs, postman
from app.config import SettingError, Settings
from app.domain.errors import Unavailable
from app.ports.servers import ServerProcess
from app.services import fetching, loose, removal, retention, servers
from app.services.core import Core
from app.services.sweep import Sweeper, Swept, step

_LEAST_PAUSE_S = 0.01
_KEEPING = 5
"""Passes from one look for jobs that are over to the next, when there was none."""

log = structlog.get_logger("app.engine")


def main() -> int:
    try:
        settings = Settings.from_environ(os.environ)
        logs.start("engine", settings.log_level)
        core = bootstrap.core(settings)
        me = bootstrap.server(core, "engine")
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    except Unavailable as away:
        print(away, file=sys.stderr)
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info("started", version=core.version, every_s=core.clockwork.sweep_s)
    threading.Thread(target=fetch, args=(core, stop), name="fetching", daemon=True).start()
    threading.Thread(target=tidy, args=(core, stop), name="tidying", daemon=True).start()
    threading.Thread(target=remove, args=(core, stop), name="removing", daemon=True).start()
    threading.Thread(target=keep, args=(core, stop), name="keeping", daemon=True).start()
    threading.Thread(target=postman.deliver, args=(core, stop), name="webhooks", daemon=True).start()
    run(core, me, Sweeper(holder=_holder(core)), stop, partial(bootstrap.say_alive, settings))
    with suppress(Unavailable):  # it is taken for gone soon enough
        servers.leave(core, me)
    if core.tracer:
        core.tracer.close()
    log.info("stopped")
    return 0


def run(
    core: Core, me: ServerProcess, sweeper: Sweeper, stop: threading.Event, alive: Callable[[], None] = lambda: None
) -> None:
    while not stop.is_set():
        alive()
        try:
            servers.pulse(core, me)
            _tell(step(core, sweeper))
            core.tally.flush(core.store)
        except Exception:  # whatever it was, the next pass finds the same world; only an end of passes would lose work
            log.exception("pass failed")
        stop.wait(core.clockwork.sweep_s)


def fetch(core: Core, stop: threading.Event) -> None:
    """Values of maps, beside the passes: a slow server must not hold up the rest."""
    while not stop.is_set():
        try:
            while not stop.is_set() and fetching.step(core):
                pass
        except Exception:  # as in `run`
            log.exception("fetching failed")
        stop.wait(core.clockwork.sweep_s)


def tidy(core: Core, stop: threading.Event) -> None:
    """Files and bytes that nobody needs, beside the passes too: a store of files may be slow, or away."""
    while not stop.is_set():
        try:
            if gone := loose.sweep(core):
                log.info("tidied", blobs=gone)
        except Unavailable as away:
            log.warning("what nobody needs is not deleted now", reason=str(away))
        except Exception:  # as in `run`
            log.exception("tidying failed")
        stop.wait(core.clockwork.sweep_s)


def remove(core: Core, stop: threading.Event) -> None:
    """What is left of large jobs that were removed, piece by piece. Others write as long as each piece takes."""
    while not stop.is_set():
        pause_s = core.clockwork.sweep_s
        try:
            began = time.monotonic()
            if removal.step(core) is not None:
                pause_s = max(_LEAST_PAUSE_S, time.monotonic() - began)
        except Unavailable as away:
            log.warning("removed jobs are not deleted now", reason=str(away))
        except Exception:  # as in `run`
            log.exception("removing failed")
        stop.wait(pause_s)


def keep(core: Core, stop: threading.Event) -> None:
    """Ended jobs go as the settings say, beside the passes: an archive may be slow, or away."""
    keeper = retention.Keeper(holder=_holder(core))
    while not stop.is_set():
        pause_s = core.clockwork.sweep_s * _KEEPING
        try:
            began = time.monotonic()
            if gone := retention.step(core, keeper):
                log.info("let go", jobs=gone)
                pause_s = max(_LEAST_PAUSE_S, time.monotonic() - began)
        except Unavailable as away:
            log.warning("jobs that are over are not archived now, and stay", reason=str(away))
        except Exception:  # as in `run`
            log.exception("keeping failed")
        stop.wait(pause_s)


def _holder(core: Core) -> str:
    return f"{socket.gethostname()}/{os.getpid()}/{core.chance.secret()[:8]}"


def _tell(swept: Swept) -> None:
    done = {
        name: count
        for name in ("lost", "offered", "offered_again", "canceled", "unfit", "opened")
        if (count := getattr(swept, name))
    }
    if done:
        log.info("swept", **done)


if __name__ == "__main__":
    sys.exit(main())
