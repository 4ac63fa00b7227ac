"""What was asked for, without what looks like a secret: pages are looked at over shoulders and shared as pictures.

Secrets belong into `${{ secrets.NAME }}`, which is shown as it was written; this is for what was written down
anyway.
"""

import re
from typing import Any, Final

from app.wire.masking import HIDDEN, patterns

_NAME: Final = re.compile(
    r"passw|passphrase|secret|token|credential|authorization|cookie|api[-_]?key|access[-_]?key|private[-_]?key"
    r"|_pwd|^pwd$|_pass$",
    re.IGNORECASE,
)
_REFERENCE: Final = re.compile(r"(\$\{\{.*?\}\})", re.DOTALL)


def name_is_secret(name: str) -> bool:
    return _NAME.search(name) is not None


def veiled(value: Any) -> Any:
    """JSON with what looks like a secret hidden, at whatever depth."""
    if isinstance(value, dict):
        return {name: _hidden(each) if name_is_secret(name) else veiled(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [veiled(each) for each in value]
    return veiled_text(value) if isinstance(value, str) else value


def veiled_words(argv: list[str]) -> list[str]:
    """As `veiled`; what follows an option with a telling name is hidden, too."""
    found: list[str] = []
    for at, word in enumerate(argv):
        before = argv[at - 1] if at else ""
        if before.startswith("-") and "=" not in before and name_is_secret(before.lstrip("-")):
            found.append(str(_hidden(word)))
        else:
            found.append(veiled_text(word))
    return found


def veiled_text(text: str) -> str:
    """References stay: they tell where a secret comes from, and not what it is."""
    return "".join(piece if at % 2 else patterns(piece) for at, piece in enumerate(_REFERENCE.split(text)))


def _hidden(value: Any) -> Any:
    """What is named like a secret. A structure is looked into: its name may have been about something else."""
    if isinstance(value, dict | list):
        return veiled(value)
    return value if isinstance(value, str) and _REFERENCE.fullmatch(value.strip()) else HIDDEN
