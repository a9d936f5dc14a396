"""Lines of a PDF page as rows of tables of numbers: a label and the numbers after it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import chain, pairwise
from statistics import median
from typing import NamedTuple

import regex

from retrieval.loaders.pdf.characters import PageChars
from retrieval.loaders.pdf.lines_and_columns import Line

# Of all tables, in line heights.
MIN_CELL_GAP_HEIGHTS = 0.7
MAX_LINE_DISTANCE_HEIGHTS = 1.35
MAX_ROW_DISTANCE_HEIGHTS = 3.2
MAX_HEADER_DISTANCE_HEIGHTS = 2.6
MAX_MISALIGNMENT_HEIGHTS = 0.9
MAX_BASE_DISTANCE_HEIGHTS = 0.35
_NUMBER = regex.compile(
    r"[(\[]?[*†‡]{0,3}[-+–−±<>~]?[$€£¥]?\d[\d.,’'/:]*+(?:[-–]\d[\d.,:]*+)?[%‰°]?[)\]]?[*†‡]?|[-–—…]|\*{3,}|\.{2,}|\(?(?:NA|N/A|n/a|X|Z)\)?"
)
ENDS_IN_NUMBER = regex.compile(r"[\d%)*†‡–—…AaX\]-]$|\d(?:\s\.{2,3})+$")
# Digits in groups, with spaces between them.
_FIRST_DIGITS = regex.compile(r"[(\[]?[-+–−]?[$€£¥]?[1-9]\d{0,2}(?: \d{3})*")
_NEXT_DIGITS = regex.compile(r"\d{3}(?:[.,]\d+)?%?[)\]]?[*†‡]?")
_MAX_DIGIT_GAP_HEIGHTS = 0.4
_DIGIT = regex.compile(r"\d")
# A number that is missing; more dots are a leader.
_ELLIPSIS = regex.compile(r"\.{2,3}|…")
_DOTS = regex.compile(r"[.·_…]+")
_WORD = regex.compile(r"\S+")
_STARTS_SMALL = regex.compile(r"\p{Ll}")
_HYPHENATED_END = regex.compile(r"\p{L}[-\u2010\u00ad]$")
# The lines of a label over several lines, and the distance to the next row in distances of these lines.
_MAX_LABEL_LINES = 8
_MIN_ROW_DISTANCE_RATIO = 1.1
_MAX_INDENT_HEIGHTS = 0.5
_MAX_OFF_MIDDLE_HEIGHTS = 0.5


class PlacedWord(NamedTuple):
    """A word or several, with the base line of the first."""

    text: str
    left: float
    right: float
    base: float

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


@dataclass(frozen=True, slots=True)
class NumberRow:
    """The numbers that a line ends in, and the words before these.

    `lines` are the lines of the page from the top: one, or those of a label over several lines, with the
    numbers next to its middle. `line` is these as one, and `label_text` their label.
    """

    line: Line
    label: tuple[PlacedWord, ...]
    numbers: tuple[PlacedWord, ...]
    lines: tuple[Line, ...]
    label_text: str

    @property
    def bottom(self) -> float:
        """The base of the last line."""
        return self.lines[-1].base


WordsOf = Callable[[Line], Sequence[PlacedWord]]


def read_words(chars: PageChars, line: Line) -> list[PlacedWord]:
    words: list[PlacedWord] = []
    for match in _WORD.finditer(line.text):
        first, last = line.char_indices[match.start()], line.char_indices[match.end() - 1]
        if first >= 0 and last >= 0:
            word = PlacedWord(match[0], chars.box(first).left, chars.box(last).right, chars.base(first))
            if words and _is_number_continued(words[-1], word, line.height):
                before = words.pop()
                word = PlacedWord(f"{before.text} {word.text}", before.left, word.right, before.base)
            words.append(word)
    return words


def _is_number_continued(before: PlacedWord, word: PlacedWord, height: float) -> bool:
    """Return whether a space between two words groups the digits of a number: "126 430.3"."""
    return (
        word.left - before.right < _MAX_DIGIT_GAP_HEIGHTS * height
        and _FIRST_DIGITS.fullmatch(before.text) is not None
        and _NEXT_DIGITS.fullmatch(word.text) is not None
    )


def is_number(word: PlacedWord) -> bool:
    """Return whether a word is a number or represents one, as a dash does."""
    return is_number_text(word.text)


def is_number_text(text: str) -> bool:
    """Return whether a text is a number or represents one."""
    return _NUMBER.fullmatch(text.replace(" ", "")) is not None and _DOTS.fullmatch(text) is None


def is_dots(word: PlacedWord) -> bool:
    """Return whether a word is a leader."""
    return _DOTS.fullmatch(word.text) is not None


def read_row(line: Line, words: Sequence[PlacedWord]) -> NumberRow | None:
    """Return a row if the line ends in numbers, after a label that may be a number, too."""
    first = len(words)
    while first and (is_number(words[first - 1]) or _is_missing(words, first - 1)):
        first -= 1
    if first == 0:
        first = 1
    numbers = words[first:]
    if not numbers or not any(_DIGIT.search(word.text) for word in numbers):
        return None
    return NumberRow(line, tuple(words[:first]), tuple(numbers), (line,), _text(words[:first]))


def _is_missing(words: Sequence[PlacedWord], index: int) -> bool:
    """Return whether dots after a number represent a missing one, as after another such mark."""
    before = index - 1
    while before > 0 and _ELLIPSIS.fullmatch(words[before].text):
        before -= 1
    return before > 0 and _ELLIPSIS.fullmatch(words[index].text) is not None and is_number(words[before])


def join_label_lines(first: str, second: str) -> str:
    """Return two lines of a label as one, without the hyphen of a word across them."""
    if _HYPHENATED_END.search(first) and _STARTS_SMALL.match(second):
        return first[:-1] + second
    return f"{first} {second}"


def continues(above: Line, below: Line) -> bool:
    """Return whether a line continues the label above."""
    height = min(above.height, below.height)
    return (
        0 < above.base - below.base < MAX_LINE_DISTANCE_HEIGHTS * height
        and abs(above.left - below.left) < _MAX_INDENT_HEIGHTS * height
    )


def starts_small(text: str) -> bool:
    return _STARTS_SMALL.match(text) is not None


def _text(words: Sequence[PlacedWord]) -> str:
    return " ".join(word.text for word in words)


# Labels over several lines


def join_labels(placed: Sequence[Line], words_of: WordsOf) -> Iterator[NumberRow]:
    """Yield the rows whose label is over several lines, with the numbers next to its middle.

    `placed` are lines from the top.
    """
    taken: set[int] = set()
    for index, line in enumerate(placed):
        if id(line) in taken or not ENDS_IN_NUMBER.search(line.text):
            continue
        words = words_of(line)
        first = next((n for n in range(len(words)) if all(map(is_number, words[n:]))), len(words))
        label, numbers = words[:first], words[first:]
        if not any(_DIGIT.search(word.text) for word in numbers):
            continue
        if not label and _is_row_itself(placed, index):
            continue
        label_lines = _label_lines(placed, index, label, numbers[0].left, words_of)
        if label_lines and taken.isdisjoint(map(id, label_lines)):
            row = _joined(line, label_lines, label, numbers, words_of)
            taken.update(map(id, row.lines))
            yield row


def _is_row_itself(placed: Sequence[Line], index: int) -> bool:
    """Return whether a line of numbers begins where a row next to it does: its first number is its label."""
    line = placed[index]
    above, below = _lines_around(placed, index)
    return any(
        abs(other.left - line.left) < _MAX_INDENT_HEIGHTS * line.height
        and abs(other.base - line.base) < MAX_ROW_DISTANCE_HEIGHTS * line.height
        and _ends_in_number(other)
        for other in (*above, *below)
    )


def _lines_around(placed: Sequence[Line], index: int) -> tuple[Sequence[Line], Sequence[Line]]:
    """Return the lines above and below `placed[at]` that its label may have; others may be between them."""
    count = 2 * _MAX_LABEL_LINES
    return placed[max(0, index - count) : index], placed[index + 1 : index + 1 + count]


def _label_lines(
    placed: Sequence[Line], index: int, label: Sequence[PlacedWord], edge: float, words_of: WordsOf
) -> list[Line]:
    """Return the lines of the label of `placed[at]`, from the top, if it is in their middle; else none.

    `label` are the words of its label on the same line, if any, and `edge` is where its numbers begin.
    """
    line = placed[index]
    limit = edge - MIN_CELL_GAP_HEIGHTS * line.height
    above, below = (
        [other for other in others if other.left < limit] for others in _lines_around(placed, index)
    )

    def is_beside(other: Line) -> bool:
        return other.right < limit and not _ends_in_number(other)

    label_lines = [line] if label else [*above[-1:], *below[:1]]
    if not label:
        above, below = above[:-1], below[1:]
        if len(label_lines) < 2 or not continues(*label_lines) or not all(map(is_beside, label_lines)):  # noqa: PLR2004
            return []
    while above and continues(above[-1], label_lines[0]) and is_beside(above[-1]):
        label_lines.insert(0, above.pop())
    while below and continues(label_lines[-1], below[0]) and is_beside(below[0]):
        label_lines.append(below.pop(0))
    # A line without numbers may name the rows below. Without a label on its own line, no other row is meant.
    others = [other for other in (*above[-1:], *below[:1]) if label or not _ends_in_number(other)]
    texts = [label if other is line else words_of(other) for other in label_lines]
    is_label = (
        1 < len(label_lines) <= _MAX_LABEL_LINES
        and all(words and words[-1].right < limit and _are_together(words, line.height) for words in texts)
        and _is_apart(label_lines, others)
        and abs((label_lines[0].base + label_lines[-1].base) / 2 - line.base)
        < _MAX_OFF_MIDDLE_HEIGHTS * line.height
    )
    return label_lines if is_label else []


def _ends_in_number(line: Line) -> bool:
    return is_number_text(line.text.rpartition(" ")[2])


def _is_apart(label_lines: Sequence[Line], others: Sequence[Line]) -> bool:
    """Return whether lines have the same distance from each other, and a larger one from others."""
    distances = [before.base - after.base for before, after in pairwise(label_lines)]
    return max(distances) < _MIN_ROW_DISTANCE_RATIO * min(distances) and all(
        max(other.base - label_lines[0].base, label_lines[-1].base - other.base)
        > _MIN_ROW_DISTANCE_RATIO * max(distances)
        for other in others
    )


def _are_together(words: Sequence[PlacedWord], height: float) -> bool:
    """Return whether words are one text without wide gaps, on one line."""
    return all(
        after.left - before.right < MIN_CELL_GAP_HEIGHTS * height
        and abs(after.base - before.base) < MAX_BASE_DISTANCE_HEIGHTS * height
        for before, after in pairwise(words)
    )


def _joined(
    line: Line,
    label_lines: Sequence[Line],
    label: Sequence[PlacedWord],
    numbers: Sequence[PlacedWord],
    words_of: WordsOf,
) -> NumberRow:
    texts = [label if other is line else words_of(other) for other in label_lines]
    label_text = reduce(join_label_lines, map(_text, texts))
    whole = replace(
        label_lines[0],
        text=f"{label_text} {_text(numbers)}",
        char_indices=(),
        right=max(line.right, *(other.right for other in label_lines)),
        height=median(other.height for other in label_lines),
    )
    lines = (
        label_lines if line in label_lines else sorted([*label_lines, line], key=lambda other: -other.base)
    )
    return NumberRow(whole, tuple(chain(*texts)), tuple(numbers), tuple(lines), label_text)
