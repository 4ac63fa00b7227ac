"""Client credentials: any client id, and a token of this installation as the secret, for a token that lasts an hour."""

from dataclasses import dataclass
from typing import Final

from flask import request
from marshmallow import fields

from app.rest import auth, credentials
from app.rest.dialects.alteryx.blueprint import AlteryxBlueprint
from app.rest.native.schemas.shown import Document, Shown

routes = AlteryxBlueprint("alteryx_token", __name__, description="Tokens for client credentials")

_FORM: Final = {
    "required": True,
    "content": {
        credentials.FORM: {
            "schema": {
                "type": "object",
                "required": ["grant_type"],
                "properties": {
                    "grant_type": {"type": "string", "enum": [credentials.GRANT]},
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


class GrantedShown(Shown):
    access_token = fields.String(required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds."})
    token_type = fields.String(required=True)

    @staticmethod
    def show(value: Granted) -> Document:
        return {"access_token": value.text, "expires_in": value.lasts_s, "token_type": "Bearer"}


@routes.post("/webapi/oauth2/token")
@auth.scope(auth.PUBLIC)
@routes.response(200, GrantedShown)
@routes.doc(requestBody=_FORM)
def issue_token() -> Granted:
    """A token for client id and secret, given in HTTP Basic or in the form"""
    text, lasts_s, _ = credentials.exchange(request)
    return Granted(text=text, lasts_s=lasts_s)
