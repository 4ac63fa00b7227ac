"""What runs is chosen here and nowhere else: the settings in, the ports' adapters out."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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
from app.ports.identity import IdentityProvider
from app.ports.servers import ServerProcess
from app.ports.store import Store
from app.ports.tracer import Tracer
from app.ports.vault import Vault
from app.services import live, servers
from app.services.core import Core, FileRules, KeepRules
from app.wire.resources import NOTHING, Route

_LOOK_AGAIN_S = 0.5
_NO_ROUTE = Route(queue="", tag="", executor="", version="", shape=NOTHING)


def core(settings: Settings, provider: IdentityProvider | None = None) -> Core:
    """`provider` is for who answers requests."""
    tracer = open_tracer(settings)
    opened = store(settings) if tracer is None else TracedStore(store(settings), tracer)
    return Core(
        store=opened,
        broker=CeleryBroker(settings.broker),
        chance=SystemChance(),
        blobs=open_blobs(settings.assets_place),
        fetcher=GuardedFetcher(settings.fetch_gate),
        poster=GuardedPoster(settings.fetch_gate),
        webhooks_tried_s=settings.webhook_hours * 3600,
        live=EventStreams(opened, live.frame, most=settings.streams),
        vault=vault(settings),
        tracer=tracer,
        provider=provider,
        admission=settings.admission,
        file_rules=FileRules(
            largest=settings.max_asset_mb << 20,
            keep_uploads_s=settings.keep_uploads_days * 24 * 3600 or None,
        ),
        archive=open_archive(settings.archive_url),
        keep=KeepRules(days=settings.keep_jobs_days, jobs=settings.keep_jobs, lines=settings.archive_messages),
        clockwork=settings.clockwork,
        handoff=settings.handoff,
        max_bundle=settings.max_bundle,
        version=product_version(),
        node_broker_url=settings.node_broker_url or settings.broker_url,
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


def open_provider(settings: Settings) -> IdentityProvider | None:
    """Raises SettingError when one is set and the extra is not installed. It is asked for nothing yet."""
    if not settings.oidc_issuer:
        return None
    try:
        from app.adapters.oidc import OidcProvider
    except ImportError as missing:
        raise SettingError(f"FLOTILLA_OIDC_ISSUER needs the extra oidc (flotilla[oidc]): {missing}") from None
    return OidcProvider(
        settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        scopes=settings.oidc_scopes,
        audience=settings.oidc_audience,
        name=settings.oidc_name,
    )


def vault(settings: Settings) -> Vault | None:
    """Raises SettingError for a key that is none."""
    if not settings.secrets_key:
        return None
    path = settings.secrets_key_file
    try:
        return Keyring(KeyFile(Path(path)) if path else lambda: settings.secrets_key)
    except (BadKey, OSError) as wrong:
        raise SettingError(f"FLOTILLA_SECRETS_KEY{'_FILE' if path else ''} cannot be used: {wrong}") from None


def open_blobs(url: str, setting: str = "FLOTILLA_ASSETS_URL", *, spread: bool = True) -> Blobs:
    """Raises SettingError when the place is of a kind whose library is not installed."""
    if url.startswith("file://"):
        return FileBlobs(Path(url.removeprefix("file://")), spread=spread)
    try:
        return FsspecBlobs(url, spread=spread)
    except ImportError as missing:
        raise SettingError(f"{setting} needs a library that is not installed: {missing}") from None


def open_archive(url: str) -> Blobs | None:
    """Its keys have folders of their own, for people."""
    return open_blobs(url, "FLOTILLA_ARCHIVE_URL", spread=False) if url else None


def store(settings: Settings) -> Store:
    """Opens the database. Raises SettingError when its tables are not those of this version, Unavailable when it is
    away for longer than a start waits.
    """
    found = _standing(settings)
    if found.revision is None and settings.database_setup and settings.database_url.startswith("sqlite:"):
        sql.upgrade(settings.database_url)
    elif why := sql.unusable(found):
        raise SettingError(f"FLOTILLA_DATABASE_URL names a database that is {why}")
    pool = sql.Pool(
        size=settings.database_pool or settings.threads + 4,
        extra=settings.database_pool_extra,
        wait_s=settings.database_pool_wait_s,
    )
    return sql.open_store(settings.database_url, threads=settings.threads, pool=pool)


def server(core: Core, kind: str) -> ServerProcess:
    """This process, as others find it in the store."""
    return servers.arrive(core, kind=kind, host=socket.gethostname(), pid=os.getpid(), revision=sql.head())


def _standing(settings: Settings) -> sql.Standing:
    """A process that starts while its database restarts waits for it: whoever started it need not try again."""
    until = time.monotonic() + settings.database_wait_s
    while True:
        try:
            return sql.standing(settings.database_url)
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
        if why := sql.unusable(sql.standing(settings.database_url)):
            raise SettingError(f"the database is {why}")

    return {"database": database, "broker": broker, "migrations": migrations}


def say_alive(settings: Settings) -> None:
    """What `flotilla healthcheck` looks at. Whether the database or the broker answers is not said by it."""
    if not settings.alive_file:
        return
    try:
        Path(settings.alive_file).touch()
    except OSError as problem:
        structlog.get_logger().warning("cannot say that this process is alive", problem=str(problem))


def product_version() -> str:
    try:
        return version("flotilla")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0"
