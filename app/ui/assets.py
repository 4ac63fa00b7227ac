"""The dashboard's own files: scripts, styles, icons. Read once at the start, served from memory under one hash.

    /ui/static/<hash of all of them>/<path>     kept by browsers for a year: another content has another address

Modules import each other by relative paths, so that they all have the hash of the page that began with them.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from flask import Response, request
from werkzeug.exceptions import NotFound

ADDRESS: Final = "/ui/static"
_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
_KEPT: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class File:
    media_type: str
    plain: bytes
    packed: bytes


class Files:
    def __init__(self) -> None:
        self._files = dict(_read(resources.files("app.ui") / "static", ""))
        total = hashlib.blake2b(digest_size=6)
        for path, file in sorted(self._files.items()):
            total.update(path.encode() + b"\0" + hashlib.blake2b(file.plain).digest())
        self.hash: Final = total.hexdigest()

    def address(self, path: str) -> str:
        """Raises KeyError for a file that is not there: a page never names one."""
        self._files[path]
        return f"{ADDRESS}/{self.hash}/{path}"

    def serve(self, hash_: str, path: str) -> Response:
        file = self._files.get(path)
        if file is None or hash_ != self.hash:
            raise NotFound
        response = Response(mimetype=None, content_type=file.media_type)
        response.headers["Cache-Control"] = _KEPT
        response.headers["Vary"] = "Accept-Encoding"
        packed = request.accept_encodings["gzip"] > 0
        response.set_etag(f"{self.hash}-{'z' if packed else 'p'}")
        if packed:
            response.headers["Content-Encoding"] = "gzip"
        response.set_data(file.packed if packed else file.plain)
        response.make_conditional(request)
        return response

    def packed_sizes(self) -> Mapping[str, int]:
        return {path: len(file.packed) for path, file in self._files.items()}


def _read(folder: Traversable, prefix: str) -> list[tuple[str, File]]:
    found = []
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        kind = _TYPES.get(entry.name.rpartition(".")[2])
        if entry.is_dir():
            found += _read(entry, f"{path}/")
        elif kind is not None:
            content = entry.read_bytes()
            found.append((path, File(kind, content, gzip.compress(content, 9, mtime=0))))
    return found
