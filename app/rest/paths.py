"""Where may a run's file lie? Paths of inputs and outputs, relative to the run's scratch folder, and what inputs may be
fetched from. The node checks again when it opens them; a link in between is its matter.
"""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from app.domain import limits
from app.domain.references import MARK

SCHEMES: Final = ("https", "http", "s3", "gs", "flotilla", "data")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def normal(path: str) -> str:
    """Without empty parts and `.`; `a//./b` is `a/b`."""
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def path_problem(path: object) -> str | None:
    """What is wrong with it; None when nothing is. A backslash is a character like any other."""
    if not isinstance(path, str):
        return "must be a string"
    if len(path) > limits.MAX_PATH:
        return f"must have at most {limits.MAX_PATH} characters, not {len(path)}"
    if _CONTROL.search(path):
        return "must have no control characters"
    if path.startswith("/"):
        return "must be relative to the run's folder, without a leading /"
    if ".." in path.split("/"):
        return "must not leave the run's folder: .. is not allowed"
    if not normal(path):
        return "must name a file"
    return None


def collisions(paths: Iterable[str]) -> Iterable[tuple[int, str]]:
    """(index, what is wrong) of each path that is another's twin, or lies below another as if that were a folder."""
    normals = [normal(path) for path in paths]
    first: dict[str, int] = {}
    for index, path in enumerate(normals):
        if first.setdefault(path, index) != index:
            yield index, f"is the same path as that of number {first[path]}"
    for index, path in enumerate(normals):
        parts = path.split("/")
        for count in range(1, len(parts)):
            if (other := first.get("/".join(parts[:count]))) is not None:
                yield index, f"lies below the path of number {other}, which is a file"


def uri_problem(uri: object) -> str | None:
    """What can be known without resolving a name. A reference is judged when it is resolved."""
    if not isinstance(uri, str) or not uri:
        return "must be a string that is not empty"
    if len(uri) > limits.MAX_PATH and not uri.startswith("data:"):
        return f"must have at most {limits.MAX_PATH} characters, not {len(uri)}"
    if MARK in uri:
        return None
    if _CONTROL.search(uri):
        return "must have no control characters"
    try:
        parts = urlsplit(uri)
        credentials = parts.username is not None or parts.password is not None
    except ValueError as wrong:
        return f"is not a URI: {wrong}"
    if parts.scheme not in SCHEMES:
        return f"must be a URI with one of the schemes {', '.join(SCHEMES)}"
    if credentials:
        return "must have no user name or password in it"
    if parts.scheme in ("s3", "gs") and ".." in parts.path.split("/"):
        return "must not have .. in its path"
    return None
