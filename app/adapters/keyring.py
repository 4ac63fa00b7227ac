"""Secrets are sealed with AES-256-GCM by the keys of a setting or a file: the first one seals, all of them open.

A sealed text is `<key id>.<nonce and ciphertext>`, the key's id being the beginning of its SHA-256. What it belongs to
is sealed in, so that a row copied to another place opens for nobody. A file is read again when it has changed: a new
first key is used from then on by processes that were there before (`services/secrets.py`: `reseal`).
"""

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.ports.vault import Unreadable

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_LEAST_BYTES: Final = 16
"""So many different bytes has every key that chance has made: one in 10^13 has fewer."""
_ID_CHARACTERS: Final = 8


class BadKey(ValueError):
    """A key that is none. The message does not show it."""


class Keyring:
    """`read` gives the text of the keys as it is now."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read
        self._text: str | None = None
        self._keys: dict[str, AESGCM] = {}
        self._renew()

    def seal(self, value: str, place: str) -> str:
        self._renew()
        key_id, key = next(iter(self._keys.items()))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return f"{key_id}.{_text(nonce + key.encrypt(nonce, value.encode(), place.encode()))}"

    def open(self, sealed: str, place: str) -> str:
        key_id, _, rest = sealed.partition(".")
        if key_id not in self._keys:
            self._renew()
        key = self._keys.get(key_id)
        if key is None:
            raise Unreadable(f"the key {key_id} that it was sealed with is not among those of this server")
        try:
            data = base64.urlsafe_b64decode(rest)
            return key.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], place.encode()).decode()
        except (InvalidTag, ValueError, binascii.Error):
            raise Unreadable("it was changed, or sealed for another place") from None

    def current(self, sealed: str) -> bool:
        self._renew()
        return sealed.partition(".")[0] == next(iter(self._keys))

    def _renew(self) -> None:
        try:
            text = self._read()
        except OSError:  # those that were read before are still good
            if not self._keys:
                raise
            return
        if text != self._text:
            self._keys = {_id(key): AESGCM(key) for key in parse(text)}
            self._text = text


class KeyFile:
    """The text of a file, read again when the file is another one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._text = ""

    def __call__(self) -> str:
        status = os.stat(self._path)
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            self._text = self._path.read_text(encoding="ascii")
            self._seen = seen
        return self._text


def new_key() -> str:
    return _text(secrets.token_bytes(KEY_BYTES))


def parse(text: str) -> list[bytes]:
    """Keys, with blanks, line ends or commas between them. Raises BadKey."""
    words = keys_of(text)
    if not words:
        raise BadKey("there is no key")
    keys = []
    for word in words:
        try:
            key = base64.urlsafe_b64decode(word)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise BadKey(f"a key must be {KEY_BYTES} bytes of chance in base64")
        if len(set(key)) < _LEAST_BYTES:
            raise BadKey("a key is no chance: it is made of a few bytes, over and over; make one with openssl rand")
        keys.append(key)
    return keys


def keys_of(text: str) -> list[str]:
    """As they are written."""
    return text.replace(",", " ").split()


def write(path: Path, keys: Sequence[str]) -> None:
    """The file holds these, whole or as it was before, and its owner alone may read it."""
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    made = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(made, "w", encoding="ascii") as file:
        file.writelines(f"{key}\n" for key in keys)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _id(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:_ID_CHARACTERS]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()
