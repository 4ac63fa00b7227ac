"""Is the server well, are its nodes, and what stands behind it: database, broker, files, where this host sees them?"""

import os
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.adapters import sql
from app.cli.checks.finding import Finding
from app.cli.checks.place import Place
from app.cli.client import Client
from app.cli.failures import Failure
from app.cli.output import age, moment
from app.config import SettingError, Settings
from app.domain.errors import Unavailable
from app.services import servers
from app.wire.broker import Broker

MOST_SKEW_S = 5.0
PATIENCE_S = 5
YOUNG_US = 30_000_000


def server(client: Client) -> Iterator[Finding]:
    try:
        client.get("/readyz")
    except Failure as gone:
        yield Finding(what="server", well=False, saw=gone.what, remedy=gone.remedy or "")
        return
    yield Finding(what="server", well=True, saw=f"{client.url} is ready")
    yield _skew(client.url)
    try:
        nodes = list(client.items("/v1/nodes"))
    except Failure as refused:
        yield Finding(what="nodes", well=False, saw=refused.what, remedy=refused.remedy or "")
        return
    if not nodes:
        yield Finding(what="nodes", well=False, saw="none", remedy="start one with `flotilla node`")
    for node in nodes:
        yield _node(node)
    yield from _versions(nodes)


def _skew(url: str) -> Finding:
    """This host's clock against the server's. Its answer says whole seconds."""
    try:
        before = datetime.now(UTC)
        said = requests.get(f"{url}/healthz", timeout=PATIENCE_S).headers.get("Date", "")
        theirs = parsedate_to_datetime(said)
    except (requests.RequestException, ValueError, TypeError):
        return Finding(what="clocks", well=None, saw="the server does not say what time it is")
    apart = abs((theirs - before).total_seconds())
    well = apart <= MOST_SKEW_S
    saw = "this host's and the server's agree" if well else f"this host's and the server's are {apart:.0f} s apart"
    remedy = "" if well else "leases hang on the database's clock alone, but times of logs and runs will puzzle you"
    return Finding(what="clocks", well=well or None, saw=saw, remedy=remedy)


def _node(node: dict[str, Any]) -> Finding:
    heard = f", heard of {age(node['heartbeatAt'])} ago" if moment(node["heartbeatAt"]) else ""
    well = {"online": True, "lost": False, "late": False}.get(node["state"])
    return Finding(what=f"node {node['name']}"[:17], well=well, saw=f"{node['state']}{heard}")


def _versions(nodes: list[dict[str, Any]]) -> Iterator[Finding]:
    try:
        ours = version("flotilla")
    except PackageNotFoundError:
        return
    others = sorted({str(node.get("version")) for node in nodes if node["state"] == "online"} - {ours, "0"})
    if others:
        remedy = "that is well during an upgrade; then bring all to one version"
        yield Finding(what="versions", well=None, saw=f"this is {ours}, nodes are {', '.join(others)}", remedy=remedy)


def behind(place: Place) -> Iterator[Finding]:
    """Database, broker and files of the servers, where their settings are known here."""
    if not place.environ:
        remedy = "on a host of a web process: give its environment, or --data DIR, to have them looked at"
        yield Finding(what="database, broker", well=None, saw="not known here", remedy=remedy)
        return
    try:
        settings = Settings.from_environ({"FLOTILLA_BROKER_URL": "redis+socket:///none", **place.environ})
    except SettingError as wrong:
        yield Finding(what="settings", well=False, saw=str(wrong))
        return
    yield from _database(settings)
    yield from _broker(settings)
    yield from files(place, settings)


