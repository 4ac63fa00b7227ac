"""A file goes out: whole or a range of it, never as something that a browser would run.

Where the server can send a file by itself, it does: a slow reader then holds no thread.
"""

from collections.abc import Iterator
from contextlib import closing
from io import BufferedReader
from typing import BinaryIO, Final
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from app.ports.records import Asset
from app.services.assets import PIECE
from app.services.core import Core

_POLICY: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"
_SENDER: Final = "wsgi.file_wrapper"


def answer(core: Core, asset: Asset) -> Response:
    """200, 206 for one range, 304 for who has it already. Raises RequestedRangeNotSatisfiable, NotFound."""
    response = Response(mimetype=None)
    response.headers["Content-Type"] = asset.media_type
    response.headers["Content-Disposition"] = disposition(asset.filename)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = "private, no-cache"
    response.set_etag(asset.checksum.removeprefix("sha256:"))
    if request.if_none_match.contains(response.get_etag()[0] or ""):
        response.status_code = 304
        return response
    start, stop = _window(response, asset.size)
    response.content_length = stop - start
    if request.method != "HEAD":
        response.direct_passthrough = True
        response.response = _sent(core.blobs.open(asset.blob, start), stop - start)
    return response


def disposition(filename: str) -> str:
    """For saving, never for showing; the name in full for all readers of this century, in ASCII for the others."""
    plain = "".join(char if char.isascii() and char.isprintable() and char not in '"\\%' else "_" for char in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _window(response: Response, size: int) -> tuple[int, int]:
    """What is wanted of it. A request for several ranges gets all of it, as is allowed."""
    wanted = request.range
    unchanged = request.if_range.etag in (None, response.get_etag()[0]) and request.if_range.date is None
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1 or not unchanged:
        return 0, size
    window = wanted.range_for_length(size)
    if window is None:
        raise RequestedRangeNotSatisfiable(size)
    response.status_code = 206
    response.headers["Content-Range"] = f"bytes {window[0]}-{window[1] - 1}/{size}"
    return window


def _sent(file: BinaryIO, count: int) -> Iterator[bytes]:
    send = request.environ.get(_SENDER)
    if send is not None and isinstance(file, BufferedReader):
        sent: Iterator[bytes] = send(file, PIECE)  # it obeys Content-Length
        return sent
    return _pieces(file, count)


def _pieces(file: BinaryIO, count: int) -> Iterator[bytes]:
    with closing(file):
        while count > 0 and (piece := file.read(min(PIECE, count))):
            count -= len(piece)
            yield piece
