"""What a client gets for its credentials: the answer of RFC 6749, which the dialects with a token route share."""

from dataclasses import dataclass

from marshmallow import fields

from app.rest.native.schemas.shown import Document, Shown


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
