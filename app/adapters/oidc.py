"""An identity provider by OpenID Connect: authorization code with PKCE for browsers, signed tokens for programs.

Authlib speaks OAuth, PyJWT checks signatures; both come with the extra `oidc`. The provider's own description of itself
says where everything is; it is asked for with the first login and kept for an hour.
"""

import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import jwt
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from app.adapters import oidc_web
from app.adapters.oidc_keys import KEPT_S, Keys
from app.domain.admission import Claims
from app.domain.errors import Unavailable
from app.ports.identity import Unproven

DISCOVERY: Final = "/.well-known/openid-configuration"
_LEEWAY_S: Final = 30
"""How far the provider's clock may be from ours."""

_TYPES: Final = ("JWT", "AT+JWT", "APPLICATION/AT+JWT")
_WORDS: Final[tuple[tuple[type[jwt.PyJWTError], str], ...]] = (
    (jwt.ExpiredSignatureError, "it has expired"),
    (jwt.InvalidAudienceError, "it is meant for somebody else (its audience)"),
    (jwt.InvalidIssuerError, "another provider has issued it"),
    (jwt.ImmatureSignatureError, "it is not good yet; are the clocks right?"),
    (jwt.MissingRequiredClaimError, "it lacks one of the claims iss, sub, aud and exp"),
    (jwt.InvalidSignatureError, "its signature is wrong"),
)


class OidcProvider:
    """Without `client_id` no browser logs in, without `audience` no program's tokens are taken."""

    def __init__(
        self,
        issuer: str,
        *,
        client_id: str = "",
        client_secret: str = "",
        scopes: tuple[str, ...] = ("openid", "email", "profile"),
        audience: str = "",
        name: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._scopes = scopes
        self._audience = audience
        self._name = name or urlsplit(issuer).hostname or issuer
        self._clock = clock
        self._described: tuple[float, Mapping[str, Any]] = (-KEPT_S, {})
        self._keys = Keys(lambda: oidc_web.read_json(self._place("jwks_uri")), clock)

    @property
    def issuer(self) -> str:
        return self._issuer

    @property
    def name(self) -> str:
        return self._name

    @property
    def for_browsers(self) -> bool:
        return bool(self._client_id)

    def address(self, back: str, *, state: str, nonce: str, verifier: str) -> str:
        where = self._place("authorization_endpoint")
        with self._session(back) as session:
            address, _ = session.create_authorization_url(where, state=state, code_verifier=verifier, nonce=nonce)
        return str(address)

    def redeem(self, code: str, *, back: str, nonce: str, verifier: str) -> Claims:
        where = self._place("token_endpoint")
        try:
            with self._session(back) as session:
                answer = session.fetch_token(
                    where, code=code, code_verifier=verifier, grant_type="authorization_code", allow_redirects=False
                )
        except OAuthError as refused:
            raise Unproven(f"it refused the code of this login ({_plain(refused.error)})") from None
        except (requests.RequestException, OSError):
            raise oidc_web.away(where) from None
        except ValueError:
            raise Unavailable(f"{self._name} answered what is no answer at {where}") from None
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Unproven("it sent no ID token; the scope openid is needed for that")
        claims = self._proved(token, self._client_id, straight=True)
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise Unproven("its answer belongs to another login")
        if claims.get("azp", self._client_id) != self._client_id:
            raise Unproven("it has issued the ID token to another program")
        return claims

    def read(self, token: str) -> Claims:
        if not self._audience:
            raise Unproven("this server takes no tokens of its identity provider")
        return self._proved(token, self._audience, straight=False)

    def ending(self, back: str) -> str | None:
        if "end_session_endpoint" not in self._description():
            return None
        asked = urlencode({"client_id": self._client_id, "post_logout_redirect_uri": back})
        where = self._place("end_session_endpoint")
        return f"{where}{'&' if '?' in where else '?'}{asked}"

    def _proved(self, token: str, audience: str, *, straight: bool) -> Claims:
        key, algorithm = self._keys.find(token, straight=straight)
        try:
            read = jwt.decode_complete(
                token,
                key,
                algorithms=[algorithm],
                audience=audience,
                issuer=self._issuer,
                leeway=_LEEWAY_S,
                options={"require": ["iss", "sub", "aud", "exp"]},
            )
        except (jwt.PyJWTError, TypeError, ValueError) as wrong:
            raise Unproven(
                next((words for kind, words in _WORDS if isinstance(wrong, kind)), "it is damaged")
            ) from None
        if str(read["header"].get("typ", "JWT")).upper() not in _TYPES:
            raise Unproven("it is a token for another purpose")
        if not read["payload"]["sub"]:
            raise Unproven("it does not say whose it is")
        return dict(read["payload"])

    def _session(self, back: str) -> Any:  # Any: Authlib ships no types
        methods = self._description().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        basic = "client_secret_basic" in methods or "client_secret_post" not in methods
        secret = "client_secret_basic" if basic else "client_secret_post"
        session = OAuth2Session(
            self._client_id,
            self._client_secret or None,
            token_endpoint_auth_method=secret if self._client_secret else "none",
            scope=" ".join(self._scopes),
            redirect_uri=back,
            code_challenge_method="S256",
        )
        return oidc_web.bounded(session)

    def _place(self, name: str) -> str:
        """An address of the provider's. None is less safe than the issuer's own."""
        place = self._description().get(name)
        if not isinstance(place, str) or not place.startswith(("https://", f"{urlsplit(self._issuer).scheme}://")):
            raise Unavailable(f"{self._issuer}{DISCOVERY} names no {name} that can be used")
        return place

    def _description(self) -> Mapping[str, Any]:
        at, known = self._described
        if self._clock() - at >= KEPT_S:
            known = oidc_web.read_json(self._issuer.rstrip("/") + DISCOVERY)
            if known.get("issuer") != self._issuer:
                named = _plain(known.get("issuer"))
                raise Unavailable(f"the provider calls itself {named!r}; FLOTILLA_OIDC_ISSUER must be just that")
            self._described = (self._clock(), known)
        return known


def _plain(said: object) -> str:
    return "".join(letter for letter in str(said) if letter.isprintable())[:100]
