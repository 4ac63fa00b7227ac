"""How do many lines become one row, and lines again? By columns, what is alike said once, and compressed where it pays.

Knows no table. A row holds at most LINES lines of one run that were said in a row and have numbers in a row.
"""

import zlib
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Final

import orjson

from app.ports.logs import LEVELS, STREAMS, LinesWanted, grave, known_stream, levels_from
from app.wire.report import LogLine

LINES: Final = 256
"""A line's `seq` is that of its row times this, and its place in the row."""
_CHARACTERS: Final = 64 * 1024
_WORTH_COMPRESSING: Final = 400
_QUICK: Final = 1
_PLAIN: Final = b"["
STREAM_BITS: Final = {name: 1 << at for at, name in enumerate(STREAMS)}
LEVEL_BITS: Final = {name: 1 << len(STREAMS) + at for at, name in enumerate(LEVELS)}


def cut(lines: Sequence[LogLine]) -> Iterator[Sequence[LogLine]]:
    """Rows of them."""
    start, characters = 0, 0
    for at, line in enumerate(lines):
        follows = at == start or line.line == (lines[at - 1].line and lines[at - 1].line + 1)
        if not follows or at - start == LINES or characters > _CHARACTERS:
            yield lines[start:at]
            start, characters = at, 0
        characters += len(line.text)
    if start < len(lines):
        yield lines[start:]


def pack(lines: Sequence[LogLine]) -> bytes:
    times = [line.at_us for line in lines]
    steps = [times[0], *(after - before for before, after in pairwise(times))]
    texts = [line.text for line in lines]
    data = orjson.dumps([steps, _once([line.stream for line in lines]), _once([line.level for line in lines]), texts])
    return zlib.compress(data, _QUICK) if len(data) > _WORTH_COMPRESSING else data


def unpack(body: bytes, number: int, wanted: LinesWanted) -> list[tuple[int, LogLine]]:
    """Lines of a row, each with its place in it, as far as stream, level and text are wanted."""
    data = body if body.startswith(_PLAIN) else zlib.decompress(body)
    if wanted.text and not _may_hold(data, wanted):
        return []
    steps, stream, level, texts = orjson.loads(data)
    count = len(texts)
    times = list(accumulate(steps))
    streams = [stream] * count if isinstance(stream, str) else stream
    levels = [level] * count if isinstance(level, str) else level
    picked = range(count) if _all(wanted) else _picked(streams, levels, texts, wanted)
    return [
        (
            at,
            LogLine(line=number and number + at, at_us=times[at], stream=streams[at], level=levels[at], text=texts[at]),
        )
        for at in picked
    ]


def kinds(lines: Sequence[LogLine]) -> int:
    """Which streams and levels there are."""
    bits = 0
    for stream, level in {(line.stream, line.level) for line in lines}:
        bits |= STREAM_BITS[known_stream(stream)] | LEVEL_BITS[grave(level)]
    return bits


def size(text: str) -> int:
    """In bytes, with its end."""
    return (len(text) if text.isascii() else len(text.encode())) + 1


def finds(text: str, wanted: LinesWanted) -> bool:
    return wanted.text in text if wanted.match_case else wanted.text.casefold() in text.casefold()


def fits(stream: str, level: str, wanted: LinesWanted) -> bool:
    return (not wanted.streams or known_stream(stream) in wanted.streams) and grave(level) in levels_from(wanted.level)


def _all(wanted: LinesWanted) -> bool:
    return not wanted.streams and not wanted.text and wanted.level == LEVELS[0]


def _picked(streams: Sequence[str], levels: Sequence[str], texts: Sequence[str], wanted: LinesWanted) -> list[int]:
    allowed = {kind: fits(*kind, wanted) for kind in set(zip(streams, levels, strict=True))}
    return [
        at
        for at, kind in enumerate(zip(streams, levels, strict=True))
        if allowed[kind] and (not wanted.text or finds(texts[at], wanted))
    ]


def _may_hold(data: bytes, wanted: LinesWanted) -> bool:
    """False when no line of the row can hold the text; quicker than looking at each."""
    needle = orjson.dumps(wanted.text)[1:-1]
    return needle in data if wanted.match_case else needle.decode().casefold() in data.decode().casefold()


def _once(values: list[str]) -> str | list[str]:
    return values[0] if values.count(values[0]) == len(values) else values
