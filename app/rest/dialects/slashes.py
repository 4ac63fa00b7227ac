"""Which address is meant by one with doubled or trailing slashes? Below the dialects only: clients send such ones."""

from collections.abc import Iterable
from re import compile as pattern
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_DOUBLED: Final = pattern(r"/{2,}")


class Slashes:
    """A WSGI application that puts the address in order for the one inside, below `prefixes`."""

    def __init__(self, app: "WSGIApplication", prefixes: Iterable[str]) -> None:
        self._app = app
        self._prefixes = tuple(prefix.rstrip("/") for prefix in prefixes)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if "//" in path or (path.endswith("/") and path != "/"):
            meant = _DOUBLED.sub("/", path).rstrip("/")
            if any(meant == prefix or meant.startswith(prefix + "/") for prefix in self._prefixes):
                environ["PATH_INFO"] = meant
        return self._app(environ, start_response)
