"""What a program is started with: read from the payload of a `command`, or made by a declared executor."""

import json
from dataclasses import dataclass

from app.wire.codec import Json, WireError, each, escape, maybe

LOADER = ("LD_", "DYLD_")
"""Variables that change how programs are loaded. A task may not set them, an operator may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be started: the payload of a `command`, or what a declared executor made of its parameters.

    `network` and `readable` are for the sandbox: None is what the node allows, `readable` are more folders to see.
    """

    argv: tuple[str, ...]
    env: dict[str, str]
    stdin: str | None
    success_codes: tuple[int, ...]
    network: bool | None = None
    readable: tuple[str, ...] = ()

    @classmethod
    def from_payload(cls, payload: Json) -> "Order":
        """Raises WireError."""
        if not isinstance(payload, dict):
            raise WireError("", 'must be an object such as {"argv": ["program", "argument"]}')
        argv = each({"argv": _list(payload.get("argv"))}, "argv", _word)
        if not argv or not argv[0]:
            raise WireError("/argv", "must be a list of strings that begins with the program")
        env = maybe(payload, "env", dict) or {}
        for name, value in env.items():
            if not isinstance(value, str) or "=" in name or "\0" in name + value:
                raise WireError(f"/env/{escape(name)}", "must be a string, and a name has no '='")
            if name.startswith(LOADER):
                raise WireError(f"/env/{escape(name)}", f"must not begin with {', '.join(LOADER)}")
        codes = payload.get("successCodes", [0])
        if not isinstance(codes, list) or not all(type(code) is int for code in codes):
            raise WireError("/successCodes", "must be a list of integers")
        if any("\0" in word for word in argv):
            raise WireError("/argv", "must not hold a zero byte")
        return cls(argv=argv, env=env, stdin=_text(payload.get("stdin")), success_codes=tuple(codes))


def _word(value: Json) -> str:
    """An argument. A reference may have brought in what is no string: it is written as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _list(value: Json) -> Json:
    """The arguments. A reference may have brought in a text that holds them in JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _text(value: Json) -> str | None:
    return None if value is None else _word(value)
