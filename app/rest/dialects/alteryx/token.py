"""Client credentials: any client id, and a token of this installation as the secret, for a token that lasts an hour."""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from flask import request
from marshmallow import fields

from app.domain.errors import Invalid, Problem, Unauthorized
from app.rest import auth
from app.rest.context import core
from app.rest.dialects.alteryx.blueprint import AlteryxBlueprint
from app.rest.native.schemas.shown import Document, Shown
from app.services import tokens

routes = AlteryxBlueprint("alteryx_token", __name__, description="Tokens for client credentials")

_FORM: Final = {
    "required": True,
    "content": {
        "application/x-www-form-urlencoded": {
            "schema": {
                "type": "object",
                "required": ["grant_type"],
                "properties": {
                    "grant_type": {"type": "string", "enum": ["client_credentials"]},
                    "client_id": {"type": "string"},
                    "client_secret": {"type": "string"},
                },
            }
        }
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    text: str
    lasts_s: int


class TokenShown(Shown):
    access_token = fields.String(required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds."})
    token_type = fields.String(required=True)

    @staticmethod
    def show(value: Granted) -> Document:
        return {"access_token": value.text, "expires_in": value.lasts_s, "token_type": "Bearer"}


@routes.post("/webapi/oauth2/token")
@auth.scope(auth.PUBLIC)
@routes.response(200, TokenShown)
@routes.doc(requestBody=_FORM)
def issue_token() -> Granted:
    """A token for client id and secret, given in HTTP Basic or in the form"""
    if request.form.get("grant_type") != "client_credentials":
        raise Invalid([Problem("/grant_type", "must be client_credentials, in a form")])
    client_id, secret = _basic() or (request.form.get("client_id", ""), request.form.get("client_secret", ""))
    text, lasts_s, _ = tokens.exchange(core(), client_id, secret)
    return Granted(text=text, lasts_s=lasts_s)


def _basic() -> tuple[str, str] | None:
    kind, _, rest = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise Unauthorized("the Authorization header must be Basic, with client id and secret in base64") from None
    return client_id, secret
