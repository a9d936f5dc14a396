"""Joins the lines of PDF pages into paragraphs, and words hyphenated at line ends."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import regex

from retrieval.loaders.pdf.lines_and_columns import Line

_HYPHENS = ("-", "\u2010", "\u00ad")
_MAX_WORD_CHARS = 80
_SPLIT_WORD = regex.compile(r"[\p{L}\p{M}'’-]*[\p{L}\p{M}][-\u2010\u00ad]$")
_REST_OF_WORD = regex.compile(r"\p{Ll}[\p{L}\p{M}'’]*(?:-\p{L}[\p{L}\p{M}'’]*)*|[\p{Lo}\p{Lm}][\p{L}\p{M}]*")
_HYPHENATED = regex.compile(r"\p{L}[\p{L}\p{M}'’]*+(?:-\p{L}[\p{L}\p{M}'’]*+)++")
# Scripts without spaces between words have none between lines; Korean has.
_UNSPACED = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u3000-\u303f\uff00-\uffef]"
)


class Dehyphenator:
    """Joins hyphenated words. Knows the words that the document hyphenates within lines, in lower case."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Collect the words with hyphens from lines."""
        self._hyphenated = {
            word.lower() for line in lines if "-" in line[:-1] for word in _HYPHENATED.findall(line)
        }

    def join(self, before: str, after: str) -> tuple[str, str]:
        """Return the line before, with or without its hyphen, and the text between it and the next line.

        The hyphen is removed unless it belongs to the word: the document has the word with a hyphen within a
        line, the word has another hyphen, or a capital letter or digit follows.
        """
        if not before.endswith(_HYPHENS):
            return before, self._between(before, after)
        if before.endswith("\u00ad"):
            return before[:-1], ""
        split_word = _SPLIT_WORD.search(before[-_MAX_WORD_CHARS:])
        rest = _REST_OF_WORD.match(after)
        if not split_word:
            is_dash = len(before) == 1 or before[-2].isspace()
            return before, " " if is_dash else ""
        if rest is None:
            return before, ""
        first = split_word[0][:-1]
        whole = f"{first}-{rest[0]}".lower()
        if whole in self._hyphenated or "-" in first.strip("-"):
            return before[:-1] + "-", ""
        return before[:-1], ""

    @staticmethod
    def _between(before: str, after: str) -> str:
        return "" if _UNSPACED.match(before[-1:]) and _UNSPACED.match(after) else " "


_ENDED = regex.compile(r"[.!?:;。！？；：؟۔।…][\p{Pe}\p{Pf}\p{Pi}\"'\p{N}]*$")
_ITEM = regex.compile(r"[•◦▪▫‣●○■□◆➢✓·*–-]\s|\(?(?:\p{N}{1,3}|[a-z])[.)]\s")
_BULLET = regex.compile(r"[•◦▪▫‣●○■□◆➢✓·*]\s")
_SMALL_LETTER = regex.compile(r"\p{Ll}")
_LETTER = regex.compile(r"\p{L}")
# In line heights, in usual line pitches of the document, or ratios of line heights.
_MAX_LINE_DISTANCE_PITCHES = 1.2
_MAX_ROW_DISTANCE_HEIGHTS = 2.5
_MIN_INDENT_HEIGHTS = 0.7
_MIN_SIZE_RATIO = 1.2
_MIN_HEADING_SIZE_RATIO = 1.15
_MAX_NOTE_SIZE_RATIO = 0.92
_MIN_ROOM_HEIGHTS = 0.3
_NEIGHBOUR_LINES = 4
_MAX_ENDING_CHARS = 8
_DEFAULT_PITCH_HEIGHTS = 0.9
_MIN_PITCH_HEIGHTS, _MAX_PITCH_HEIGHTS = 0.5, 2
_MAX_HEADING_CHARS = 160
_MAX_HEADING_LINES = 3
_NO_HEADING_END = tuple(".,;:!。，；：、،")


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line and its page (from 0); `heading` is the index of its outline entry, if any."""

    line: Line
    page: int
    is_row: bool = False
    heading: int | None = None


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines, and the separators between them: a space or a line break.

    `is_open` means that its last line is full and ends no sentence, so that it may continue elsewhere.
    """

    lines: tuple[PlacedLine, ...]
    joints: tuple[str, ...]
    is_open: bool

    @property
    def heading(self) -> int | None:
        return self.lines[0].heading


