"""Signed text: what was said once and is believed when it comes back, without a row in the store.

For download links, page tokens and run tokens. A text is good for one purpose only: the purpose is part of what is
signed. Whoever has the installation's key can make any of them, so that it never leaves the database.
"""

import base64
import binascii
import hmac
import json
from typing import Any

from app.domain.errors import Unauthorized

KEY = "signing"
"""The key's name in the store (`Writer.make_key`)."""

_MAC_BYTES = 20


class Signer:
    """`key` has at least 256 bits of chance."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def sign(self, purpose: str, payload: Any, expires_us: int | None = None) -> str:
        """URL-safe text for `payload`, which is JSON. It can be read by whoever has it, and not changed."""
        body = json.dumps([payload, expires_us], separators=(",", ":")).encode()
        return _text(body) + "." + _text(self._mac(purpose, body))

    def derive(self, purpose: str, name: str) -> str:
        """A secret of its own for a name: always the same, and nothing of the key can be found out from it."""
        return _text(hmac.digest(self._key, purpose.encode() + b"\0derived\0" + name.encode(), "sha256"))

    def check(self, purpose: str, text: str, now_us: int) -> Any:
        """The payload. Raises Unauthorized, in the same words whatever is wrong."""
        head, _, tail = text.partition(".")
        try:
            body, mac = _bytes(head), _bytes(tail)
        except (binascii.Error, ValueError):
            raise Unauthorized(_REFUSAL) from None
        same = hmac.compare_digest(mac, self._mac(purpose, body))
        if not same or text != f"{_text(body)}.{_text(mac)}":  # base64 has several spellings of some bytes
            raise Unauthorized(_REFUSAL)
        payload, expires_us = json.loads(body)
        if expires_us is not None and expires_us <= now_us:
            raise Unauthorized(_REFUSAL)
        return payload

    def _mac(self, purpose: str, body: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\0" + body, "sha256")[:_MAC_BYTES]


_REFUSAL = "this signed text is not valid: changed, expired, or given for something else"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
