"""What lies in the data folder of `flotilla up`, and who may use it: one `up` at a time.

DIR/flotilla.db     the store          DIR/token         the administrator's token    DIR/logs    of each process
DIR/broker/         the broker's file  DIR/node-token    its own nodes' token         DIR/nodes   scratch and spool
DIR/lock            held by an `up`    DIR/assets        stored files                 DIR/tmp     of requests
DIR/secrets.key     what secrets are sealed with; never in the store

The tokens are made here, before anything has been imported that could store them: `app/cli/seeds.py` tells the store.
"""

import base64
import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.cli.failures import Failure

LOCK_PATIENCE_S = 2.0
"""An `up` that was killed holds its lock until the last of its processes is gone, which takes a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFolder:
    path: Path

    @property
    def token_file(self) -> Path:
        return self.path / "token"

    @property
    def node_token_file(self) -> Path:
        return self.path / "node-token"

    @property
    def secrets_key_file(self) -> Path:
        return self.path / "secrets.key"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def temporary(self) -> Path:
        """Where the server keeps a large request while it comes in: it needs the room that files need."""
        return self.path / "tmp"

    @property
    def assets_url(self) -> str:
        return f"file://{self.path / 'assets'}"

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.path / 'flotilla.db'}"

    def node(self, name: str) -> Path:
        return self.path / "nodes" / name

    def make(self) -> None:
        """Raises Failure when the folder cannot be made or written to."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (self.logs, self.path / "nodes", self.temporary):
                folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            what = f"cannot use the data folder {self.path}: {error.strerror}"
            raise Failure(what, "choose another with --data DIR") from None

    def lock(self) -> int:
        """The lock's file descriptor, to be kept open. Raises Failure when another `up` has it."""
        held = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                owner = os.pread(held, 32, 0).decode(errors="replace").strip()
                os.close(held)
                what = f"another `flotilla up` (process {owner}) runs on {self.path}"
                raise Failure(what, "stop it, or choose another folder with --data DIR") from None
            os.ftruncate(held, 0)
            os.pwrite(held, f"{os.getpid()}\n".encode(), 0)
            return held

    def token(self, path: Path) -> str:
        """The token in this file, which is made with a new one when it is absent."""
        return self._kept(path, new_token)

    def make_secrets_key(self) -> None:
        """In the form that `app/adapters/keyring.py` reads."""
        self._kept(self.secrets_key_file, lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())

    def _kept(self, path: Path, make: Callable[[], str]) -> str:
        with contextlib.suppress(FileNotFoundError):
            return path.read_text().strip()
        beside = path.with_name(f"{path.name}.new")
        beside.unlink(missing_ok=True)
        made = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(made, "w") as file:
            file.write(f"{make()}\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)  # whole or not there, whenever this process is killed
        return path.read_text().strip()


def new_token() -> str:
    """In the form that `app/services/access.py` reads: fl_<8 characters id>_<43 characters secret>."""
    return f"fl_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"
