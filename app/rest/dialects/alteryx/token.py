"""Client credentials: any client id, and a token of this installation as the secret, for a token that lasts an hour."""

from typing import Final

from flask import request

from app.rest import auth, credentials
from app.rest.dialects.alteryx.blueprint import AlteryxBlueprint
from app.rest.dialects.granted import Granted, GrantedShown

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


@routes.post("/webapi/oauth2/token")
@auth.scope(auth.PUBLIC)
@routes.response(200, GrantedShown)
@routes.doc(requestBody=_FORM)
def issue_token() -> Granted:
    """A token for client id and secret, given in HTTP Basic or in the form"""
    text, lasts_s, _ = credentials.exchange(request)
    return Granted(text=text, lasts_s=lasts_s)
