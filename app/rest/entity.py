"""Which version of a thing did the caller read? `ETag` out, `If-Match` and `If-None-Match` in.

A tag is `"<version>-<digest>"`: the version is what a change must name, the digest tells a poller whether anything at
all is different.
"""

import hashlib

from flask import Response, jsonify, request
from werkzeug.exceptions import PreconditionRequired

from app.domain.errors import Outdated

_DIGEST_BYTES = 6


def tag(response: Response, version: int) -> Response:
    """Tags the answer; to a GET whose reader has it already it becomes 304."""
    digest = hashlib.blake2b(response.get_data(), digest_size=_DIGEST_BYTES).hexdigest()
    response.set_etag(f"{version}-{digest}")
    if request.method in ("GET", "HEAD"):
        response.make_conditional(request)
    return response


def polled(document: object) -> Response:
    """A thing that is read again and again, and has no version: its tag is by content alone."""
    return tag(jsonify(document), 0)


def expected_version() -> int | None:
    """The version that If-Match names; None for `*`, which is any. Raises Outdated for one that cannot be."""
    if "If-Match" not in request.headers:
        raise PreconditionRequired("send If-Match with the ETag that a GET answered, or *")
    wanted = request.if_match
    if wanted.star_tag:
        return None
    versions = {each.partition("-")[0] for each in wanted.as_set()}
    if len(versions) != 1 or not (version := versions.pop()).isdecimal() or len(version) > 18:
        raise Outdated("If-Match names no version of this; send the ETag that a GET answered")
    return int(version)
