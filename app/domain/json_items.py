"""The items of a JSON array, or of JSON Lines, one by one while the text comes in: never all of it at once."""

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

_BLANK = " \t\r\n"
_MAY_GO_ON = ("", *"0123456789.eE+-")
"""Behind a number that may be the beginning of another one, where the text was cut: 12 of 123, 1 of 1.5."""
_LONGEST = 8 << 20
"""Characters of one item at most: what is longer is no item that anybody wants, and would be read over and over."""


class NoItems(ValueError):
    """The text is not what it should be; the message says where."""


def items(pieces: Iterable[bytes], *, lines: bool) -> Iterator[Any]:
    """`lines`: each line is one, however it begins. Else a text that begins with [ is an array. Raises NoItems."""
    text = _decoded(pieces)
    first = ""
    for piece in text:
        first += piece
        if first.strip(_BLANK + "\ufeff"):
            break
    first = first.lstrip("\ufeff")
    if not lines and first.lstrip(_BLANK).startswith("["):
        return _of_array(first.lstrip(_BLANK)[1:], text)
    return _of_lines(first, text)


def _decoded(pieces: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in pieces:
            yield decoder.decode(piece)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise NoItems("it is no text in UTF-8") from None


def _of_lines(text: str, more: Iterator[str]) -> Iterator[Any]:
    for number, piece in enumerate(_and_then(text, more), start=1):
        if line := piece.strip(_BLANK):
            try:
                yield _DECODER.decode(line)
            except (ValueError, RecursionError) as wrong:
                raise NoItems(f"line {number} is no JSON: {wrong}") from None


def _and_then(text: str, more: Iterator[str]) -> Iterator[str]:
    """Lines, the last one also without an end."""
    for piece in more:
        *whole, text = (text + piece).split("\n")
        yield from whole
        _check_length(text)
    yield from text.split("\n")


def _of_array(text: str, more: Iterator[str]) -> Iterator[Any]:
    text, at = _solid(text, 0, more)
    count = 0
    while text[at : at + 1] != "]" or count:
        item, text, at = _item(text, at, more, count)
        yield item
        count += 1
        text, at = _solid(text, at, more)
        mark = text[at : at + 1]
        if mark == "]":
            break
        if mark != ",":
            raise NoItems(f"behind item {count - 1} there is {mark or 'the end'!r}, and neither , nor ]")
        text, at = _solid(text, at + 1, more)
    text, at = _solid(text, at + 1, more)
    if text[at:]:
        raise NoItems("there is more behind the end of the array; JSON Lines are read as such from a .jsonl")


def _item(text: str, at: int, more: Iterator[str], number: int) -> tuple[Any, str, int]:
    while True:
        try:
            item, end = _DECODER.raw_decode(text, at)
            if text[end : end + 1] not in _MAY_GO_ON:
                return item, text, end
        except RecursionError:
            raise NoItems(f"item {number} is nested too deeply") from None
        except ValueError as wrong:
            problem = str(wrong)
        else:
            problem = "it has no end"
        piece = next(more, None)
        if piece is None:
            raise NoItems(f"item {number} is no JSON: {problem}")
        text, at = text[at:] + piece, 0
        _check_length(text)


def _solid(text: str, at: int, more: Iterator[str]) -> tuple[str, int]:
    """The next place that is not blank; the end of the text when there is none."""
    while True:
        while at < len(text) and text[at] in _BLANK:
            at += 1
        if at < len(text):
            return text, at
        piece = next(more, None)
        if piece is None:
            return "", 0
        text, at = piece, 0


def _check_length(text: str) -> None:
    if len(text) > _LONGEST:
        raise NoItems(f"an item has more than {_LONGEST} characters")


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
