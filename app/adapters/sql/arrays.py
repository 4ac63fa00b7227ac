"""Lists as PostgreSQL's arrays, in text. The driver asks for each item what it is and whether it must be quoted, which
was a tenth of what a busy API did; here the items of a list are looked at together.

The statement says of what type the array is (`$1::BIGINT[]`), so that a list has none of its own: one that is empty, or
full of None, is the same parameter as any other.
"""

from typing import Any

from psycopg.adapt import Dumper

_PLAIN = (int, bool, float)


class ListDumper(Dumper):
    """Of numbers, truth values and texts, with None among them; not of lists."""

    def dump(self, obj: list[Any]) -> bytes:
        kinds = set(map(type, obj))
        may_be_none = type(None) in kinds
        kinds.discard(type(None))
        if kinds.issubset(_PLAIN):  # in Python's words, which PostgreSQL reads too
            text = f"{{{str(obj)[1:-1]}}}"
            return (text.replace("None", "NULL") if may_be_none else text).encode()
        if not all(issubclass(kind, str) for kind in kinds):
            raise TypeError(f"a list of {kinds} is no parameter")
        return f"{{{','.join(['NULL' if item is None else _quoted(item) for item in obj])}}}".encode()


def _quoted(text: str) -> str:
    r"""PostgreSQL has no U+0000 in text; a line of output may."""
    if "\\" in text or '"' in text:
        text = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{text}"' if "\0" not in text else f'"{text}"'.replace("\0", "\ufffd")
