"""The servers of `tests/servers.py` on hosts of their own: reached over TCP, by a password or from their network alone.

The test itself reaches them by their sockets, which are files.
"""

import signal

import redis

from tests.hosts.network import Host
from tests.servers import PostgresServer, RedisServer

REDIS_PORT, POSTGRES_PORT = 6379, 5432


class RedisOnHost(RedisServer):
    def __init__(self, host: Host, password: str) -> None:
        super().__init__()
        self._host, self._password = host, password
        self.url = f"redis://:{password}@{host.address}:{REDIS_PORT}/0"

    def start(self) -> None:
        command = [str(self._program), "--bind", self._host.address, "--port", str(REDIS_PORT), "--unixsocket"]
        command += [str(self.socket), "--requirepass", self._password, "--save", "", "--appendonly", "no"]
        self.socket.unlink(missing_ok=True)
        self._spawn(self._host.command([*command, "--dir", str(self.folder)]), self._answers, signal.SIGTERM)

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket), password=self._password)


class PostgresOnHost(PostgresServer):
    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host
        self._account = (self._user, self._group)

    def start(self) -> None:
        if not self.data.exists():
            self._initialize()
            with (self.data / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {self._host.address}/24 trust\n")
        command = [str(self._program), "-D", str(self.data), "-k", str(self.folder), "-p", str(POSTGRES_PORT)]
        for setting in (f"listen_addresses={self._host.address}", "fsync=off", "max_connections=100"):
            command += ["-c", setting]
        if self._user is not None:  # who enters a namespace is root, who runs PostgreSQL is not
            account = [f"--reuid={self._user}", f"--regid={self._group}", "--clear-groups", "--pdeathsig=QUIT"]
            command = ["setpriv", *account, *command]
        given, self._user, self._group, self._extra_groups = (self._user, self._group), None, None, None
        try:
            self._spawn(self._host.command(command), self._answers, signal.SIGQUIT)
        finally:
            self._user, self._group = given
            self._extra_groups = [] if given[0] is not None else None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://postgres@{self._host.address}:{POSTGRES_PORT}/{database}"

    def socket_url(self, database: str) -> str:
        return super().url(database)
