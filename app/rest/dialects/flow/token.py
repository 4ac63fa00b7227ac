"""A token for client credentials, without which no client of the service begins."""

from flask import request

from app.rest import auth, credentials
from app.rest.dialects.flow.blueprint import FlowBlueprint
from app.rest.dialects.granted import Granted, GrantedShown

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


@routes.post("/authentication/v2/token")
@auth.scope(auth.PUBLIC)
@routes.doc(requestBody=_BODY)
@routes.response(200, GrantedShown)
def create_token() -> Granted:
    """A short-lived token, for any client id with a token of this installation as its secret"""
    text, lasts_s, _ = credentials.exchange(request)
    return Granted(text=text, lasts_s=lasts_s)
