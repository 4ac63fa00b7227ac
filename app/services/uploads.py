"""Files that come in parts, by whoever has the parts' addresses: begun, sent part by part, completed.

What is to be made of the parts travels in the upload's id, which is signed; a part's address is signed too and needs no
token. A part is a loose blob until the upload is completed: what is never completed goes by itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from app.domain import filenames, limits
from app.domain.errors import Conflict, Invalid, NotFound, Problem, Unauthorized
from app.ports.blobs import Stored
from app.ports.records import Asset, LooseBlob
from app.ports.store import Reader, Writer
from app.services import assets, loose
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core
from app.services.loose import Received
from app.services.submit import choose_project

PARTS: Final = "/v1/uploads/parts/"
_UPLOAD, _PART = "upload", "part"
_QUOTE: Final = '"'
_LIFETIME_US: Final = (loose.UPLOAD_S - 3600) * MICROSECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """`links` are where the parts go by PUT, in their order, relative to the server's root."""

    upload_id: str
    links: tuple[str, ...]


def begin(
    core: Core,
    who: Principal,
    space: str,
    key: str,
    *,
    filename: str = "",
    media_type: str = "",
    project_id: str | None = None,
    parts: int = 1,
) -> Begun:
    """`space` and `key` may be empty, both. Raises Invalid."""
    who.require("jobs:write")
    assets.check_place(space, key)
    if not 1 <= parts <= limits.MAX_PARTS:
        raise Invalid([Problem("/parts", f"must be from 1 to {limits.MAX_PARTS}")])

    def look(tx: Reader) -> int:
        assets.check_project(tx, who, project_id)
        return tx.now_us

    now_us = core.store.read(look)
    asset_id, until_us = core.chance.new_id(now_us), now_us + _LIFETIME_US
    name = filenames.safe(filename or key)
    plan = [asset_id, who.org_id, project_id, space, key, name, media_type or assets.DEFAULT_TYPE]
    links = [PARTS + core.signer.sign(_PART, [asset_id, number], until_us) for number in range(1, parts + 1)]
    return Begun(upload_id=core.signer.sign(_UPLOAD, plan, until_us), links=tuple(links))


def put_part(core: Core, signed: str, source: Iterable[bytes]) -> str:
    """The part's ETag, which `complete` asks for again. Raises NotFound, Conflict, TooLarge."""
    asset_id, number = _read(core, _PART, signed)
    core.store.read(lambda tx: _check_open(tx, asset_id))
    received = loose.receive(core, source)

    def work(tx: Writer) -> None:
        _check_open(tx, asset_id)
        known = tx.lock_loose(received.blob)
        if known is None:
            raise Conflict("the part took too long; send it again")
        stored = received.stored
        part = replace(known, upload_id=asset_id, part=number, size=stored.size, checksum=stored.checksum)
        tx.save_loose([part])

    core.store.write(work)
    return received.stored.checksum.removeprefix("sha256:")


def complete(core: Core, who: Principal, upload_id: str, parts: Sequence[tuple[int, str]]) -> Asset:
    """`parts` are (number, ETag), as they were sent. Completed again it answers with the same asset.

    Raises NotFound for an id that is none, Invalid for parts that did not come, Conflict.
    """
    who.require("jobs:write")
    asset_id, org_id, project_id, space, key, filename, media_type = _read(core, _UPLOAD, upload_id)
    if org_id != who.org_id:
        raise NotFound("there is no such upload")
    made, come = core.store.write(lambda tx: (tx.asset(asset_id), tx.lock_parts(asset_id)))
    if made is not None:
        return made
    received = _join(core, _choose(come, parts))

    def work(tx: Writer) -> Asset:
        if made := tx.asset(asset_id):
            return made
        loose.bind(tx, received.blob)
        left = [part for part in tx.lock_parts(asset_id) if part.blob != received.blob]
        tx.save_loose([replace(part, upload_id="", part=0, due_at_us=tx.now_us) for part in left])
        keep_s = core.file_rules.keep_uploads_s
        asset = Asset(
            seq=tx.reserve("asset", 1),
            id=asset_id,
            org_id=org_id,
            project_id=choose_project(core, tx, who, project_id).id,
            filename=filename,
            size=received.stored.size,
            checksum=received.stored.checksum,
            media_type=media_type,
            created_at_us=tx.now_us,
            modified_at_us=tx.now_us,
            created_by=who.name,
            blob=received.blob,
            space=space,
            key=key,
            expires_at_us=None if keep_s is None else tx.now_us + keep_s * MICROSECONDS,
        )
        return assets.enter(tx, asset)

    return core.store.write(work)


def _choose(come: Sequence[LooseBlob], parts: Sequence[tuple[int, str]]) -> list[LooseBlob]:
    """The blobs that are meant, in the order of their numbers."""
    by_tag = {(part.part, part.checksum): part for part in come}
    chosen = []
    for index, (number, etag) in enumerate(parts):
        part = by_tag.get((number, f"sha256:{etag.strip(_QUOTE)}"))
        if part is None:
            raise Invalid([Problem(f"/parts/{index}", f"no part {number} with this ETag has come")])
        chosen.append(part)
    numbers = sorted(part.part for part in chosen)
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        raise Invalid([Problem("/parts", "must name each part from 1 to the last one, once")])
    return sorted(chosen, key=lambda part: part.part)


def _join(core: Core, parts: Sequence[LooseBlob]) -> Received:
    if len(parts) == 1:
        return Received(blob=parts[0].blob, stored=Stored(size=parts[0].size, checksum=parts[0].checksum))

    def pieces() -> Iterator[bytes]:
        for part in parts:
            yield from assets.pieces(core.blobs.open(part.blob))

    return loose.receive(core, pieces())


def _check_open(tx: Reader, asset_id: str) -> None:
    if tx.asset(asset_id) is not None:
        raise Conflict("this upload is complete; nothing more is taken")


def _read(core: Core, purpose: str, signed: str) -> Any:  # Any: what was signed, which is ours
    """Raises NotFound, in the same words whatever is wrong."""
    try:
        return core.store.read(lambda tx: core.signer.check(purpose, signed, tx.now_us))
    except Unauthorized:
        raise NotFound("there is no such upload, or its time is over") from None
