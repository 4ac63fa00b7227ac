"""A file comes in: as the whole body, or as the part `file` of a form. It is read piece by piece and never held whole.

Only a view that `takes_file` gets bodies larger than those of all others; the server asks for that before it reads one.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from flask import Flask, Request
from werkzeug.exceptions import HTTPException, UnsupportedMediaType
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData, Preamble

from app.domain.errors import Invalid, Malformed, Problem, TooLarge
from app.services.assets import DEFAULT_TYPE, PIECE

View = TypeVar("View", bound=Callable[..., Any])

FORM: Final = "multipart/form-data"
FRAME: Final = 1 << 20
"""Bytes that a form may have around its file."""

_FILE: Final = "file"
_MOST_PARTS: Final = 20
_LONGEST_FIELD: Final = 64 << 10
_LONGEST_TYPE: Final = 200


def takes_file(view: View) -> View:
    """Its body may be as large as a stored file."""
    view.takes_file = True  # type: ignore[attr-defined]  # read back by `body_limit`
    return view


def body_limit(app: Flask, usual: int, largest: int) -> Callable[[str, str], int]:
    """How large the body of a request with this method and path may be."""
    addresses = app.url_map.bind("localhost")

    def limit(method: str, path: str) -> int:
        try:
            endpoint, _ = addresses.match(path, method)
        except HTTPException:
            return usual
        return largest + FRAME if getattr(app.view_functions[endpoint], "takes_file", False) else usual

    return limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """`fields` are those before the file, which is the last part."""

    filename: str
    media_type: str
    fields: Mapping[str, str]
    pieces: Iterator[bytes]


def raw(request: Request) -> Iterator[bytes]:
    """The body as it is. Raises UnsupportedMediaType at once when it is packed."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("a file is sent as it is, without Content-Encoding")
    return _pieces(request)


def media_type(request: Request) -> str:
    return _media_type(request.content_type)


def form(request: Request) -> Form:
    """Raises UnsupportedMediaType, Malformed, Invalid."""
    boundary = request.mimetype_params.get("boundary", "")
    if request.mimetype != FORM or not boundary:
        raise UnsupportedMediaType(f"send Content-Type: {FORM} with a boundary, and the file as its part {_FILE!r}")
    events = _events(raw(request), boundary)
    fields: dict[str, str] = {}
    for event in events:
        if isinstance(event, Field):
            fields[event.name or ""] = _text(event.name, events)
        elif isinstance(event, File):
            if event.name != _FILE:
                raise Invalid([Problem(f"/{event.name}", f"is not the part {_FILE!r}, the only one that is a file")])
            kind = _media_type(event.headers.get("Content-Type"))
            return Form(filename=event.filename, media_type=kind, fields=fields, pieces=_file(events))
    raise Invalid([Problem(f"/{_FILE}", "is missing")])


def _pieces(request: Request) -> Iterator[bytes]:
    stream = request.stream
    while piece := stream.read(PIECE):
        yield piece


def _events(pieces: Iterator[bytes], boundary: str) -> Iterator[Event]:
    decoder = MultipartDecoder(boundary.encode("latin-1", "replace"), 4 * PIECE, max_parts=_MOST_PARTS)
    for piece in pieces:
        yield from _fed(decoder, piece)
    yield from _fed(decoder, None)


def _fed(decoder: MultipartDecoder, piece: bytes | None) -> Iterator[Event]:
    try:
        decoder.receive_data(piece)
        while not isinstance(event := decoder.next_event(), NeedData):
            if not isinstance(event, Preamble):
                yield event
            if isinstance(event, Epilogue):
                return
    except (ValueError, UnicodeDecodeError):
        raise Malformed(f"the body is not {FORM} as its boundary says, or it was cut off") from None


def _text(name: str | None, events: Iterator[Event]) -> str:
    content = b""
    for event in events:
        if isinstance(event, Data):
            content += event.data
            if len(content) > _LONGEST_FIELD:
                raise TooLarge(f"the field {name!r} may have at most {_LONGEST_FIELD} bytes")
            if not event.more_data:
                break
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Invalid([Problem(f"/{name}", "must be UTF-8")]) from None


def _file(events: Iterator[Event]) -> Iterator[bytes]:
    for event in events:
        if isinstance(event, Data):
            if event.data:
                yield event.data
            if not event.more_data:
                break
    for event in events:
        if isinstance(event, Field | File):
            raise Invalid([Problem(f"/{event.name}", f"must come before the part {_FILE!r}")])


def _media_type(text: str | None) -> str:
    text = (text or "").strip()
    return text if text.isprintable() and text.isascii() and 0 < len(text) <= _LONGEST_TYPE else DEFAULT_TYPE
