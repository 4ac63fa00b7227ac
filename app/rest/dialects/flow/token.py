"""A token for client credentials, without which no client of the service begins."""

from dataclasses import dataclass

from flask import request
from marshmallow import fields

from app.rest import auth, credentials
from app.rest.dialects.flow.blueprint import FlowBlueprint
from app.rest.native.schemas.shown import Document, Shown

routes = FlowBlueprint("flow_token", __name__, description="Tokens by client credentials")

_FIELDS = ("grant_type", "client_id", "client_secret", "scope")
_BODY = {
    "required": True,
    "content": {
        credentials.FORM: {
            "schema": {
                "type": "object",
                "required": ["grant_type"],
                "properties": {
                    **{name: {"type": "string"} for name in _FIELDS},
                    "grant_type": {"type": "string", "enum": [credentials.GRANT]},
                },
            }
        }
    },
}


@dataclass(frozen=True, slots=True)
class Given:
    text: str
    lasts_s: int


class FlowTokenShown(Shown):
    access_token = fields.String(required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds."})
    token_type = fields.String(required=True)

    @staticmethod
    def show(value: "Given") -> Document:
        return {"access_token": value.text, "expires_in": value.lasts_s, "token_type": "Bearer"}


@routes.post("/authentication/v2/token")
@auth.scope(auth.PUBLIC)
@routes.doc(requestBody=_BODY)
@routes.response(200, FlowTokenShown)
def create_token() -> Given:
    """A short-lived token, for any client id with a token of this installation as its secret"""
    text, lasts_s, _ = credentials.exchange(request)
    return Given(text, lasts_s)
