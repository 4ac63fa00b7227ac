"""Where does the caller reach us? For addresses in answers that are used as they are."""

from flask import request


def absolute(path: str) -> str:
    return request.host_url.rstrip("/") + path
