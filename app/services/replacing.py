"""A stored file gets other bytes and keeps its id."""

from collections.abc import Iterable
from dataclasses import replace

from app.domain import filenames
from app.domain.errors import Conflict
from app.ports.records import Asset, LooseBlob
from app.ports.store import Writer
from app.services import loose
from app.services.access import Principal
from app.services.assets import DEFAULT_TYPE, find_asset
from app.services.core import Core


def replace_content(
    core: Core, who: Principal, asset_id: str, *, filename: str, media_type: str, source: Iterable[bytes]
) -> Asset:
    """Raises NotFound, TooLarge, and Conflict while a job that has not ended needs the bytes that are there."""
    who.require("jobs:write")
    core.store.read(lambda tx: find_asset(tx, who, asset_id))
    received = loose.receive(core, source)

    def work(tx: Writer) -> Asset:
        find_asset(tx, who, asset_id)
        (asset,) = tx.lock_assets([asset_id])
        if tx.assets_in_use([asset.seq]):
            raise Conflict("a job that has not ended needs this asset; change it when the job has ended")
        loose.bind(tx, received.blob)
        tx.save_loose([LooseBlob(blob=asset.blob, due_at_us=tx.now_us)])
        changed = replace(
            asset,
            filename=filenames.safe(filename) if filename else asset.filename,
            size=received.stored.size,
            checksum=received.stored.checksum,
            blob=received.blob,
            media_type=media_type or DEFAULT_TYPE,
            modified_at_us=tx.now_us,
        )
        tx.save_asset(changed)
        return changed

    return core.store.write(work)
