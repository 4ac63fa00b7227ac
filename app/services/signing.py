"""Signed text: what was said once and is believed when it comes back, without a row in the store.

For download links, page tokens and run tokens. A text is good for one purpose only: the purpose is part of what is
signed. Whoever has the installation's key can make any of them, so that it never leaves the database. Which keys there
are, and how they follow one another, is the business of `keys.py`.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.domain.errors import Unauthorized

_MAC_BYTES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """Each has at least 256 bits of chance. `first` signs, `others` are believed too, from `deriving` names get their
    secrets.
    """

    first: str = field(repr=False)
    others: Sequence[str] = field(default=(), repr=False)
    deriving: str = field(repr=False)


class Signer:
    def __init__(self, keys: SigningKeys) -> None:
        self.renew(keys)

    def renew(self, keys: SigningKeys) -> None:
        """From now on these; other threads may be signing meanwhile."""
        self._keys = tuple(_Key(key) for key in (keys.first, *keys.others))
        self._deriving = keys.deriving.encode()

    def sign(self, purpose: str, payload: Any, expires_us: int | None = None) -> str:
        """URL-safe text for `payload`, JSON with integers of 64 bits. Whoever has it can read it, and not change it."""
        body = orjson.dumps([payload, expires_us])
        return _text(body) + "." + _text(self._keys[0].mac(purpose, body))

    def derive(self, purpose: str, name: str) -> str:
        """A secret of its own for a name: always the same, and nothing of the key can be found out from it."""
        return _text(hmac.digest(self._deriving, purpose.encode() + b"\0derived\0" + name.encode(), "sha256"))

    def check(self, purpose: str, text: str, now_us: int) -> Any:
        """The payload. Raises Unauthorized, in the same words whatever is wrong."""
        head, _, tail = text.partition(".")
        try:
            body, mac = _bytes(head), _bytes(tail)
        except (binascii.Error, ValueError):
            raise Unauthorized(_REFUSAL) from None
        same = any(hmac.compare_digest(mac, key.mac(purpose, body)) for key in self._keys)
        if not same or text != f"{_text(body)}.{_text(mac)}":  # base64 has several spellings of some bytes
            raise Unauthorized(_REFUSAL)
        payload, expires_us = orjson.loads(body)
        if expires_us is not None and expires_us <= now_us:
            raise Unauthorized(_REFUSAL)
        return payload


class _Key:
    """Every run has a token: what is the same in all texts of one purpose is worked out once."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._begun: dict[str, hmac.HMAC] = {}

    def mac(self, purpose: str, body: bytes) -> bytes:
        begun = self._begun.get(purpose)
        if begun is None:
            begun = self._begun[purpose] = hmac.new(self._key, purpose.encode() + b"\0", "sha256")
        mac = begun.copy()
        mac.update(body)
        return mac.digest()[:_MAC_BYTES]


_REFUSAL = "this signed text is not valid: changed, expired, or given for something else"


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _text(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).translate(_URL_SAFE, b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
