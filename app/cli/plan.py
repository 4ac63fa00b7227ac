"""Which processes make a Flotilla on one machine, and which settings does each get? Decides; starts nothing.

Standard library only, like all that `up` needs before its processes run: every import here delays the start.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from app.cli.children import Program
from app.cli.data_folder import DataFolder

DATABASE_KEYS = ("FLOTILLA_DATABASE_URL", "FLOTILLA_DATABASE_URL_FILE")
SECRETS_KEYS = ("FLOTILLA_SECRETS_KEY", "FLOTILLA_SECRETS_KEY_FILE")
PROVIDER_KEYS = ("FLOTILLA_OIDC_CLIENT_SECRET", "FLOTILLA_OIDC_CLIENT_SECRET_FILE")
BROKER_KEYS = ("FLOTILLA_BROKER_URL", "FLOTILLA_BROKER_URL_FILE")
CLIENT_KEYS = ("FLOTILLA_URL", "FLOTILLA_TOKEN")
GRACE_S = 10.0
"""How long a stop lets runs end before they are handed back, unless FLOTILLA_GRACE_S says otherwise."""
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared with, not listened on


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked of `up`. `cpus` and `memory_mb` are of each node; `environ` is that of `up` itself."""

    data: DataFolder
    host: str
    port: int
    nodes: int
    cpus: str
    memory_mb: int
    flower_port: int | None
    grace_s: float
    environ: Mapping[str, str]

    @property
    def url(self) -> str:
        """Where this machine finds it."""
        host = ANYWHERE.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def own_broker(self) -> bool:
        return not any(self.environ.get(key) for key in BROKER_KEYS)

    @property
    def own_database(self) -> bool:
        return not any(self.environ.get(key) for key in DATABASE_KEYS)

    def web(self, broker: Mapping[str, str]) -> Program:
        data = self.data
        seeds = {"FLOTILLA_UP_ADMIN_TOKEN_FILE": str(data.token_file)}
        seeds |= {"FLOTILLA_UP_NODE_TOKEN_FILE": str(data.node_token_file)}
        seeds |= {"FLOTILLA_UP_OWN_DATABASE": "1" if self.own_database else ""}
        return Program(name="web", command=_python("app.cli.boot", "app.main"), environ=self._server(broker) | seeds)

    def engine(self, broker: Mapping[str, str]) -> Program:
        return Program(name="engine", command=_python("app.engine"), environ=self._server(broker))

    def node(self, number: int, broker: Mapping[str, str]) -> Program:
        """A node is given no way to the database, nor the key of secrets or any other: it may know nothing of them."""
        name = f"node-{number}"
        apart = (*DATABASE_KEYS, *SECRETS_KEYS, *PROVIDER_KEYS, "FLOTILLA_NODE_TOKEN_FILE")
        environ = {key: value for key, value in self._common(broker).items() if key not in apart}
        environ |= {"FLOTILLA_SERVER_URL": self.url, "FLOTILLA_NODE_TOKEN": self.data.token(self.data.node_token_file)}
        environ |= {"FLOTILLA_NODE_NAME": name, "FLOTILLA_NODE_DIR": str(self.data.node(name))}
        environ |= {"FLOTILLA_CPUS": self.cpus, "FLOTILLA_MEMORY_MB": str(self.memory_mb)}
        environ |= {
            "FLOTILLA_GRACE_S": f"{self.grace_s:g}",
            "FLOTILLA_EVENTS": self.environ.get("FLOTILLA_EVENTS") or ("0" if self.flower_port is None else "1"),
        }
        return Program(name=name, command=_python("worker.main"), environ=environ)

    def flower(self, broker: Mapping[str, str]) -> Program:
        options = ("flower", "--address=127.0.0.1", f"--port={self.flower_port}")
        command = _python("celery", "--app=worker.main", *options)
        environ = {
            key: value for key, value in self._common(broker).items() if key not in (*SECRETS_KEYS, *PROVIDER_KEYS)
        }
        return Program(name="flower", command=command, environ=environ)

    def _server(self, broker: Mapping[str, str]) -> dict[str, str]:
        own = {"FLOTILLA_DATABASE_URL": self.data.database_url} if self.own_database else {}
        own |= {"FLOTILLA_HOST": self.host, "FLOTILLA_PORT": str(self.port)}
        usual = {"FLOTILLA_DATABASE_WAIT_S": "0"}  # what dies is started again, and says why
        if not any(self.environ.get(key) for key in SECRETS_KEYS):
            usual |= {"FLOTILLA_SECRETS_KEY_FILE": str(self.data.secrets_key_file)}
        usual |= {"FLOTILLA_ASSETS_URL": self.data.assets_url, "TMPDIR": str(self.data.temporary)}
        return {**usual, **self._common(broker), **own}

    def _common(self, broker: Mapping[str, str]) -> dict[str, str]:
        kept = {key: value for key, value in self.environ.items() if key not in CLIENT_KEYS}
        return {**kept, **broker, "PYTHONUNBUFFERED": "1"}


def _python(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *words)
