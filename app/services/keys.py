"""The keys that an installation signs with, and how a new one takes over while nothing stops.

    announce    the new key is believed by every process that has read it (`servers.pulse`), and signs nothing yet
    promote     it signs; the one before it is believed for a while longer, so that what is out stays good
    load        what a process signs with and believes, now

Who has not yet read the new key could not believe what another signs with it: so `promote` waits for all of them.
Secrets of webhooks are derived from a key of their own, which stays: receivers have them in their settings.
"""

import hashlib
from typing import Final

from app.ports.servers import Key
from app.ports.store import Reader, Writer
from app.services.signing import SigningKeys

KEPT_S: Final = 8 * 24 * 3600
"""Longer than anything lasts that is signed: a run may take two days and be told of for a day more."""
_FIRST: Final = "signing"
_NEXT: Final = "signing next"
_BEFORE: Final = "signing before "
_DERIVING: Final = "deriving"
_MICROSECONDS: Final = 1_000_000


def first(tx: Writer, fresh: str) -> SigningKeys:
    """As `load`; the first process of an installation brings the key along."""
    tx.make_key(_FIRST, fresh)
    return load(tx)


def load(tx: Reader) -> SigningKeys:
    known = {key.name: key for key in tx.signing_keys() if key.until_us is None or key.until_us > tx.now_us}
    signs = known[_FIRST].secret
    others = [key.secret for name, key in known.items() if name == _NEXT or name.startswith(_BEFORE)]
    deriving = known[_DERIVING].secret if _DERIVING in known else signs
    return SigningKeys(first=signs, others=others, deriving=deriving)


def announce(tx: Writer, fresh: str) -> int:
    """The database's clock. A key that was announced before, and not promoted, is the next one still."""
    tx.make_key(_NEXT, fresh)
    return tx.now_us


def promote(tx: Writer, *, kept_s: int = KEPT_S, webhooks: bool = False) -> str:
    """The id of the key that signs from now on. `kept_s` is how long what the one before has signed is believed, 0 for
    a key that somebody else has; `webhooks` gives webhooks new secrets as well.
    """
    known = {key.name: key for key in tx.signing_keys()}
    old, new = known[_FIRST], known[_NEXT]
    for name, key in known.items():
        if name.startswith(_BEFORE) and (not kept_s or (key.until_us or 0) <= tx.now_us):
            tx.drop_key(name)
    if webhooks:
        tx.drop_key(_DERIVING)
    elif _DERIVING not in known:
        tx.save_key(Key(name=_DERIVING, secret=old.secret))
    if kept_s:
        until_us = tx.now_us + kept_s * _MICROSECONDS
        tx.save_key(Key(name=f"{_BEFORE}{id_of(old)}", secret=old.secret, until_us=until_us))
    tx.save_key(Key(name=_FIRST, secret=new.secret))
    tx.drop_key(_NEXT)
    return id_of(new)


def id_of(key: Key) -> str:
    """Says which key it is, and nothing of the key itself."""
    return hashlib.sha256(key.secret.encode()).hexdigest()[:8]
