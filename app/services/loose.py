"""Bytes on their way in and out: from the first byte of an upload to the asset that has them, and from the deletion of
an asset to the end of its bytes.

The store knows of a blob before the first byte is written, as a loose one that goes when it is due. The transaction
that makes an asset takes it from the loose ones; the one that deletes the asset gives it back. So whichever process is
killed, nothing is lost that an asset has, and nothing stays for ever that none has.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from app.domain.errors import Conflict, Unavailable
from app.ports.blobs import Stored
from app.ports.records import LooseBlob
from app.ports.store import Reader, Writer
from app.services.core import MICROSECONDS, Core

UPLOAD_S: Final = 24 * 3600
"""How long the bytes of an upload may wait for the asset that they become."""

_SLACK_US: Final = 600 * MICROSECONDS
"""An upload this close to its end is refused: the sweep may be at it before this transaction ends."""

_AT_ONCE: Final = 50
_SWEEP_US: Final = 10 * MICROSECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """Bytes that have come in whole, and that no asset has yet."""

    blob: str
    stored: Stored


def receive(core: Core, pieces: Iterable[bytes]) -> Received:
    """Raises TooLarge, Unavailable, and what `pieces` raises."""

    def begin(tx: Writer) -> str:
        blob = core.chance.new_id(tx.now_us)
        tx.save_loose([LooseBlob(blob=blob, due_at_us=tx.now_us + UPLOAD_S * MICROSECONDS)])
        return blob

    blob = core.store.write(begin)
    try:
        return Received(blob=blob, stored=core.blobs.put(blob, pieces, core.file_rules.largest))
    except BaseException:
        with suppress(Unavailable):  # then the sweep forgets it
            core.store.write(lambda tx: tx.forget_blobs([blob]))
        raise


def bind(tx: Writer, blob: str) -> None:
    """From here on an asset has it. Raises Conflict when its time is over."""
    loose = tx.lock_loose(blob)
    if loose is None or loose.due_at_us < tx.now_us + _SLACK_US:
        raise Conflict(f"the upload took longer than {UPLOAD_S // 3600} hours; send the file again")
    tx.forget_blobs([blob])


def sweep(core: Core) -> int:
    """Delete files whose time is over and blobs that are due, until none is or a while has passed. How many blobs went.
    Several may do it at once. Raises Unavailable.
    """
    _expire(core)
    gone, until_us = 0, core.store.read(lambda tx: tx.now_us) + _SWEEP_US
    while True:
        now_us, blobs = core.store.read(_due)
        if not blobs or now_us > until_us:
            return gone
        for blob in blobs:
            core.blobs.delete(blob)
        _forget(core, blobs)
        gone += len(blobs)


def _due(tx: Reader) -> tuple[int, list[str]]:
    return tx.now_us, tx.due_blobs(tx.now_us + 1, _AT_ONCE)


def _forget(core: Core, blobs: list[str]) -> None:
    core.store.write(lambda tx: tx.forget_blobs(blobs))


def _expire(core: Core) -> None:
    """A job may be submitted with one of them at this moment, so that they are looked at again once they are held."""
    over = core.store.read(lambda tx: tx.expired_assets(_AT_ONCE))
    if not over:
        return

    def work(tx: Writer) -> None:
        held = tx.lock_assets([asset.id for asset in over])
        needed = tx.assets_in_use([asset.seq for asset in held])
        tx.delete_assets([asset for asset in held if asset.seq not in needed])

    core.store.write(work)