def _database(settings: Settings) -> Iterator[Finding]:
    kind = settings.database_url.partition(":")[0].partition("+")[0]
    try:
        found = sql.standing(settings.database_url)
    except (Unavailable, ValueError) as away:
        yield Finding(what="database", well=False, saw=str(away).splitlines()[0], remedy="see FLOTILLA_DATABASE_URL")
        return
    if why := sql.unusable(found):
        yield Finding(what="database", well=False, saw=f"{kind}, {why}")
        return
    oldest = f", for programs from {found.oldest} on" if found.oldest else ""
    yield Finding(what="database", well=True, saw=f"{kind}, tables at version {found.revision}{oldest}")
    with closing(sql.open_store(settings.database_url, threads=1)) as store:
        living, now_us = store.read(lambda tx: (servers.living(tx), tx.now_us))
    for one in living:
        yield Finding(what=one.kind, well=True, saw=f"{one.host}/{one.pid}, version {one.version}")
    if not any(one.kind == "engine" for one in living):
        young = bool(living) and all(now_us - one.started_at_us < YOUNG_US for one in living)
        remedy = "it is started last: look again" if young else "start one: nothing that was lost is tried again"
        yield Finding(what="engine", well=None if young else False, saw="none has been heard of", remedy=remedy)


def _broker(settings: Settings) -> Iterator[Finding]:
    if settings.broker.scheme == "sentinel":
        yield Finding(what="broker", well=None, saw="behind Sentinels, which are not asked here; /readyz asks them")
        return
    try:
        with closing(broker_of(settings.broker)) as client:
            known: dict[str, Any] = client.info()
            policy = _asked(client, "maxmemory-policy")
            kept = _asked(client, "appendonly")
    except (redis.RedisError, OSError, ValueError) as away:
        yield Finding(what="broker", well=False, saw=str(away), remedy="nodes get nothing new while it is away")
        return
    yield Finding(what="broker", well=True, saw=f"{known.get('server_name', 'redis')} {known['redis_version']}")
    if policy is None:
        yield Finding(what="maxmemory-policy", well=None, saw="the broker does not tell (CONFIG is not allowed)")
    else:
        remedy = "" if policy == "noeviction" else "set maxmemory-policy noeviction: others throw work away"
        yield Finding(what="maxmemory-policy", well=policy == "noeviction", saw=policy, remedy=remedy)
    saves = kept == "yes" or bool(_saves(known))
    remedy = "" if saves else "nothing is lost without it; with appendonly yes a restart is noticed less"
    yield Finding(what="persistence", well=saves or None, saw="on" if saves else "off", remedy=remedy)


def broker_of(where: Broker) -> redis.Redis:
    """A client that asks once, of a server that is named directly. Our form of a socket is not the library's."""
    once = {"retry": Retry(NoBackoff(), 0), "socket_timeout": PATIENCE_S, "socket_connect_timeout": PATIENCE_S}
    url = where.celery_url.replace("redis+socket://", "unix://")
    return redis.Redis.from_url(url, decode_responses=True, **once, **(where.tls or {}))


def _asked(client: redis.Redis, name: str) -> str | None:
    try:
        found: Any = client.config_get(name)
    except redis.ResponseError:
        return None
    return str(found.get(name, ""))


def _saves(known: dict[str, Any]) -> bool:
    return int(known.get("rdb_last_save_time", 0)) > 0 and int(known.get("aof_enabled", 0)) > 0


def files(place: Place, settings: Settings) -> Iterator[Finding]:
    """Whether what is secret can be read by its owner alone."""
    paths = [Path(settings.secrets_key_file)] if settings.secrets_key_file else []
    if place.folder:
        paths += [place.folder.token_file, place.folder.node_token_file, place.folder.path]
    for path in paths:
        try:
            mode = stat.S_IMODE(os.stat(path).st_mode)
        except OSError as error:
            yield Finding(what=path.name[:17], well=False, saw=f"{path}: {error.strerror}")
            continue
        well = not mode & 0o077
        remedy = "" if well else f"chmod go= {path}"
        yield Finding(what=path.name[:17], well=well, saw=f"{path} has mode {mode:04o}", remedy=remedy)
    if not settings.secrets_key:
        remedy = "set FLOTILLA_SECRETS_KEY_FILE"
        yield Finding(what="key of secrets", well=None, saw="none, so that there are no secrets", remedy=remedy)
