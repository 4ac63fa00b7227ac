"""What was asked for, without what looks like a secret: pages are looked at over shoulders and shared as pictures.

Secrets belong into `${{ secrets.NAME }}`, which is shown as it was written; this is for what was written down
anyway.
"""

import re
from typing import Any, Final

HIDDEN: Final = "••••••"
_NAME: Final = re.compile(
    r"passw|passphrase|secret|token|credential|authorization|cookie|api[-_]?key|access[-_]?key|private[-_]?key|_pwd|^pwd$|_pass$",
    re.IGNORECASE,
)
_REFERENCE: Final = re.compile(r"\s*\$\{\{.*\}\}\s*", re.DOTALL)
_IN_TEXT: Final = (
    re.compile(r"(?i)\b(bearer\s+|basic\s+)[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(?i)([\w-]*(?:passw(?:or)?d|secret|token|api[-_]?key|access[-_]?key)[\w-]*\s*[=:]\s*)[^\s&;,\"'$]+"),
    re.compile(r"(\b[a-z][a-z0-9+.-]*://[^/\s:@]*:)[^/\s@]+(?=@)"),
    re.compile(r"\b(fl[ar]?_)[A-Za-z0-9_.-]{16,}"),
)


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
    for pattern in _IN_TEXT:
        text = pattern.sub(lambda match: match.group(1) + HIDDEN, text)
    return text


def _hidden(value: Any) -> Any:
    """A reference tells nothing, and a structure is looked into: its names may have been about something else."""
    if isinstance(value, dict | list):
        return veiled(value)
    return value if isinstance(value, str) and _REFERENCE.fullmatch(value) else HIDDEN
