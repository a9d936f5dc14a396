"""Lines of PDF pages to paragraphs: without running heads and page numbers, hyphenated words joined.

Headings are the lines of the outline's entries, or lines that look like headings.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import regex

from retrieval.loaders.heading_lines import HeadingLines, TextLine, find_headings
from retrieval.loaders.pdf.lines_and_columns import Line

_PAGE_NUMBER = regex.compile(r"\b(?:[0-9]{1,5}|[ivxlcdm]{1,9})\b", regex.IGNORECASE)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
_NUMBER_DECORATION = " -–—[]()|·.\u200f\u200e"
_MAX_END_LINES = 3
# Lines within this distance of each other are at the same height.
_HEIGHT_STEP_POINTS = 6.0
_MIN_REPEATS = 3

_LineKey = tuple[str, int]


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


def _keys(line: Line, page: int) -> list[_LineKey]:
    """Return the keys shared by headers of several pages: the text, and the text without a page number.

    A page number at either end is a key of its own, as the rest may be the title of the chapter.
    """
    text, height = line.text.strip(_NUMBER_DECORATION), round(line.base / _HEIGHT_STEP_POINTS)
    keys = [(text, height)]
    for number in _PAGE_NUMBER.finditer(text):
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
        -value if index + 1 < len(values) and value < values[index + 1] else value
        for index, value in enumerate(values)
    )


def _strip_page(
    page: Sequence[Line], around: Sequence[list[Line]], repeated: set[_LineKey], number: int, label: str
) -> list[Line]:
    left_out: set[int] = set()
    for end in around:
        for index, line in enumerate(end):
            is_number = index == 0 and line.text.strip(_NUMBER_DECORATION) in {label, str(number)}
            if not is_number and repeated.isdisjoint(_keys(line, number)):
                break
            left_out.add(id(line))
    return [line for line in page if id(line) not in left_out]


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
    for index, (before, placed) in enumerate(pairwise(lines), 1):
        if placed.line.base > before.line.base + placed.line.height / 2:
            yield lines[start:index]
            start = index
    if lines:
        yield lines[start:]


def _split_run(run: Sequence[PlacedLine], typography: Typography) -> Iterator[Paragraph]:
    start = 0
    joints: list[str] = []
    for index in range(1, len(run) + 1):
        joint = _joint(run, index, typography, is_first=index - start == 1) if index < len(run) else None
        if joint is not None:
            joints.append(joint)
            continue
        last = run[index - 1].line
        is_full = last.text.endswith(_HYPHENS) or not _has_room(
            run, index - 1, last.text.rpartition(" ")[2], typography
        )
        is_open = is_full and not _is_ended(last)
        yield Paragraph(tuple(run[start:index]), tuple(joints), is_open)
        start, joints = index, []


def _joint(run: Sequence[PlacedLine], index: int, typography: Typography, *, is_first: bool) -> str | None:
    """Return the separator between a line and the one before; None when the line begins a paragraph.

    `is_first` means that the line before is the first of its paragraph.
    """
    before, placed = run[index - 1], run[index]
    line = placed.line
    if before.heading != placed.heading or not _is_same_size(before.line, line):
        return None
    if before.line.is_laid_out or line.is_laid_out:
        return None
    if placed.heading is not None:
        return " "
    if before.is_row and placed.is_row:
        return "\n" if before.line.base - line.base < _MAX_ROW_DISTANCE_HEIGHTS * line.height else None
    if _is_apart(run, index, typography) or before.is_row or placed.is_row or _BULLET.match(line.text):
        return None
    return _text_joint(run, index, typography, is_first=is_first)


def _text_joint(
    run: Sequence[PlacedLine], index: int, typography: Typography, *, is_first: bool
) -> str | None:
    """Return the separator of two lines of running text that are not apart."""
    before, line = run[index - 1].line, run[index].line
    if before.text.endswith(_HYPHENS):
        return " "
    if _is_indented(run, index) or (
        not is_first and line.start < before.start - _MIN_INDENT_HEIGHTS * line.height
    ):
        return None
    if not _has_room(run, index - 1, line.text.partition(" ")[0], typography):
        return " "
    return None if _is_ended(before) or _ITEM.match(line.text) else "\n"


def _is_indented(run: Sequence[PlacedLine], index: int) -> bool:
    line = run[index].line
    indent = _MIN_INDENT_HEIGHTS * line.height
    goes_back = index + 1 == len(run) or run[index + 1].line.start < line.start - indent
    before = run[index - 1].line
    return goes_back and line.start > before.start + indent and not _ITEM.match(before.text)


def _has_room(run: Sequence[PlacedLine], index: int, word: str, typography: Typography) -> bool:
    """Return whether a line was broken on purpose: the next word would have fitted."""
    line = run[index].line
    letter = (line.right - line.left) / max(1, len(line.text))
    room = max(near.end for near in _near(run, index, typography)) - line.end
    return room > (len(word) + 1) * letter + _MIN_ROOM_HEIGHTS * line.height


def _near(run: Sequence[PlacedLine], index: int, typography: Typography) -> list[Line]:
    """Return the lines around one that are as close together as lines of a paragraph."""
    first = last = index
    while first > max(0, index - _NEIGHBOUR_LINES) and not _is_apart(run, first, typography):
        first -= 1
    while last + 1 < min(len(run), index + _NEIGHBOUR_LINES + 1) and not _is_apart(run, last + 1, typography):
        last += 1
    near = (placed.line for placed in run[first : last + 1])
    return [line for line in near if line.runs_left == run[index].line.runs_left]


def _is_apart(run: Sequence[PlacedLine], index: int, typography: Typography) -> bool:
    """Return whether there is a gap above a line."""
    line = run[index].line
    return (
        run[index - 1].line.base - line.base
    ) / line.height > _MAX_LINE_DISTANCE_PITCHES * typography.pitch


def _is_ended(line: Line) -> bool:
    """Return whether a sentence ends with the line, also before a quotation mark or note number."""
    return _ENDED.search(line.text[-_MAX_ENDING_CHARS:]) is not None


def _is_same_size(before: Line, line: Line) -> bool:
    return max(before.height, line.height) < _MIN_SIZE_RATIO * min(before.height, line.height)


_MAX_ENTRY_LINES = 4
_MIN_LETTERS = 5
_NOT_LETTERS = regex.compile(r"[^\p{L}\p{M}\p{N}]++")
_HEADING_NUMBER = regex.compile(r"^[\p{N}]++")


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """An outline entry: level from 1, page from 0; `top` is the y position of its target, in points."""

    text: str
    level: int
    page: int
    top: float | None


def place_outline(
    pages: Sequence[Sequence[PlacedLine]], outline: Sequence[OutlineEntry]
) -> tuple[list[list[PlacedLine]], dict[int, PlacedLine]]:
    """Mark lines that are headings with the index of their outline entry.

    Also return, for entries without a line of their own, the line that follows them, if their page has lines.
    """
    marked = [list(page) for page in pages]
    anchors: dict[int, PlacedLine] = {}
    after: dict[int, int] = {}
    for number, entry in enumerate(outline):
        page = marked[entry.page]
        start = after.get(entry.page, 0)
        lines = _find(page, entry.text, start) or (_find(page, entry.text, 0) if start else None)
        if lines:
            first, end = lines
            page[first:end] = [replace(placed, heading=number) for placed in page[first:end]]
            after[entry.page] = end
        elif page:
            anchors[number] = _anchor_line(page, entry)
    return marked, anchors


def _find(page: Sequence[PlacedLine], text: str, start: int) -> tuple[int, int] | None:
    """Return the range of lines with the text of an entry, with or without its number."""
    wanted = _letters(text)
    if not wanted:
        return None
    bare = _HEADING_NUMBER.sub("", wanted)
    for first in range(start, len(page)):
        text_so_far = ""
        for end in range(first, min(first + _MAX_ENTRY_LINES, len(page))):
            if page[end].heading is not None:
                break
            text_so_far += _letters(page[end].line.text)
            if text_so_far == wanted or (bare and bare == _HEADING_NUMBER.sub("", text_so_far)):
                return first, end + 1
            if len(text_so_far) > len(wanted) + _MAX_ENTRY_LINES:
                break
    return None


def _anchor_line(page: Sequence[PlacedLine], entry: OutlineEntry) -> PlacedLine:
    """Return the line that begins with an entry's text, else the first below its target."""
    wanted = _letters(entry.text)
    for placed in page if len(wanted) >= _MIN_LETTERS else ():
        if _letters(placed.line.text).startswith(wanted):
            return placed
    top = entry.top
    return next((placed for placed in page if top is not None and placed.line.base <= top), page[0])


