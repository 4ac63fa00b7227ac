"""What can be set for a node? One table: name, default, how it is read, what is allowed. Read once, into a value."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from app.wire.addresses import ALLOW_VARIABLE, PLAIN_VARIABLE, PORTS_VARIABLE, Gate
from worker.executors.callables import configured
from worker.executors.containers.choosing import AUTO, KINDS
from worker.executors.offered import OFF, REQUIRED, WHERE_POSSIBLE, Choices
from worker.setting import Setting, SettingsError, flag, text, values
from worker.trust import trust
from worker.where import Where, find

ALIVE_VARIABLE = "FLOTILLA_ALIVE_FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clockwork:
    """Seconds; `fast` is for tests and drills."""

    heartbeat_s: float
    lease_s: float
    drain_s: float
    kill_grace_s: int
    starving_s: float
    hold_s: float


CLOCKWORKS = {
    "production": Clockwork(heartbeat_s=5.0, lease_s=20.0, drain_s=30.0, kill_grace_s=600, starving_s=5.0, hold_s=10.0),
    "fast": Clockwork(heartbeat_s=0.5, lease_s=2.0, drain_s=3.0, kill_grace_s=1, starving_s=0.5, hold_s=1.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    broker: Where
    server_url: str
    node_token: str
    join_token: str
    ca_file: str
    node_name: str
    node_dir: Path
    alive_file: Path | None
    cpus: float | None
    memory_mb: int | None
    queues: tuple[str, ...]
    tags: tuple[str, ...]
    handoff: bool
    clockwork: Clockwork
    grace_s: float
    callables: str
    executors_files: tuple[Path, ...]
    sandbox: str
    sandbox_readable: tuple[Path, ...]
    sandbox_network: bool
    container_runtime: str
    container_registries: frozenset[str]
    slots: int | None
    fetch_allow: str
    fetch_ports: str
    fetch_http: bool
    file_roots: tuple[Path, ...]
    file_mb: int
    cache_mb: int
    transfer_s: float
    events: bool
    log_level: str

    @property
    def choices(self) -> Choices:
        return Choices(
            files=self.executors_files,
            callables=self.callables,
            sandbox=self.sandbox,
            sandbox_readable=self.sandbox_readable,
            sandbox_network=self.sandbox_network,
            container_runtime=self.container_runtime,
            container_registries=self.container_registries,
        )


def _names(value: str) -> tuple[str, ...]:
    return tuple(name for name in (part.strip() for part in value.split(",")) if name)


def _positive(value: str) -> float | None:
    if not value:
        return None
    number = float(value)
    if not number > 0:
        raise ValueError("must be larger than 0")
    return number


def _whole(value: str) -> int | None:
    number = _positive(value)
    if number is not None and number != int(number):
        raise ValueError("must be a whole number")
    return None if number is None else int(number)


def _amount(value: str) -> float:
    number = float(value)
    if not number > 0:
        raise ValueError("must be larger than 0")
    return number


def _megabytes(value: str) -> int:
    number = int(value)
    if number < 0:
        raise ValueError("must not be negative")
    return number


def _allow(value: str) -> str:
    Gate.parse(allow=value)
    return value


def _ports(value: str) -> str:
    Gate.parse(ports=value)
    return value


def _roots(value: str) -> tuple[Path, ...]:
    roots = tuple(Path(part) for part in value.split(os.pathsep) if part)
    if not all(root.is_absolute() for root in roots):
        raise ValueError("must be absolute paths")
    return roots


def _path_or_none(value: str) -> Path | None:
    return Path(value) if value else None


def _clockwork(value: str) -> Clockwork:
    if value not in CLOCKWORKS:
        raise ValueError(f"must be one of {', '.join(CLOCKWORKS)}")
    return CLOCKWORKS[value]


def _callables(value: str) -> str:
    configured(value)
    return value


def _files(value: str) -> tuple[Path, ...]:
    return tuple(map(Path, _names(value)))


def _sandbox(value: str) -> str:
    return _one_of(value, (OFF, WHERE_POSSIBLE, REQUIRED))


def _runtime(value: str) -> str:
    return _one_of(value, (AUTO, *KINDS))


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"must be one of {', '.join(allowed)}")
    return value


def _registries(value: str) -> frozenset[str]:
    names = frozenset(_names(value))
    if any("/" in name for name in names):
        raise ValueError("must be hosts such as docker.io or registry.example:5000, without a path")
    return names


def _url(value: str) -> str:
    if value and not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return value.rstrip("/")


def _authority(value: str) -> str:
    try:
        trust(value)
    except OSError as wrong:
        raise ValueError(f"must be a PEM file with certificates: {wrong.strerror or wrong}") from None
    return value


def _folder(value: str) -> Path:
    if value:
        return Path(value)
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return Path("/var/lib/flotilla/node") if os.geteuid() == 0 else home / "flotilla" / "node"


def _level(value: str) -> str:
    levels = ("DEBUG", "INFO", "WARNING", "ERROR")
    if value.upper() not in levels:
        raise ValueError(f"must be one of {', '.join(levels)}")
    return value.upper()


TABLE = (
    Setting(
        field="server_url",
        variable="FLOTILLA_SERVER_URL",
        default="",
        read=_url,
        about="where the API is; where this node joined when empty",
    ),
    Setting(
        field="node_token",
        variable="FLOTILLA_NODE_TOKEN",
        default="",
        read=str,
        about="token of role node",
        secret=True,
    ),
    Setting(
        field="join_token",
        variable="FLOTILLA_JOIN_TOKEN",
        default="",
        read=str,
        about="token to join with, once, in place of FLOTILLA_NODE_TOKEN",
        secret=True,
    ),
    Setting(
        field="ca_file",
        variable="FLOTILLA_CA_FILE",
        default="",
        read=_authority,
        about="PEM file with the certificate that signed those of the API and the broker, if not one of the system's",
    ),
    Setting(
        field="node_name",
        variable="FLOTILLA_NODE_NAME",
        default=socket.gethostname(),
        read=text,
        about="how people know this node",
    ),
    Setting(
        field="node_dir",
        variable="FLOTILLA_NODE_DIR",
        default="",
        read=_folder,
        about="scratch folders, spool, id and token; one node each; /var/lib/flotilla/node for root, else in the home",
    ),
    Setting(
        field="alive_file",
        variable=ALIVE_VARIABLE,
        default="",
        read=_path_or_none,
        about="a file that is touched with every heartbeat, for `flotilla healthcheck`; none when empty",
    ),
    Setting(field="cpus", variable="FLOTILLA_CPUS", default="", read=_positive, about="cores for runs; all when empty"),
    Setting(
        field="memory_mb",
        variable="FLOTILLA_MEMORY_MB",
        default="",
        read=_whole,
        about="MB (2^20 bytes) for runs; nine tenths of the host when empty",
    ),
    Setting(
        field="queues",
        variable="FLOTILLA_QUEUES",
        default="@default",
        read=_names,
        about="queues to serve, with commas; * is every queue",
    ),
    Setting(field="tags", variable="FLOTILLA_TAGS", default="", read=_names, about="tags this node bears"),
    Setting(
        field="handoff",
        variable="FLOTILLA_HANDOFF",
        default="1",
        read=flag,
        about="take next runs with a report's answer",
    ),
    Setting(
        field="clockwork",
        variable="FLOTILLA_CLOCKWORK",
        default="production",
        read=_clockwork,
        about="production or fast (tests)",
    ),
    Setting(
        field="grace_s",
        variable="FLOTILLA_GRACE_S",
        default="",
        read=_positive,
        about="seconds a stopping node lets runs end; by the clockwork when empty",
    ),
    Setting(
        field="callables",
        variable="FLOTILLA_CALLABLES",
        default="",
        read=_callables,
        about="more callables: name=module:attribute, with commas",
    ),
    Setting(
        field="executors_files",
        variable="FLOTILLA_EXECUTORS_FILE",
        default="",
        read=_files,
        about="TOML files that declare more executors, with commas",
    ),
    Setting(
        field="sandbox",
        variable="FLOTILLA_SANDBOX",
        default=OFF,
        read=_sandbox,
        about="commands see only the system and their folder: off, bwrap (where it can be), required (or no start)",
    ),
    Setting(
        field="sandbox_readable",
        variable="FLOTILLA_SANDBOX_READABLE",
        default="",
        read=_roots,
        about="folders that commands see in the sandbox besides those of the system, with colons",
    ),
    Setting(
        field="sandbox_network",
        variable="FLOTILLA_SANDBOX_NETWORK",
        default="0",
        read=flag,
        about="let the tasks of `command` use the network in the sandbox; declared executors say it themselves",
    ),
    Setting(
        field="container_runtime",
        variable="FLOTILLA_CONTAINER_RUNTIME",
        default=AUTO,
        read=_runtime,
        about="podman, docker or runc; auto is the first that answers",
    ),
    Setting(
        field="container_registries",
        variable="FLOTILLA_CONTAINER_REGISTRIES",
        default="",
        read=_registries,
        about="registries whose images may be run by tag, with commas; any image may by its digest",
    ),
    Setting(
        field="slots",
        variable="FLOTILLA_SLOTS",
        default="",
        read=_whole,
        about="runs at once at most; 8 for each core, at least 8, when empty",
    ),
    Setting(
        field="fetch_allow",
        variable=ALLOW_VARIABLE,
        default="",
        read=_allow,
        about="hosts, *.domains, addresses, networks to fetch from though they are not public; with commas",
    ),
    Setting(
        field="fetch_ports",
        variable=PORTS_VARIABLE,
        default="",
        read=_ports,
        about="ports that inputs may come from besides 80, 443, 8080 and 8443, with commas",
    ),
    Setting(
        field="fetch_http",
        variable=PLAIN_VARIABLE,
        default="1",
        read=flag,
        about="fetch inputs over http too, not https alone",
    ),
    Setting(
        field="file_roots",
        variable="FLOTILLA_FILE_ROOTS",
        default="",
        read=_roots,
        about="folders that file: inputs may be read from, with colons; none when empty",
    ),
    Setting(
        field="file_mb",
        variable="FLOTILLA_FILE_MB",
        default="10240",
        read=_megabytes,
        about="MB (2^20 bytes) of one input or output at most",
    ),
    Setting(
        field="cache_mb",
        variable="FLOTILLA_CACHE_MB",
        default="4096",
        read=_megabytes,
        about="MB of fetched inputs to keep for other runs; 0 keeps none",
    ),
    Setting(
        field="transfer_s",
        variable="FLOTILLA_TRANSFER_S",
        default="3600",
        read=_amount,
        about="seconds until a run's inputs must be there",
    ),
    Setting(field="events", variable="FLOTILLA_EVENTS", default="0", read=flag, about="Celery events for Flower"),
    Setting(
        field="log_level", variable="FLOTILLA_LOG_LEVEL", default="WARNING", read=_level, about="of the node's log"
    ),
)


def read(environ: Mapping[str, str] = os.environ) -> Settings:
    """Raises SettingsError with everything that is wrong."""
    wrong: list[str] = []
    where = find(environ, wrong)
    found = values(TABLE, environ, wrong)
    if wrong or where is None:
        raise SettingsError("\n".join(wrong))
    found["grace_s"] = found["clockwork"].drain_s if found["grace_s"] is None else found["grace_s"]
    return Settings(broker=replace(where, authority=found["ca_file"]), **found)
