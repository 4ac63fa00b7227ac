"""One line of the table of routes, and the scopes by short names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

READ, WRITE, LISTEN = "jobs:read", "jobs:write", "messages:read"
ADMIN, SYSTEM, FLEET, NODE, SELF = "org:admin", "system:admin", "nodes:admin", "runs:report", "runs:self"

REFUSALS: Final = {"/api/": (403, 403), "/webapi/": (401, 401)}
"""Below a prefix, what who has no token is answered with, and what who has one without the scope; else 401 and 403."""

FILE = {"Content-Type": "multipart/form-data; boundary=b"}
FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nhi\r\n--b--\r\n'

SHARED: Final = frozenset({"node_id", "queue", "space", "name", "resource"})
"""Names in an address that are no organization's own: the fleet is everybody's, and queues go by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    scope: str
    body: Any = None
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def route(scope: str, body: Any = None, **more: Any) -> Route:
    return Route(scope=scope, body=body, **more)


def refusals(rule: str) -> tuple[int, int]:
    return next((both for prefix, both in REFUSALS.items() if rule.startswith(prefix)), (401, 403))