def _letters(text: str) -> str:
    return _NOT_LETTERS.sub("", unicodedata.normalize("NFKC", text).casefold())


def has_large_headings(whole: Sequence[Paragraph], typography: Typography) -> bool:
    """Return whether a paragraph in larger type follows one that is not: a title alone divides nothing."""
    is_large = [typography.is_large(paragraph) for paragraph in whole]
    return True in is_large[is_large.index(False) :] if False in is_large else False


def split_at_headings(whole: Sequence[Paragraph]) -> tuple[list[Paragraph], dict[int, HeadingLines]]:
    """Return the paragraphs with lines that look like headings apart, and these headings by paragraph."""
    places = [
        (number, index) for number, paragraph in enumerate(whole) for index in range(len(paragraph.lines))
    ]
    heading_lines = find_headings([_text_line(whole[number], index) for number, index in places])
    parts: list[Paragraph] = []
    headings: dict[int, HeadingLines] = {}
    cuts: dict[int, dict[int, HeadingLines | None]] = {}
    for heading in heading_lines:
        number, first = places[heading.first]
        paragraph_cuts = cuts.setdefault(number, {})
        paragraph_cuts[first] = heading
        paragraph_cuts.setdefault(first + heading.end - heading.first, None)
    for number, paragraph in enumerate(whole):
        starts = {0: None, **cuts.get(number, {})}
        ends = [*sorted(starts)[1:], len(paragraph.lines)]
        for start, end in zip(sorted(starts), ends, strict=True):
            if start < end:
                if heading_here := starts[start]:
                    headings[len(parts)] = heading_here
                is_last = end == len(paragraph.lines)
                lines, joints = paragraph.lines[start:end], paragraph.joints[start : end - 1]
                parts.append(Paragraph(lines, joints, is_open=paragraph.is_open and is_last))
    return parts, headings


def _text_line(paragraph: Paragraph, index: int) -> TextLine:
    """Return a line of a paragraph; that of a table without words, which are not a heading."""
    placed = paragraph.lines[index]
    is_row = placed.is_row or placed.line.is_laid_out
    is_full = paragraph.joints[index] != "\n" if index < len(paragraph.joints) else None
    return TextLine("" if is_row else placed.line.text.strip(), is_apart=index == 0, is_full=is_full)
