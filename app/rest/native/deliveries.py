"""What was sent to a job's webhooks, and what the receivers said."""

from collections.abc import Mapping
from typing import Any

from app.ports.hooks import Delivery
from app.ports.records import Page
from app.rest import auth
from app.rest.context import core, who
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.schemas.delivery_out import DeliveryShown, SecretShown
from app.rest.native.schemas.queries import PageQuery
from app.rest.paging import Listing, window
from app.services import deliveries

routes = NativeBlueprint("webhooks", __name__, description="Who is told when jobs and tasks end")

READ, WRITE, ADMIN = auth.scope("jobs:read"), auth.scope("jobs:write"), auth.scope("org:admin")


@routes.get("/v1/jobs/<id:job_id>/deliveries")
@READ
@routes.arguments(PageQuery, location="query")
@routes.listing(DeliveryShown)
def list_deliveries(asked: Mapping[str, Any], job_id: str) -> Listing[Delivery]:
    """What was sent to a job's webhooks, oldest first; kept for a month"""

    def read(page: Page) -> list[Delivery]:
        return deliveries.listing(core(), who(), job_id, page)

    return window(asked, read, key=lambda each: (each.seq,))


@routes.post("/v1/jobs/<id:job_id>/deliveries/<id:delivery_id>/redeliver")
@WRITE
@routes.response(200, DeliveryShown)
def redeliver(job_id: str, delivery_id: str) -> Delivery:
    """Send it again, now"""
    return deliveries.again(core(), who(), job_id, delivery_id)


@routes.get("/v1/webhooks/secret")
@ADMIN
@routes.response(200, SecretShown)
def read_webhook_secret() -> str:
    """What webhooks without a secret of their own are signed with

    `X-Flotilla-Signature` is `t=<seconds since 1970>,v1=<HMAC-SHA256 in hex>`, made with the secret of the time, a full
    stop and the body. Compare in constant time, and refuse a time that is minutes away.
    """
    return deliveries.shown_secret(core(), who())
