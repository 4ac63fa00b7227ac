"""Redis servers as they are set up for many machines: on a port, with users, over TLS, under Sentinels."""

import contextlib
import signal
from collections.abc import Sequence
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.faults.fleet import free_port
from tests.servers import RedisServer, Server, ServerMissingError, find_redis, short_folder

USERS = Path(__file__).parents[2] / "deploy" / "redis" / "users.acl"
PASSWORDS = {"API_PASSWORD": "of-the-api", "NODE_PASSWORD": "of-a-node", "FLOWER_PASSWORD": "of-flower"}
ROOT = "of-the-test"


def users_file(folder: Path) -> Path:
    """deploy/redis/users.acl with passwords, and one user more for the test itself."""
    text = USERS.read_text()
    for placeholder, password in PASSWORDS.items():
        text = text.replace(placeholder, password)
    path = folder / "users.acl"
    path.write_text(text)
    return with_root(path)


def with_root(path: Path) -> Path:
    path.write_text(f"{path.read_text()}user root on >{ROOT} ~* &* +@all\n")
    return path


class PortRedis(RedisServer):
    """On a port of 127.0.0.1 besides its socket."""

    def __init__(self, *options: str, users: bool = False) -> None:
        super().__init__()
        self.port = free_port()
        self._options = options
        self._users = users

    def start(self) -> None:
        command = [str(self._program), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir"]
        command += [str(self.folder), "--unixsocket", str(self.socket), "--unixsocketperm", "700", "--daemonize", "no"]
        if self._users and "--aclfile" not in self._options:
            command += ["--aclfile", str(users_file(self.folder))]
        self.socket.unlink(missing_ok=True)
        self._spawn([*command, *self._options], self._answers, signal.SIGTERM)

    def client(self) -> redis.Redis:
        """That may do anything."""
        if not self._users:
            return super().client()
        return self.as_user("root", ROOT)

    def as_user(self, name: str, password: str) -> redis.Redis:
        once = Retry(NoBackoff(), 0)
        return redis.Redis(unix_socket_path=str(self.socket), username=name, password=password, retry=once)


class TlsRedis(PortRedis):
    """Its port is TLS, and asks for a certificate of the same CA when `asks`."""

    def __init__(self, certificate: tuple[Path, Path], ca: Path, *, asks: bool, users: bool = False) -> None:
        self.tls_port = free_port()
        files = ["--tls-cert-file", str(certificate[0]), "--tls-key-file", str(certificate[1])]
        files += ["--tls-ca-cert-file", str(ca), "--tls-auth-clients", "yes" if asks else "no"]
        super().__init__("--port", "0", "--tls-port", str(self.tls_port), *files, users=users)

    def start(self) -> None:
        try:
            super().start()
        except RuntimeError as ended:
            if "tls" in self.log_tail().lower():
                raise ServerMissingError(f"a Redis with TLS: {ended}") from None
            raise


class Sentinel(Server):
    """One of those that watch a primary."""

    def __init__(self, primary_port: int, *, quorum: int, down_after_ms: int) -> None:
        super().__init__(short_folder("fl-sentinel-"))
        self.port = free_port()
        self._program = find_redis()
        (self.folder / "sentinel.conf").write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"sentinel monitor mymaster 127.0.0.1 {primary_port} {quorum}\n"
            f"sentinel down-after-milliseconds mymaster {down_after_ms}\n"
            "sentinel failover-timeout mymaster 3000\nsentinel parallel-syncs mymaster 1\n"
        )

    def start(self) -> None:
        self._spawn([str(self._program), "sentinel.conf", "--sentinel"], self._answers, signal.SIGTERM)

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port)

    def _answers(self) -> bool:
        with self.client() as client, contextlib.suppress(redis.ConnectionError):
            return bool(client.ping())
        return False

    def knows(self, replicas: int, sentinels: int) -> bool:
        """Whether it has found the replicas and the other Sentinels, without which it cannot fail over."""
        with self.client() as client:
            said = client.sentinel_master("mymaster")
        return bool(said["num-slaves"] >= replicas and said["num-other-sentinels"] >= sentinels)

    def primary(self) -> int:
        with self.client() as client:
            return int(client.sentinel_get_master_addr_by_name("mymaster")[1])


def remove(servers: Sequence[Server]) -> None:
    for server in servers:
        server.remove()
