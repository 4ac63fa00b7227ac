"""What does the source of an input mean, and who fetches it? One function for each kind that is not HTTP.

`s3:` and `gs:` go through fsspec where the node has the package for it; credentials are the node's own, by the
environment. `file:` reads below the operator's folders alone.
"""

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from worker.stage import beneath
from worker.stage.arrive import Arrival, Fetched, FetchError, LaterError
from worker.stage.copying import BLOCK_BYTES
from worker.stage.fetch import TRIES, OnTag, patiently
from worker.stage.leash import OutOfTime, Pulled

MOST_DATA_BYTES = 1024 * 1024
BUCKETS = {"s3": "s3", "gs": "gcs"}
"""Scheme to the extra that has its package."""


def file(uri: str, arrival: Arrival) -> Fetched:
    """Through no link below the folder."""
    parts = urlsplit(uri)
    if parts.netloc not in ("", "localhost"):
        raise FetchError("a file: URI names no other host")
    path, roots = Path(unquote(parts.path)), arrival.rules.file_roots
    root = next((root for root in roots if path.is_relative_to(root)), None)
    if root is None:
        known = ", ".join(map(str, roots)) or "none"
        raise FetchError(f"{path} lies in no folder that is open for file: here; open: {known} (FLOTILLA_FILE_ROOTS)")
    try:
        with (
            beneath.opened(root, str(path.relative_to(root))) as (descriptor, size),
            open(descriptor, "rb", closefd=False) as source,
        ):
            return arrival.take(_blocks(source), size)
    except beneath.PathError as wrong:
        raise FetchError(f"{path} {wrong}") from None


def data(uri: str, arrival: Arrival) -> Fetched:
    """What the URI itself holds."""
    head, comma, text = uri[len("data:") :].partition(",")
    if not comma:
        raise FetchError("a data: URI has the form data:[type][;base64],content")
    content = unquote_to_bytes(text)
    if head.endswith(";base64"):
        try:
            content = base64.b64decode(content, validate=True)
        except binascii.Error:
            raise FetchError("the content of the data: URI is not base64") from None
    if len(content) > MOST_DATA_BYTES:
        raise FetchError(f"a data: URI may hold {MOST_DATA_BYTES >> 20} MiB; upload larger content as an asset")
    return arrival.take([content], len(content))


def bucket(uri: str, arrival: Arrival, *, tag: str, on_tag: OnTag) -> Fetched:
    scheme, parts = uri.partition(":")[0], urlsplit(uri)
    if ".." in parts.path.split("/") or not parts.netloc or not parts.path.strip("/"):
        raise FetchError(f"{scheme}: URIs have the form {scheme}://bucket/key, without ..")
    system = _filesystem(scheme)
    return patiently(
        lambda: arrival.leash.aside(lambda: _from_bucket(system, uri, arrival, tag, on_tag)), arrival, TRIES
    )


def _filesystem(scheme: str) -> Any:
    import fsspec

    try:
        return fsspec.filesystem(scheme)
    except (ImportError, ValueError):
        extra = BUCKETS[scheme]
        raise FetchError(f"this node cannot read {scheme}: URIs; install flotilla[{extra}] there") from None


def _from_bucket(system: Any, uri: str, arrival: Arrival, known: str, on_tag: OnTag) -> Fetched:
    place = f"{uri.partition(':')[0]}://{urlsplit(uri).netloc}"
    try:
        info = system.info(uri)
        tag = str(info.get("ETag") or info.get("etag") or "")
        if tag and tag == known:
            return Fetched(tag=tag, same=True)
        on_tag(tag)
        with system.open(uri, "rb") as source:
            return arrival.take(_blocks(source), info.get("size"), tag)
    except FileNotFoundError:
        raise FetchError(f"{place} has no such object") from None
    except PermissionError:
        raise FetchError(f"{place} may not be read with this node's credentials") from None
    except (FetchError, Pulled, OutOfTime):
        raise
    except OSError as problem:
        raise LaterError(f"{place} cannot be read: {type(problem).__name__}") from None
    except Exception as problem:  # each store has exceptions of its own
        raise FetchError(f"{place} cannot be read: {type(problem).__name__}") from None


def _blocks(source: Any) -> Iterator[bytes]:
    while data := source.read(BLOCK_BYTES):
        yield data
