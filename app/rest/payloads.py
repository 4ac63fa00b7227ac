"""Is a payload one that its executor can run? Only `command` and `python` are ours to judge.

For 100,000 tasks: a few microseconds each, so by hand and not by a schema.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import orjson

from app.domain import limits
from app.domain.references import MARK

Found = Iterator[tuple[str, str]]
"""(pointer into the payload, what is wrong)"""

_COMMAND_KEYS: Final = frozenset({"argv", "env", "stdin", "successCodes"})
_PYTHON_KEYS: Final = frozenset({"callable", "arguments"})
_LOADER: Final = ("LD_", "DYLD_")


def problems(executor: str, payload: Any) -> Found:
    size = len(orjson.dumps(payload))
    if size > limits.MAX_PAYLOAD_BYTES:
        yield "", f"has {size} bytes of JSON; at most {limits.MAX_PAYLOAD_BYTES} are allowed"
    elif judge := _JUDGES.get(executor):
        yield from judge(payload)


def _command(payload: Any) -> Found:
    if not isinstance(payload, dict) or "argv" not in payload:
        yield "", 'must be an object with "argv", the program and its arguments'
        return
    yield from _unknown(payload, _COMMAND_KEYS)
    argv = payload["argv"]
    if isinstance(argv, str) and MARK in argv:
        pass  # becomes what it refers to
    elif not isinstance(argv, list) or not argv:
        yield "/argv", "must be an array with the program and its arguments"
    else:
        for index, word in enumerate(argv):
            if not isinstance(word, str) or "\0" in word:
                yield f"/argv/{index}", "must be a string without NUL"
    if "env" in payload:
        yield from _environment(payload["env"])
    if "stdin" in payload and not isinstance(payload["stdin"], str):
        yield "/stdin", "must be a string"
    if "successCodes" in payload:
        yield from _codes(payload["successCodes"])


def _environment(env: Any) -> Found:
    if not isinstance(env, dict):
        yield "/env", "must be an object of names and strings"
        return
    if len(env) > limits.MAX_ENV_VARIABLES:
        yield "/env", f"has {len(env)} variables; at most {limits.MAX_ENV_VARIABLES} are allowed"
        return
    if len(orjson.dumps(env)) > limits.MAX_ENV_BYTES:
        yield "/env", f"must have at most {limits.MAX_ENV_BYTES} bytes"
        return
    for name, value in env.items():
        place = "/env/" + name.replace("~", "~0").replace("/", "~1")
        if not name or "=" in name or "\0" in name:
            yield place, "must have a name that is not empty, without = and NUL"
        elif name.startswith(_LOADER):
            yield place, f"must not begin with {', '.join(_LOADER)}: these change how programs are loaded"
        elif not isinstance(value, str) or "\0" in value:
            yield place, "must be a string without NUL"


def _codes(codes: Any) -> Found:
    if not isinstance(codes, list) or not codes:
        yield "/successCodes", "must be an array of exit codes"
        return
    for index, code in enumerate(codes):
        if type(code) is not int or not 0 <= code <= 255:
            yield f"/successCodes/{index}", "must be an integer from 0 to 255"


def _python(payload: Any) -> Found:
    if not isinstance(payload, dict) or "callable" not in payload:
        yield "", 'must be an object with "callable", the name of a registered callable'
        return
    yield from _unknown(payload, _PYTHON_KEYS)
    name = payload["callable"]
    if not isinstance(name, str) or not 1 <= len(name) <= limits.MAX_EXECUTOR_NAME:
        yield "/callable", f"must be a string of 1 to {limits.MAX_EXECUTOR_NAME} characters"
    arguments = payload.get("arguments", {})
    if not isinstance(arguments, dict) and not (isinstance(arguments, str) and MARK in arguments):
        yield "/arguments", "must be an object"


def _unknown(payload: Mapping[str, Any], known: frozenset[str]) -> Found:
    for key in payload:
        if key not in known:
            place = key.replace("~", "~0").replace("/", "~1")
            yield f"/{place}", f"is not a key of this payload; allowed are {', '.join(sorted(known))}"


_JUDGES: Final[Mapping[str, Callable[[Any], Found]]] = {"command": _command, "python": _python}
