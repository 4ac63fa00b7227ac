"""Stored files: uploaded, listed, read, given away by link, deleted."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import BinaryIO, Final

from app.domain import filenames, limits
from app.domain.errors import Conflict, Invalid, NotFound, Problem
from app.ports.records import Asset, Page
from app.ports.store import Reader, Writer
from app.services import links, loose
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core
from app.services.submit import choose_project
from app.wire.outputs import ASSET_SCHEME

PIECE: Final = 256 << 10
"""Bytes that are read and sent at once."""

DEFAULT_TYPE: Final = "application/octet-stream"
_REPLACED_S: Final = 24 * 3600
"""How long an asset stays whose place in its space another one has taken: somebody may be reading it."""

link = links.link


def uri(asset: Asset) -> str:
    """What names it as an input's source."""
    return ASSET_SCHEME + asset.id


def pieces(file: BinaryIO) -> Iterator[bytes]:
    with closing(file):
        while piece := file.read(PIECE):
            yield piece


def upload(
    core: Core,
    who: Principal,
    *,
    filename: str,
    media_type: str,
    source: Iterable[bytes],
    project_id: str | None = None,
    space: str = "",
    key: str = "",
) -> Asset:
    """The file, once all of it is safe. In a space it takes the place of the one that had its key.

    `source` gives pieces of any size: `pieces(file)` makes them of a file. Raises Invalid, TooLarge, Unavailable.
    """
    who.require("jobs:write")
    check_place(space, key)
    core.store.read(lambda tx: check_project(tx, who, project_id))
    received = loose.receive(core, source)

    def work(tx: Writer) -> Asset:
        loose.bind(tx, received.blob)
        now_us = tx.now_us
        keep_s = core.file_rules.keep_uploads_s
        asset = Asset(
            seq=tx.reserve("asset", 1),
            id=core.chance.new_id(now_us),
            org_id=who.org_id,
            project_id=choose_project(core, tx, who, project_id).id,
            filename=filenames.safe(filename),
            size=received.stored.size,
            checksum=received.stored.checksum,
            media_type=media_type or DEFAULT_TYPE,
            created_at_us=now_us,
            modified_at_us=now_us,
            created_by=who.name,
            blob=received.blob,
            expires_at_us=None if keep_s is None else now_us + keep_s * MICROSECONDS,
        )
        return enter(tx, replace(asset, space=space, key=key))

    return core.store.write(work)


def enter(tx: Writer, asset: Asset) -> Asset:
    """A new asset, in its space too."""
    if asset.space and (former := tx.asset_in_space(asset.org_id, asset.space, asset.key)):
        gone_us = asset.created_at_us + _REPLACED_S * MICROSECONDS
        soonest = min(former.expires_at_us or gone_us, gone_us)
        tx.save_asset(replace(former, space="", key="", expires_at_us=soonest))
    tx.insert_asset(asset)
    return asset


def check_place(space: str, key: str) -> None:
    """Raises Invalid."""
    if bool(space) != bool(key):
        raise Invalid([Problem("", "a space and a key in it are given together")])
    for name, text in (("space", space), ("key", key)):
        if text and (wrong := filenames.problem(text, limits.MAX_PATH)):
            raise Invalid([Problem("", f"the {name} {wrong}")])


def check_project(tx: Reader, who: Principal, project_id: str | None) -> None:
    """Before the first byte is read. Raises Invalid."""
    if project_id is not None and all(project.id != project_id for project in tx.projects(who.org_id)):
        raise Invalid([Problem("", "there is no such project; GET /v1/projects lists them")])


def find_asset(tx: Reader, who: Principal, asset_id: str) -> Asset:
    """Raises NotFound, also when it is another organization's."""
    found = tx.asset(asset_id)
    if found is None or found.org_id != who.org_id:
        raise NotFound("there is no such asset")
    return found


def asset(core: Core, who: Principal, asset_id: str) -> Asset:
    who.require("jobs:read")
    return core.store.read(lambda tx: find_asset(tx, who, asset_id))


def listing(
    core: Core,
    who: Principal,
    page: Page,
    *,
    project_id: str | None = None,
    space: str | None = None,
    key: str | None = None,
) -> list[Asset]:
    """Newest first, uploads and outputs. With a key the one that has it in the space, if there is one."""
    who.require("jobs:read")
    if space and key:
        found = core.store.read(lambda tx: tx.asset_in_space(who.org_id, space, key))
        wanted = found is not None and not page.after and project_id in (None, found.project_id)
        return [found] if found and wanted else []
    return core.store.read(lambda tx: tx.assets(who.org_id, page, project_id=project_id, space=space))


def content(core: Core, who: Principal, asset_id: str, start: int = 0) -> Iterator[bytes]:
    """The bytes from this one on, in pieces."""
    return pieces(core.blobs.open(asset(core, who, asset_id).blob, start))


def delete(core: Core, who: Principal, asset_id: str) -> None:
    """Its bytes go with the sweep. Raises Conflict while a job that has not ended needs it."""
    who.require("jobs:write")

    def work(tx: Writer) -> None:
        find_asset(tx, who, asset_id)
        held = tx.lock_assets([asset_id])
        if tx.assets_in_use([each.seq for each in held]):
            raise Conflict("a job that has not ended needs this asset; delete it when the job has ended")
        tx.delete_assets(held)

    core.store.write(work)
