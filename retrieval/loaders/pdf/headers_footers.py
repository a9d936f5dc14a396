"""Removes headers, footers and page numbers from PDF pages."""

from collections import Counter
from collections.abc import Sequence

import regex

from retrieval.loaders.pdf.lines_and_columns import Line

_NUMBER = regex.compile(r"\b(?:[0-9]{1,5}|[ivxlcdm]{1,9})\b", regex.IGNORECASE)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
_NUMBER_DECORATION = " -–—[]()|·.\u200f\u200e"
_MAX_END_LINES = 3
# Lines within this distance of each other are at the same height.
_HEIGHT_STEP_POINTS = 6.0
_MIN_REPEATS = 3

Key = tuple[str, int]


def strip_headers_footers(pages: Sequence[Sequence[Line]], labels: Sequence[str]) -> list[list[Line]]:
    """Remove lines that repeat at the same height on other pages, apart from a page number in them.

    Only the outermost lines of a page are removed, from either end up to the first that does not repeat.
    """
    ends = [_ends(page) for page in pages]
    keys = Counter(
        key
        for number, around in enumerate(ends, 1)
        for key in {key for end in around for line in end for key in _keys(line, number)}
    )
    min_repeats = min(_MIN_REPEATS, max(2, -(-len(pages) // 2)))
    repeated = {key for key in keys if sum(keys[key[0], key[1] + off] for off in (-1, 0, 1)) >= min_repeats}
    return [
        _strip_page(page, around, repeated, number, label)
        for number, (page, around, label) in enumerate(zip(pages, ends, labels, strict=True), 1)
    ]


def _ends(page: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """Return the uppermost and the lowest lines, from the outside in."""
    ordered = sorted(page, key=lambda line: line.base)
    return ordered[::-1][:_MAX_END_LINES], ordered[:_MAX_END_LINES]


def _keys(line: Line, page: int) -> list[Key]:
    """Return the keys shared by headers of several pages: the text, and the text without a page number.

    A page number at either end is a key of its own, as the rest may be the title of the chapter.
    """
    text, height = line.text.strip(_NUMBER_DECORATION), round(line.base / _HEIGHT_STEP_POINTS)
    keys = [(text, height)]
    for number in _NUMBER.finditer(text):
        ahead = f"#{_value(number[0]) - page}"
        keys.append((text[: number.start()] + ahead + text[number.end() :], height))
        if number.start() == 0 or number.end() == len(text):
            keys.append((ahead, height))
    return keys


def _value(number: str) -> int:
    if number.isdecimal():
        return int(number)
    values = [_ROMAN[letter] for letter in number.lower()]
    return sum(
        -value if at + 1 < len(values) and value < values[at + 1] else value
        for at, value in enumerate(values)
    )


def _strip_page(
    page: Sequence[Line], around: Sequence[list[Line]], repeated: set[Key], number: int, label: str
) -> list[Line]:
    left_out: set[int] = set()
    for end in around:
        for at, line in enumerate(end):
            is_number = at == 0 and line.text.strip(_NUMBER_DECORATION) in {label, str(number)}
            if not is_number and repeated.isdisjoint(_keys(line, number)):
                break
            left_out.add(id(line))
    return [line for line in page if id(line) not in left_out]
