"""Who somebody is, as a provider says it that people log in to (OpenID Connect)."""

from typing import Protocol

from app.domain.admission import Claims


class Unproven(Exception):
    """What was presented does not prove who somebody is. The message is for him, and repeats nothing of it."""


class IdentityProvider(Protocol):
    """Raises Unavailable from whatever it has to ask the provider for."""

    @property
    def issuer(self) -> str:
        """The provider's own name for itself."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def for_browsers(self) -> bool:
        """Whether people can log in by it, and not programs alone."""

    def address(self, back: str, *, state: str, nonce: str, verifier: str) -> str:
        """Where a browser is sent to log in; it comes `back` with a code, or with an error."""

    def redeem(self, code: str, *, back: str, nonce: str, verifier: str) -> Claims:
        """What it claims of who has logged in there, once. Raises Unproven."""

    def read(self, token: str) -> Claims:
        """What it claims in a token that a program sends. Raises Unproven, also where no such tokens are taken."""

    def ending(self, back: str) -> str | None:
        """Where a browser is sent to log out there; None where it has no such place."""
