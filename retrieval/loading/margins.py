"""What stands around the text of pages: running heads, page numbers, feet."""

from collections import Counter
from collections.abc import Sequence

import regex

from retrieval.loading.lines import Line

_NUMBER = regex.compile(r"\p{N}++|\b[ivxlcdm]++\b", regex.IGNORECASE)
_AROUND_A_NUMBER = " -–—[]()|·.\u200f\u200e"
_MOST_LINES = 3
# Heights are in points; a line is at its place when it is not further off than this.
_NEAR = 6.0
_OFTEN = 3

Key = tuple[str, int]


def without_margins(pages: Sequence[Sequence[Line]], labels: Sequence[str]) -> list[list[Line]]:
    """Leave out what comes again at the same height on other pages, but for its numbers.

    Only the outermost lines of a page are looked at, from either end up to the first that comes once.
    """
    numbers = [{label, str(number)} for number, label in enumerate(labels, 1)]
    ends = [_ends(page) for page in pages]
    keys = Counter(
        key
        for around, own in zip(ends, numbers, strict=True)
        for key in {key for end in around for line in end for key in _keys(line, own)}
    )
    often = min(_OFTEN, max(2, -(-len(pages) // 2)))
    return [
        _within(page, around, {key for key in keys if _times(keys, key) >= often}, own)
        for page, around, own in zip(pages, ends, numbers, strict=True)
    ]


def _ends(page: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """Give the uppermost lines, and the lowest, from outside to inside."""
    ordered = sorted(page, key=lambda line: line.base)
    return ordered[::-1][:_MOST_LINES], ordered[:_MOST_LINES]


def _keys(line: Line, numbers: set[str]) -> list[Key]:
    """Give what is the same in all heads of a kind: the words, or that the page's number is at an end."""
    height = round(line.base / _NEAR)
    words = line.text.strip(_AROUND_A_NUMBER).split()
    is_numbered = bool(words) and not numbers.isdisjoint((words[0], words[-1]))
    return [(_NUMBER.sub("#", line.text), height), *([("", height)] if is_numbered else [])]


def _times(keys: Counter[Key], key: Key) -> int:
    text, height = key
    return sum(keys[text, height + off] for off in (-1, 0, 1))


def _within(
    page: Sequence[Line], around: Sequence[list[Line]], often: set[Key], numbers: set[str]
) -> list[Line]:
    left_out: set[int] = set()
    for end in around:
        for at, line in enumerate(end):
            is_number = at == 0 and line.text.strip(_AROUND_A_NUMBER) in numbers
            if not is_number and often.isdisjoint(_keys(line, numbers)):
                break
            left_out.add(id(line))
    return [line for line in page if id(line) not in left_out]
