"""What runs is chosen here and nowhere else: the settings in, the ports' adapters out."""

import logging
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import structlog

from app.adapters import sql
from app.adapters.celery_broker import CeleryBroker
from app.adapters.event_streams import EventStreams
from app.adapters.file_blobs import FileBlobs
from app.adapters.fsspec_blobs import FsspecBlobs
from app.adapters.guarded_fetch import GuardedFetcher
from app.adapters.guarded_post import GuardedPoster
from app.adapters.keyring import BadKey, KeyFile, Keyring
from app.adapters.system_chance import SystemChance
from app.adapters.traced_store import TracedStore
from app.config import SettingError, Settings
from app.domain.errors import Unavailable
from app.ports.blobs import Blobs
from app.ports.store import Store
from app.ports.tracer import Tracer
from app.ports.vault import Vault
from app.services import live
from app.services.core import Core, FileRules
from app.wire import masking
from app.wire.resources import NOTHING, Route

_LOOK_AGAIN_S = 0.5
_NO_ROUTE = Route(queue="", tag="", executor="", version="", shape=NOTHING)


def core(settings: Settings) -> Core:
    tracer = open_tracer(settings)
    opened = store(settings) if tracer is None else TracedStore(store(settings), tracer)
    return Core(
        store=opened,
        broker=CeleryBroker(settings.broker_url),
        chance=SystemChance(),
        blobs=open_blobs(settings.assets_place),
        fetcher=GuardedFetcher(settings.fetch_gate),
        poster=GuardedPoster(settings.fetch_gate),
        webhooks_tried_s=settings.webhook_hours * 3600,
        live=EventStreams(opened, live.frame, most=settings.streams),
        vault=vault(settings),
        tracer=tracer,
        file_rules=FileRules(
            largest=settings.max_asset_mb << 20,
            keep_uploads_s=settings.keep_uploads_days * 24 * 3600 or None,
        ),
        clockwork=settings.clockwork,
        handoff=settings.handoff,
        max_bundle=settings.max_bundle,
        version=product_version(),
    )


def open_tracer(settings: Settings) -> Tracer | None:
    """Raises SettingError when spans are asked for and the extra is not installed; OTEL_EXPORTER_OTLP_ENDPOINT alone
    may be meant for other programs on this machine.
    """
    endpoint = settings.traces_endpoint
    if not endpoint:
        return None
    try:
        from app.adapters.otel_tracer import OtelTracer
    except ImportError as missing:
        if settings.otel_endpoint:
            raise SettingError(f"FLOTILLA_OTEL_ENDPOINT needs the extra otel (flotilla[otel]): {missing}") from None
        structlog.get_logger().info("spans are not told: the extra otel is not installed", endpoint=endpoint)
        return None
    return OtelTracer(endpoint, product_version())


def vault(settings: Settings) -> Vault | None:
    """Raises SettingError for a key that is none."""
    if not settings.secrets_key:
        return None
    path = settings.secrets_key_file
    try:
        return Keyring(KeyFile(Path(path)) if path else lambda: settings.secrets_key)
    except (BadKey, OSError) as wrong:
        raise SettingError(f"FLOTILLA_SECRETS_KEY{'_FILE' if path else ''} cannot be used: {wrong}") from None


def open_blobs(url: str) -> Blobs:
    """Raises SettingError when the place is of a kind whose library is not installed."""
    if url.startswith("file://"):
        return FileBlobs(Path(url.removeprefix("file://")))
    try:
        return FsspecBlobs(url)
    except ImportError as missing:
        raise SettingError(f"FLOTILLA_ASSETS_URL needs a library that is not installed: {missing}") from None


def store(settings: Settings) -> Store:
    """Opens the database. Raises SettingError when its tables are not those of this version, Unavailable when it is
    away for longer than a start waits.
    """
    present, wanted = _revision(settings), sql.head()
    if present is None and settings.database_setup and settings.database_url.startswith("sqlite:"):
        sql.upgrade(settings.database_url)
    elif present != wanted:
        has = f"at version {present}" if present else "empty"
        raise SettingError(
            f"FLOTILLA_DATABASE_URL names a database that is {has}, and this program needs {wanted}; "
            "run `flotilla db upgrade`"
        )
    return sql.open_store(settings.database_url, threads=settings.threads)


def _revision(settings: Settings) -> str | None:
    """A process that starts while its database restarts waits for it: whoever started it need not try again."""
    until = time.monotonic() + settings.database_wait_s
    while True:
        try:
            return sql.current(settings.database_url)
        except Unavailable as away:
            if time.monotonic() >= until:
                raise
            structlog.get_logger().warning("waiting for the database", reason=str(away).splitlines()[0])
        time.sleep(_LOOK_AGAIN_S)


def checks(core: Core, settings: Settings) -> Mapping[str, Callable[[], None]]:
    """What /readyz asks: each returns when its part is well and raises otherwise."""

    def database() -> None:
        core.store.read(lambda tx: tx.now_us)

    def broker() -> None:
        core.broker.waiting([_NO_ROUTE])

    def migrations() -> None:
        present, wanted = sql.current(settings.database_url), sql.head()
        if present != wanted:
            raise SettingError(f"the database is at {present}, this program needs {wanted}; run `flotilla db upgrade`")

    return {"database": database, "broker": broker, "migrations": migrations}


def start_logs(settings: Settings) -> None:
    """JSON lines on stdout, or colours on a terminal; what libraries log goes the same way."""
    terminal = sys.stdout.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]  # locals may hold secrets
        if terminal
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, _masked],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a line a request while all threads are busy
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _masked(logger: Any, method: str, line: Any) -> str:
    """The last step: what is written has become text."""
    return masking.patterns(str(line))


def product_version() -> str:
    try:
        return version("flotilla")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0"