class Typography(NamedTuple):
    """The usual height of lines, in points, and their pitch, in line heights."""

    height: float
    pitch: float

    def is_large(self, paragraph: Paragraph) -> bool:
        """Return whether a paragraph looks like a heading: short, large and not a sentence."""
        text = " ".join(placed.line.text for placed in paragraph.lines)
        is_short = len(text) <= _MAX_HEADING_CHARS and len(paragraph.lines) <= _MAX_HEADING_LINES
        large = min(placed.line.height for placed in paragraph.lines) >= _MIN_HEADING_SIZE_RATIO * self.height
        is_row = any(placed.line.is_laid_out for placed in paragraph.lines)
        return (
            large
            and is_short
            and not is_row
            and bool(_LETTER.search(text))
            and not text.endswith(_NO_HEADING_END)
        )

    def is_small(self, paragraph: Paragraph) -> bool:
        """Return whether the paragraph is smaller than the text, as footnotes are."""
        return max(placed.line.height for placed in paragraph.lines) <= _MAX_NOTE_SIZE_RATIO * self.height


def usual_typography(pages: Iterable[Sequence[Line]]) -> Typography:
    """Return the most frequent line height of a document, and the pitch within paragraphs."""
    heights: Counter[float] = Counter()
    pitches: Counter[float] = Counter()
    for page in pages:
        for line in page:
            heights[round(line.height, 1)] += len(line.text)
        for before, line in pairwise(page):
            pitch = (before.base - line.base) / line.height
            if _MIN_PITCH_HEIGHTS < pitch < _MAX_PITCH_HEIGHTS and _is_same_size(before, line):
                pitches[round(pitch, 2)] += 1
    # Paragraphs are further apart than lines, so the lower tercile of all pitches is one within paragraphs.
    ordered = sorted(pitches.elements())
    return Typography(
        height=heights.most_common(1)[0][0] if heights else 1.0,
        pitch=ordered[len(ordered) // 3] if ordered else _DEFAULT_PITCH_HEIGHTS,
    )


def build_paragraphs(lines: Sequence[PlacedLine], typography: Typography) -> list[Paragraph]:
    """Split a page into paragraphs; footnotes come before a paragraph that continues on the next page."""
    result: list[Paragraph] = []
    for run in _runs(lines):
        parts = list(_split_run(run, typography))
        if result and continues_paragraph(result[-1], parts[0]):
            parts[0] = join_lines(result.pop(), parts[0])
        result += parts
    body = len(result)
    while body and typography.is_small(result[body - 1]):
        body -= 1
    if 0 < body < len(result) and result[body - 1].is_open:
        return [*result[: body - 1], *result[body:], result[body - 1]]
    return result


def continues_paragraph(before: Paragraph, after: Paragraph) -> bool:
    """Return whether a paragraph continues in another column or on another page."""
    last, first = before.lines[-1], after.lines[0]
    if last.heading is not None or first.heading is not None or last.is_row or first.is_row:
        return False
    if last.line.is_laid_out or first.line.is_laid_out:
        return False
    if not _is_same_size(last.line, first.line) or _is_ended(last.line):
        return False
    starts_small = _SMALL_LETTER.match(first.line.text) is not None
    return starts_small or (before.is_open and not _ITEM.match(first.line.text))


def join_lines(before: Paragraph, after: Paragraph) -> Paragraph:
    return Paragraph(before.lines + after.lines, (*before.joints, " ", *after.joints), after.is_open)


def _runs(lines: Sequence[PlacedLine]) -> Iterator[Sequence[PlacedLine]]:
    """Split lines where the next one is further up, as in the next column."""
    start = 0
    for at, (before, placed) in enumerate(pairwise(lines), 1):
        if placed.line.base > before.line.base + placed.line.height / 2:
            yield lines[start:at]
            start = at
    if lines:
        yield lines[start:]


def _split_run(run: Sequence[PlacedLine], typography: Typography) -> Iterator[Paragraph]:
    start = 0
    joints: list[str] = []
    for at in range(1, len(run) + 1):
        joint = _joint(run, at, typography, is_first=at - start == 1) if at < len(run) else None
        if joint is not None:
            joints.append(joint)
            continue
        last = run[at - 1].line
        is_full = last.text.endswith(_HYPHENS) or not _has_room(
            run, at - 1, last.text.rpartition(" ")[2], typography
        )
        is_open = is_full and not _is_ended(last)
        yield Paragraph(tuple(run[start:at]), tuple(joints), is_open)
        start, joints = at, []


def _joint(run: Sequence[PlacedLine], at: int, typography: Typography, *, is_first: bool) -> str | None:
    """Return the separator between a line and the one before; None when the line begins a paragraph.

    `is_first` means that the line before is the first of its paragraph.
    """
    before, placed = run[at - 1], run[at]
    line = placed.line
    if before.heading != placed.heading or not _is_same_size(before.line, line):
        return None
    if before.line.is_laid_out or line.is_laid_out:
        return None
    if placed.heading is not None:
        return " "
    if before.is_row and placed.is_row:
        return "\n" if before.line.base - line.base < _MAX_ROW_DISTANCE_HEIGHTS * line.height else None
    if _is_apart(run, at, typography) or before.is_row or placed.is_row or _BULLET.match(line.text):
        return None
    return _text_joint(run, at, typography, is_first=is_first)


def _text_joint(run: Sequence[PlacedLine], at: int, typography: Typography, *, is_first: bool) -> str | None:
    """Return the separator of two lines of running text that are not apart."""
    before, line = run[at - 1].line, run[at].line
    if before.text.endswith(_HYPHENS):
        return " "
    if _is_indented(run, at) or (
        not is_first and line.start < before.start - _MIN_INDENT_HEIGHTS * line.height
    ):
        return None
    if not _has_room(run, at - 1, line.text.partition(" ")[0], typography):
        return " "
    return None if _is_ended(before) or _ITEM.match(line.text) else "\n"


def _is_indented(run: Sequence[PlacedLine], at: int) -> bool:
    line = run[at].line
    indent = _MIN_INDENT_HEIGHTS * line.height
    goes_back = at + 1 == len(run) or run[at + 1].line.start < line.start - indent
    before = run[at - 1].line
    return goes_back and line.start > before.start + indent and not _ITEM.match(before.text)


def _has_room(run: Sequence[PlacedLine], at: int, word: str, typography: Typography) -> bool:
    """Return whether a line was broken on purpose: the next word would have fitted."""
    line = run[at].line
    letter = (line.right - line.left) / max(1, len(line.text))
    room = max(near.end for near in _near(run, at, typography)) - line.end
    return room > (len(word) + 1) * letter + _MIN_ROOM_HEIGHTS * line.height


def _near(run: Sequence[PlacedLine], at: int, typography: Typography) -> list[Line]:
    """Return the lines around one that are as close together as lines of a paragraph."""
    first = last = at
    while first > max(0, at - _NEIGHBOUR_LINES) and not _is_apart(run, first, typography):
        first -= 1
    while last + 1 < min(len(run), at + _NEIGHBOUR_LINES + 1) and not _is_apart(run, last + 1, typography):
        last += 1
    near = (placed.line for placed in run[first : last + 1])
    return [line for line in near if line.runs_left == run[at].line.runs_left]


def _is_apart(run: Sequence[PlacedLine], at: int, typography: Typography) -> bool:
    """Return whether there is a gap above a line."""
    line = run[at].line
    return (run[at - 1].line.base - line.base) / line.height > _MAX_LINE_DISTANCE_PITCHES * typography.pitch


def _is_ended(line: Line) -> bool:
    """Return whether a sentence ends with the line, also before a quotation mark or note number."""
    return _ENDED.search(line.text[-_MAX_ENDING_CHARS:]) is not None


def _is_same_size(before: Line, line: Line) -> bool:
    return max(before.height, line.height) < _MIN_SIZE_RATIO * min(before.height, line.height)
