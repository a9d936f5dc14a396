"""What stands around the text of pages: running heads, page numbers, feet."""

from collections import Counter
from collections.abc import Sequence

import regex

from retrieval.loaders.pdf.lines import Line

_NUMBER = regex.compile(r"\b(?:[0-9]{1,5}|[ivxlcdm]{1,9})\b", regex.IGNORECASE)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
_AROUND_A_NUMBER = " -–—[]()|·.\u200f\u200e"
_MOST_LINES = 3
# Heights are in points; a line is at its place when it is not further off than this.
_NEAR = 6.0
_OFTEN = 3

Key = tuple[str, int]


def strip_headers_footers(pages: Sequence[Sequence[Line]], labels: Sequence[str]) -> list[list[Line]]:
    """Leave out what comes again at the same height on other pages, but for a number that counts them.

    Only the outermost lines of a page are looked at, from either end up to the first that comes once.
    """
    ends = [_ends(page) for page in pages]
    keys = Counter(
        key
        for number, around in enumerate(ends, 1)
        for key in {key for end in around for line in end for key in _keys(line, number)}
    )
    least = min(_OFTEN, max(2, -(-len(pages) // 2)))
    often = {key for key in keys if sum(keys[key[0], key[1] + off] for off in (-1, 0, 1)) >= least}
    return [
        _within(page, around, often, number, label)
        for number, (page, around, label) in enumerate(zip(pages, ends, labels, strict=True), 1)
    ]


def _ends(page: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """Return the uppermost and the lowest lines, from the outside in."""
    ordered = sorted(page, key=lambda line: line.base)
    return ordered[::-1][:_MOST_LINES], ordered[:_MOST_LINES]


def _keys(line: Line, page: int) -> list[Key]:
    """Return what headers of a kind share: all words, or all but a number that counts with the pages.

    If that number is at an end, it alone is enough: the head may name the chapter.
    """
    text, height = line.text.strip(_AROUND_A_NUMBER), round(line.base / _NEAR)
    found = [(text, height)]
    for number in _NUMBER.finditer(text):
        ahead = f"#{_value(number[0]) - page}"
        found.append((text[: number.start()] + ahead + text[number.end() :], height))
        if number.start() == 0 or number.end() == len(text):
            found.append((ahead, height))
    return found


def _value(number: str) -> int:
    if number.isdecimal():
        return int(number)
    values = [_ROMAN[letter] for letter in number.lower()]
    return sum(
        -value if at + 1 < len(values) and value < values[at + 1] else value
        for at, value in enumerate(values)
    )


def _within(
    page: Sequence[Line], around: Sequence[list[Line]], often: set[Key], number: int, label: str
) -> list[Line]:
    left_out: set[int] = set()
    for end in around:
        for at, line in enumerate(end):
            is_number = at == 0 and line.text.strip(_AROUND_A_NUMBER) in {label, str(number)}
            if not is_number and often.isdisjoint(_keys(line, number)):
                break
            left_out.add(id(line))
    return [line for line in page if id(line) not in left_out]
