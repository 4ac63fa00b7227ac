"""Web and engine processes say that they are here, and read what others want of them, every few seconds.

What for: an upgrade may take away what old programs need once no old one runs, and a new key may sign once everybody
believes it. No promise hangs on it: who is not heard of is taken for gone after GONE_S.
"""

from dataclasses import replace
from typing import Final

from app.ports.servers import ServerProcess
from app.ports.store import Reader, Writer
from app.services import keys
from app.services.core import MICROSECONDS, Core
from app.services.signing import SigningKeys

GONE_S: Final = 30
_FORGOTTEN_S: Final = 24 * 3600


def arrive(core: Core, *, kind: str, host: str, pid: int, revision: str) -> ServerProcess:
    """A process that has begun. Raises Unavailable."""

    def work(tx: Writer) -> ServerProcess:
        me = ServerProcess(
            id=core.chance.new_id(tx.now_us),
            kind=kind,
            host=host,
            pid=pid,
            version=core.version,
            revision=revision,
            started_at_us=tx.now_us,
            seen_at_us=tx.now_us,
        )
        tx.save_server(me)
        return me

    return core.store.write(work)


def pulse(core: Core, me: ServerProcess, *, stamp: str | None = None) -> None:
    """One sign of life; `stamp` is noted as alive with it (`Writer.stamp`). Raises Unavailable."""

    def work(tx: Writer) -> SigningKeys:
        if stamp is not None:
            tx.stamp(stamp)
        tx.save_server(replace(me, seen_at_us=tx.now_us))
        tx.forget_servers(tx.now_us - _FORGOTTEN_S * MICROSECONDS)
        return keys.load(tx)

    core.signer.renew(core.store.write(work))


def leave(core: Core, me: ServerProcess) -> None:
    """The last sign. Raises Unavailable."""
    core.store.write(lambda tx: tx.forget_servers(0, me.id))


def living(tx: Reader) -> list[ServerProcess]:
    return [server for server in tx.servers() if server.seen_at_us > tx.now_us - GONE_S * MICROSECONDS]
