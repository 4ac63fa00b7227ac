"""Who asks for a token by client credentials? A form as in RFC 6749, with the secret in it or in HTTP Basic."""

import base64
import binascii
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

from flask import Request
from werkzeug.exceptions import UnsupportedMediaType

from app.domain.errors import Malformed, Unauthorized
from app.rest import auth, body
from app.rest.context import core, trail
from app.services import tokens
from app.services.access import Principal

FORM: Final = "application/x-www-form-urlencoded"
GRANT: Final = "client_credentials"
_MOST_BYTES: Final = 64 << 10
_MOST_FIELDS: Final = 100


def exchange(request: Request) -> tuple[str, int, Principal]:
    """A short-lived token, its seconds, and whose it is. Raises Malformed, Unauthorized; a refusal is noted."""
    client_id, secret = read(request)
    try:
        return tokens.exchange(core(), client_id, secret)
    except Unauthorized:
        auth.note_refusal(trail(), request, secret)
        raise


def read(request: Request) -> tuple[str, str]:
    """Client id and secret."""
    if request.mimetype != FORM:
        raise UnsupportedMediaType(f"send Content-Type: {FORM}")
    try:
        text = body.read_bytes(request, _MOST_BYTES).decode()
        form = dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise Malformed("the body is not a form in UTF-8") from None
    if form.get("grant_type") != GRANT:
        raise Malformed(f"grant_type must be {GRANT}")
    if "Authorization" in request.headers:
        return _basic(request.headers["Authorization"])
    if "client_id" not in form or "client_secret" not in form:
        raise Malformed("client_id and client_secret are needed, in the form or in HTTP Basic")
    return form["client_id"], form["client_secret"]


def _basic(header: str) -> tuple[str, str]:
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic":
        raise Unauthorized("the Authorization header must be: Basic, or absent with the secret in the form")
    try:
        client_id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = ""
    if not colon:
        raise Unauthorized("the Authorization header must be: Basic, and base64 of id, colon and secret")
    return unquote_plus(client_id), unquote_plus(secret)
