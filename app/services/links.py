"""Links by which anybody may read one stored file for a while, without a token."""

from dataclasses import replace
from typing import Final

from app.domain.errors import NotFound, Unauthorized
from app.ports.records import Asset
from app.ports.store import Reader
from app.services.core import MICROSECONDS, Core

PREFIX: Final = "/v1/links/"
_PURPOSE: Final = "asset"


def link(core: Core, asset: Asset, lifetime_s: int, filename: str = "") -> str:
    """Good for so long from now; relative to the server's root. `filename` is what it is to be saved as."""
    now_us = core.store.read(lambda tx: tx.now_us)
    return link_until(core, asset, now_us + lifetime_s * MICROSECONDS, filename)


def link_until(core: Core, asset: Asset, expires_us: int, filename: str = "") -> str:
    return PREFIX + core.signer.sign(_PURPOSE, [asset.id, filename] if filename else asset.id, expires_us)


def by_link(core: Core, signed: str) -> Asset:
    """Raises NotFound, in the same words whatever is wrong."""

    def work(tx: Reader) -> Asset | None:
        try:
            named = core.signer.check(_PURPOSE, signed, tx.now_us)
        except Unauthorized:
            return None
        asset_id, filename = named if isinstance(named, list) else (named, "")
        asset = tx.asset(asset_id)
        return replace(asset, filename=filename) if asset and filename else asset

    found = core.store.read(work)
    if found is None:
        raise NotFound("this link leads nowhere: it has expired, was changed, or its file is gone")
    return found
