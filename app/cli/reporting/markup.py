"""How does text get into the page? Escaped, every time: what is no `Markup` was written by somebody else."""

import html
from collections.abc import Iterable

from app.cli.output import cell


class Markup(str):
    """Text that may stand in the page as it is."""

    __slots__ = ()


def safe(value: object) -> Markup:
    """Also without what is invisible or turns the direction of reading."""
    return value if isinstance(value, Markup) else Markup(html.escape(cell(value), quote=True))


def tag(name: str, *inside: object, **attributes: object) -> Markup:
    """`class_` is class, `stroke_width` is stroke-width; an attribute that is None is left out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{safe(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{given}>{joined(inside)}</{name}>")


def joined(parts: Iterable[object]) -> Markup:
    return Markup("".join(map(safe, parts)))


def table(caption: str, titles: Iterable[str], rows: Iterable[Iterable[object]]) -> Markup:
    """Columns of numbers are put to the right."""
    cells = [list(row) for row in rows]
    right = {at for row in cells for at, value in enumerate(row) if isinstance(value, Number)}
    head = (tag("th", title, scope="col", class_=_RIGHT if at in right else None) for at, title in enumerate(titles))
    body = (
        tag("tr", *(tag("td", one, class_=_RIGHT if at in right else None) for at, one in enumerate(row)))
        for row in cells
    )
    return tag("table", tag("caption", caption), tag("thead", tag("tr", *head)), tag("tbody", *body))


class Number(str):
    """A cell with a figure in it."""

    __slots__ = ()


_RIGHT = "number"
