"""What a task asks to be run, as a page shows it: a command as one would type it, its environment, and the rest."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.domain.task import TaskSpec
from app.ui.veil import name_is_secret, veiled, veiled_text, veiled_words
from app.wire.masking import HIDDEN

_LONGEST: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    name: str
    value: str
    hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`command` is empty where the payload is no command; `rest` is what else is in it, None when that is nothing."""

    command: str
    variables: Sequence[Variable]
    rest: Any  # JSON


def asked(spec: TaskSpec) -> Asked:
    payload = spec.payload
    if not isinstance(payload, dict):
        return Asked(command="", variables=(), rest=veiled(payload))
    argv, env = payload.get("argv"), payload.get("env")
    is_command = isinstance(argv, list) and all(isinstance(word, str) for word in argv)
    shown = {"argv"} if is_command else set()
    shown |= {"env"} if isinstance(env, dict) else set()
    rest = {name: value for name, value in payload.items() if name not in shown}
    return Asked(
        command=shlex.join(veiled_words(argv or []))[:_LONGEST] if is_command else "",
        variables=_variables(env) if isinstance(env, dict) else (),
        rest=veiled(rest) or None,
    )


def _variables(env: Mapping[str, Any]) -> list[Variable]:
    found = []
    for name, value in sorted(env.items()):
        hidden = name_is_secret(name) and "${{" not in str(value)
        found.append(Variable(name=name, value=HIDDEN if hidden else veiled_text(str(value)), hidden=hidden))
    return found
