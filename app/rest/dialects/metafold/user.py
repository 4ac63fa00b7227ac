"""The caller's license, quota and usage, which one of the clients shows: nothing expires here and nothing runs out."""

from typing import Final

from flask import Response
from marshmallow import fields

from app.rest import auth
from app.rest.context import core, who
from app.rest.dialects.metafold.blueprint import MetafoldBlueprint, answer
from app.rest.dialects.metafold.dates import shown
from app.rest.native.schemas.shown import Shown
from app.services import finding

routes = MetafoldBlueprint("metafold_user", __name__, description="The caller")

READ = auth.scope("jobs:read")

PRODUCT: Final = "Flotilla"
_NEVER_US: Final = 253_402_214_400 * 1_000_000
_NO_END: Final = 2**53 - 1


class LicenseShown(Shown):
    issued = fields.String(required=True)
    expires = fields.String(required=True, metadata={"description": "The last day of the year 9999."})
    expired = fields.Boolean(required=True)
    product = fields.String(required=True)


class CountsShown(Shown):
    project = fields.Integer(required=True, metadata={"description": "Projects."})
    import_ = fields.Integer(required=True, data_key="import", metadata={"description": "Uploaded files."})
    export = fields.Integer(required=True, metadata={"description": "Output files."})
    simulation = fields.Integer(required=True, metadata={"description": "Workflows and jobs by themselves."})


@routes.get("/user/license")
@READ
@routes.response(200, LicenseShown)
def read_license() -> Response:
    """A license without end"""
    issued = shown(finding.founded_at_us(core(), who()))
    return answer({"issued": issued, "expires": shown(_NEVER_US), "expired": False, "product": PRODUCT})


@routes.get("/user/quota")
@READ
@routes.response(200, CountsShown)
def read_quota() -> Response:
    """What is left: there is no end to it, which is shown as the largest number that every client reads exactly"""
    return answer(dict.fromkeys(("project", "import", "export", "simulation"), _NO_END))


@routes.get("/user/usage")
@READ
@routes.response(200, CountsShown)
def read_usage() -> Response:
    """What there is now"""
    found = finding.tally(core(), who())
    counts = {"project": found.projects, "import": found.uploads, "export": found.outputs, "simulation": found.jobs}
    return answer(counts)
