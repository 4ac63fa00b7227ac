"""Files by the space and the key they were uploaded under."""

from collections.abc import Collection

from app.domain.errors import NotFound
from app.ports.records import Asset
from app.services.access import Principal
from app.services.core import Core


def in_space(core: Core, who: Principal, space: str, keys: Collection[str]) -> list[Asset]:
    """In the order asked for. Raises NotFound when one of them is not there."""
    who.require("jobs:read")
    found = core.store.read(lambda tx: {asset.key: asset for asset in tx.assets_in_space(who.org_id, space, keys)})
    if missing := [key for key in keys if key not in found]:
        raise NotFound(f"there is no {missing[0][:100]!r} in this space")
    return [found[key] for key in keys]
