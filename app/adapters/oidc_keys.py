"""The keys that an identity provider signs with, kept for a while and asked for again when it signs with a new one.

Only keys of signatures that anybody can check and nobody else can make: what a token says of its algorithm is held
against a list and against the kind of the key, so that no token is checked with a public key as a shared secret.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt

from app.domain.errors import Unavailable
from app.ports.identity import Unproven

KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
"""The algorithms that are taken, and the kind of key of each."""

KEPT_S: Final = 3600.0
AGAIN_S: Final = 10.0
"""Between two questions for a key that is not known: whoever makes keys up does not make us flood the provider."""


class Keys:
    """`read` gives the provider's document; it raises Unavailable. From any thread."""

    def __init__(self, read: Callable[[], Mapping[str, Any]], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._turn = threading.Lock()
        self._keys: list[Mapping[str, Any]] = []
        self._read_at = self._tried_at = -KEPT_S

    def find(self, token: str, *, straight: bool) -> tuple[Any, str]:
        """The key that the token says it is signed with, and its algorithm. `straight`: it was fetched from the
        provider, so that its key is no stranger's invention. Raises Unproven, Unavailable.
        """
        try:
            head = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise Unproven("it is not a signed token (JWT)") from None
        algorithm = head.get("alg")
        if not isinstance(algorithm, str) or algorithm not in KINDS:
            raise Unproven(f"it is not signed in a way that is taken here; that is one of {', '.join(KINDS)}")
        key = self._key(head.get("kid"), algorithm, straight=straight)
        try:
            return jwt.PyJWK(dict(key), algorithm).key, algorithm
        except jwt.PyJWTError:
            raise Unproven("the provider's key cannot be used") from None

    def _key(self, key_id: str | None, algorithm: str, *, straight: bool) -> Mapping[str, Any]:
        found = self._among(key_id, algorithm)
        if not found or self._clock() - self._read_at >= KEPT_S:
            self._renew(in_need=not found, at_once=straight)
            found = self._among(key_id, algorithm)
        if len(found) != 1:
            raise Unproven("it is signed with a key that is not the provider's")
        return found[0]

    def _renew(self, *, in_need: bool, at_once: bool) -> None:
        """A provider that is away takes no key away that was known before."""
        with self._turn:
            now = self._clock()
            if self._keys and now - self._tried_at < AGAIN_S and not at_once:
                return
            self._tried_at = now
            try:
                self._keys = _usable(self._read())
                self._read_at = now
            except Unavailable:
                if in_need:
                    raise

    def _among(self, key_id: str | None, algorithm: str) -> list[Mapping[str, Any]]:
        """A token without a key's id is good where there is one key that it can mean."""
        return [
            key
            for key in self._keys
            if key.get("kty") == KINDS[algorithm]
            and key.get("alg", algorithm) == algorithm
            and (key_id is None or key.get("kid") == key_id)
        ]


def _usable(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    keys = document.get("keys")
    listed = keys if isinstance(keys, list) else []
    return [key for key in listed if isinstance(key, dict) and key.get("use", "sig") == "sig"]
