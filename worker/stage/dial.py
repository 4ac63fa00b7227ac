"""How is a connection made to a host that a user named? To an address that the gate has judged, and to no other.

The name is resolved once; what is connected to is one of the addresses of that answer, so a name that changes its
answer in between gains nothing. Certificate and Host header are still those of the name. No proxy stands in between:
a proxy would resolve the name again.
"""

import contextlib
import socket
from collections.abc import Callable, Iterator

from app.wire.addresses import Gate, Place
from worker.stage.leash import Leash
from worker.trust import trust

CONNECT_S = 10.0
READ_S = 60.0
OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 20),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
"""A host that is gone is noticed within a minute, however long one that is there may think."""
Resolve = Callable[[str, int], list[str]]
"""All addresses of a host. Raises OSError."""


def resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "the name is too long") from None
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@contextlib.contextmanager
def dialled(
    place: Place,
    leash: Leash,
    *,
    gate: Gate | None,
    resolve: Resolve = resolve,
    read_s: float = READ_S,
    ca_file: str = "",
) -> Iterator[socket.socket]:
    """A connection, TLS included, while the block runs. Without a gate every address will do: the host is the
    operator's own, and `ca_file` may name his authority. `read_s` is how long the other side may be silent. Raises
    Refused, OSError, what the leash raises.
    """
    addresses = leash.aside(lambda: resolve(place.host, place.port))
    if gate is not None:
        gate.judge(place, addresses)
    problem = OSError(f"{place.host} has no address")
    for address in addresses:
        with contextlib.ExitStack() as stack:
            line = stack.enter_context(socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET))
            stack.enter_context(leash.holding(line))
            try:
                line.settimeout(CONNECT_S)
                line.connect((address, place.port))
            except OSError as failed:
                leash.check()
                problem = failed
                continue
            for level, option, value in OPTIONS:
                line.setsockopt(level, option, value)
            line.settimeout(read_s)
            if place.scheme == "https":
                line = stack.enter_context(trust(ca_file).wrap_socket(line, server_hostname=place.host.rstrip(".")))
            yield line
            return
    raise problem
