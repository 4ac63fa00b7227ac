"""The web process: `python -m app.main`. Builds the application and serves it until SIGTERM or SIGINT, then drains."""

import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

import structlog
from flask import Flask
from flask.helpers import get_debug_flag

from app import bootstrap, config
from app.adapters import logs
from app.config import SettingError, Settings
from app.domain.errors import Unavailable
from app.ports.servers import ServerProcess
from app.rest import application, auth, health, metrics, problems, surface
from app.rest.context import CORE, TRAIL
from app.rest.server import Server
from app.rest.trail import Trail, entry_of
from app.services import organizations, servers
from app.services.access import ORG
from app.services.core import Core
from app.services.sweep import WEB_ALIVE
from app.ui import dashboard
from app.ui.ways import Setting, Ways
from app.wire.broker import LOOPBACK

log = structlog.get_logger(__name__)


def create_app(core: Core, settings: Settings, environ: Mapping[str, str] | None = None) -> Flask:
    """`environ` is what the settings were read from, where people may be shown that."""
    hosts = settings.allowed_hosts or (LOOPBACK if settings.on_loopback else ())
    return application.build(
        core,
        anonymous_role=settings.anonymous_role,
        allowed_hosts=hosts,
        checks=bootstrap.checks(core, settings),
        dialect_names=settings.dialects,
        rate=settings.rate_limit,
        rate_counts=settings.rate_counts,
        region=settings.region,
        query_tokens=settings.query_tokens,
        own_guard=frozenset({dashboard.NAME}),
        more=[
            partial(
                add_dashboard,
                origins=[] if environ is None else config.origins(environ),
                sent_back=settings.oidc_redirect_url,
            )
        ],
    )


def add_dashboard(
    app: auth.GuardedFlask, gate: auth.Gate, origins: Sequence[config.Origin] = (), sent_back: str = ""
) -> None:
    """The dashboard beside the API: the same callers, the same words for errors, the same audit."""
    core: Core = app.extensions[CORE]
    notes: Trail = app.extensions[TRAIL]
    ways = Ways(
        core=core,
        admit=lambda request: gate.admit(core, auth.bearer(request)),
        note_refusal=partial(auth.note_refusal, notes),
        note_login=lambda who, response: notes.note(replace(entry_of(who, response), resource_id=who.user_id or "")),
        sent_back=sent_back,
        explain=problems.explain,
        request_id=problems.request_id,
        texts=lambda: app.extensions[surface.TEXTS],
        checks=lambda: health.outcomes(app),
        settings=[
            Setting(key=each.entry.key, value=each.shown, source=each.source, about=each.entry.unit) for each in origins
        ],
    )
    dashboard.install(app, ways)


def refusal(core: Core, settings: Settings, *, debugs: bool = False) -> str | None:
    """Why this must not listen, and what to do; None when it may. `debugs`: Flask has been told to."""
    if settings.on_loopback:
        return None
    if debugs:
        return f"FLOTILLA_HOST={settings.host} is open to the network and FLASK_DEBUG shows errors; unset FLASK_DEBUG"
    if settings.anonymous_role:
        return (
            f"FLOTILLA_HOST={settings.host} is open to the network and FLOTILLA_ANONYMOUS_ROLE lets anybody in; "
            "unset one of them"
        )
    if not core.store.read(lambda tx: tx.tokens(ORG)):
        return (
            f"FLOTILLA_HOST={settings.host} is open to the network and no token exists; "
            "make one with `flotilla token create`, or listen on 127.0.0.1"
        )
    return None


def stamp(core: Core, me: ServerProcess, stop: threading.Event, alive: Callable[[], None] = lambda: None) -> None:
    """Say again and again that nodes can be heard: while nobody says so, the sweep takes no silence for a death."""
    away = False
    while True:
        alive()
        try:
            servers.pulse(core, me, stamp=WEB_ALIVE)
            core.tally.flush(core.store)
            core.secret_uses.flush(core.store)
            away = False
        except Unavailable as problem:
            if not away:
                log.warning("cannot say that this process is alive", problem=str(problem))
            away = True
        except Exception:  # a bug in what is counted must not look like a death
            log.exception("cannot write what was counted")
        if stop.wait(core.clockwork.sweep_s):
            return


def take_leave(core: Core, me: ServerProcess) -> None:
    with suppress(Unavailable):  # it is taken for gone soon enough
        servers.leave(core, me)


def _collect_garbage_seldom() -> None:
    """What was imported stays; requests make much garbage and few cycles. A submit of 31 MB takes 0.5 s less."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@contextmanager
def _measured(app: Flask, settings: Settings) -> Iterator[None]:
    if not settings.metrics_port:
        yield
        return
    with metrics.on_own_port(app, settings.host, settings.metrics_port) as port:
        log.info("measured", host=settings.host, port=port)
        yield


def main() -> int:
    try:
        settings = Settings.from_environ(os.environ)
        logs.start("web", settings.log_level)
        core = bootstrap.core(settings, bootstrap.open_provider(settings))
        organizations.ensure_home(core)
        me = bootstrap.server(core, "web")
    except SettingError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    except Unavailable as away:
        print(away, file=sys.stderr)
        return 1
    if why := refusal(core, settings, debugs=get_debug_flag()):
        print(why, file=sys.stderr)
        return 2
    _collect_garbage_seldom()
    app = create_app(core, settings, os.environ)
    largest = core.file_rules.largest
    server = Server(
        app,
        host=settings.host,
        port=settings.port,
        threads=settings.threads,
        largest_file=largest,
        on_drain=core.live.close if core.live else lambda: None,
    )
    log.info("listening", addresses=server.addresses, version=core.version)
    stop = threading.Event()
    stamping = threading.Thread(
        target=stamp, args=(core, me, stop, partial(bootstrap.say_alive, settings)), name="alive", daemon=True
    )
    stamping.start()
    with _measured(app, settings):
        server.run()
    stop.set()
    stamping.join(core.clockwork.sweep_s)
    app.extensions[TRAIL].flush()
    take_leave(core, me)
    if core.tracer:
        core.tracer.close()
    core.store.close()
    core.broker.close()
    log.info("ended")
    return 0


if __name__ == "__main__":
    sys.exit(main())
