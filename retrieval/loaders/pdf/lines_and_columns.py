"""The lines of a PDF page in reading order, also of Hebrew and Arabic letters.

Programs write letters that are read from right to left into a PDF in logical order, in visual order or in a
mixture of both. Only their positions are reliable.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import regex

from retrieval.loaders.pdf.characters import PageChars

# PDFium returns a hyphen at a line's end as U+FFFE and omits the line break.
_LINE = regex.compile(r"[^\r\n\ufffe]++\ufffe?|\ufffe")
_CONTROL = regex.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
# Symbol fonts map their bullets to private use characters.
_SYMBOL_BULLET = regex.compile(r"[\uf000-\uf0ff](?=\s)")
_WORD_END = regex.compile(r"\S(?=\s+\S)")
# Constants in _HEIGHTS are in line heights. A line is a bit higher than its font size.
_LINE_HEIGHT_RATIO = 1.1
_MIN_SPACE_HEIGHTS = 0.12
# Arabic letters fill less of their boxes than Latin ones.
_MIN_LEFTWARD_SPACE_HEIGHTS = 0.18
_MIN_GAP_HEIGHTS = 0.7
_MAX_SAMPLED_LINES = 6
_LONG_LINE_CHARS = 40
_MIN_ROWS = 6
_MIN_CELL_CHARS = 18
_MAX_GUTTER_DISTANCE_HEIGHTS = 2.5
_MIN_FULL_SHARE = 0.6
# Of the characters of running text, also with spaces and numbers.
_MIN_LETTER_SHARE = 0.4
_MIN_GUTTER_SHARE = 0.4
# Parts of one row: how far their base lines differ, and how far the second may reach back into the first.
_MAX_BASE_DISTANCE_HEIGHTS = 0.4
_MAX_ROW_OVERLAP_HEIGHTS = 0.2


@dataclass(frozen=True, slots=True)
class Line:
    """A line: its text, and the index of each character in PDFium (-1: a space that is only a gap).

    A word hyphenated at the end of the line ends in "-" or a soft hyphen. `is_laid_out` if it is a row of a
    table with the names of its columns, which may be several lines of text.
    """

    text: str
    char_indices: Sequence[int]
    left: float
    right: float
    base: float
    height: float
    runs_left: bool = False
    is_laid_out: bool = False

    @property
    def start(self) -> float:
        """The edge where the line starts; grows in reading direction."""
        return -self.right if self.runs_left else self.left

    @property
    def end(self) -> float:
        return -self.left if self.runs_left else self.right


def extract_lines(chars: PageChars) -> list[Line]:
    """Return the lines of a page in reading order: columns one after the other."""
    text, char_indices = chars.text()
    all_lines: list[Line] = []
    for match in _LINE.finditer(text):
        line = _line(chars, match[0], char_indices[match.start() : match.end()])
        if line is None:
            continue
        if all_lines and _is_same_row(all_lines[-1], line):
            line = _join_row(all_lines.pop(), line)
        all_lines.append(line)
    return _by_columns(chars, all_lines)


def find_gaps(chars: PageChars, line: Line) -> Iterator[tuple[int, float, float]]:
    """Return the gaps between words wider than a space: offset of the next word, left and right edge."""
    for match in _WORD_END.finditer(line.text):
        after = match.end() + 1
        while line.text[after].isspace():
            after += 1
        left, right = (
            chars.box(line.char_indices[match.start()]).right,
            chars.box(line.char_indices[after]).left,
        )
        if right - left > _MIN_GAP_HEIGHTS * line.height:
            yield after, left, right


def _line(chars: PageChars, text: str, char_indices: Sequence[int]) -> Line | None:
    """Return the line of these characters without spaces at its ends; None when nothing is left."""
    if text.endswith("\ufffe"):
        text = text[:-1] + "-"
    if not text.isprintable() and _CONTROL.search(text):
        text, char_indices = _clean(text, char_indices)
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    text, char_indices = text[start:end], char_indices[start:end]
    if not text:
        return None
    if is_bidi(text):
        return _bidi_line(chars, text, char_indices)
    first, last = chars.box(char_indices[0]), chars.box(char_indices[-1])
    return Line(
        text=text if text.isascii() else _SYMBOL_BULLET.sub("•", text),
        char_indices=char_indices,
        left=first.left,
        right=max(first.right, last.right),
        base=chars.base(char_indices[0]),
        height=_height(chars, text, char_indices),
    )


def _height(chars: PageChars, text: str, char_indices: Sequence[int]) -> float:
    """Return the character height in the middle of a line; its ends may have superscripts or an initial."""
    middle = len(text) // 2
    middle -= text[middle].isspace()  # a space that is only a gap has no size
    return _LINE_HEIGHT_RATIO * chars.size(char_indices[middle])


def _bidi_line(chars: PageChars, text: str, char_indices: Sequence[int]) -> Line | None:
    """Return a line with Hebrew or Arabic, ordered by the positions of its characters."""
    drawn = [
        (letter, char_index)
        for letter, char_index in zip(text, char_indices, strict=True)
        if chars.is_drawn(char_index)
    ]
    letters = [char_index for letter, char_index in drawn if not letter.isspace()]
    if not letters:
        return None
    boxes = {char_index: chars.box(char_index) for _, char_index in drawn}
    height = _LINE_HEIGHT_RATIO * chars.size(letters[len(letters) // 2])
    glyphs = [
        Glyph(letter, char_index, box.left, box.right, box.bottom, box.top)
        for letter, char_index in drawn
        for box in [boxes[char_index]]
    ]
    ordered, runs_left = reorder_glyphs(glyphs, _MIN_LEFTWARD_SPACE_HEIGHTS * height)
    return Line(
        text="".join(letter for letter, _ in ordered),
        char_indices=[char_index for _, char_index in ordered],
        left=min(box.left for box in boxes.values()),
        right=max(box.right for box in boxes.values()),
        base=chars.base(char_indices[0]),
        height=height,
        runs_left=runs_left,
    )


def _clean(text: str, char_indices: Sequence[int]) -> tuple[str, Sequence[int]]:
    """Combine surrogate pairs, replace PDFium's hyphen markers by "-", and drop control characters."""
    pairs: list[tuple[str, int]] = []
    for letter, char_index in zip(text, char_indices, strict=True):
        if "\udc00" <= letter <= "\udfff" and pairs and "\ud800" <= pairs[-1][0] <= "\udbff":
            high = pairs.pop()
            whole = (high[0] + letter).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
            pairs.append((whole, high[1]))
        elif letter in "\ufffe\x02":
            pairs.append(("-", char_index))
        elif "\ud800" <= letter <= "\udbff" or not _CONTROL.match(letter):
            pairs.append((letter, char_index))
    pairs = [(letter, char_index) for letter, char_index in pairs if not "\ud800" <= letter <= "\udfff"]
    return "".join(letter for letter, _ in pairs), [char_index for _, char_index in pairs]


# Rows and columns


def _is_same_row(before: Line, after: Line) -> bool:
    """Return whether a line continues the one before in the same row, as after a superscript."""
    overlaps = abs(before.base - after.base) < _MAX_BASE_DISTANCE_HEIGHTS * min(before.height, after.height)
    beside = -_MAX_ROW_OVERLAP_HEIGHTS * before.height < after.start - before.end < before.height
    return overlaps and beside and before.runs_left == after.runs_left


def _join_row(before: Line, after: Line) -> Line:
    space = " " if after.start - before.end > _MIN_SPACE_HEIGHTS * before.height else ""
    return Line(
        text=before.text + space + after.text,
        char_indices=[*before.char_indices, *([-1] if space else []), *after.char_indices],
        left=min(before.left, after.left),
        right=max(before.right, after.right),
        base=before.base,
        height=max(before.height, after.height),
        runs_left=before.runs_left,
    )


def _by_columns(chars: PageChars, all_lines: list[Line]) -> list[Line]:
    """Split lines that PDFium reads across two columns, and return one column after the other.

    Only two columns are separated.
    """
    gutter = _gutter(chars, all_lines)
    if gutter is None:
        return all_lines
    halves = [split_at(chars, line, gutter) for line in all_lines]
    pairs = [half for half in halves if len(half) > 1]
    if not _is_prose(pairs, gutter):
        return all_lines  # a table, which is read row by row
    ordered: list[Line] = []
    columns: tuple[list[Line], list[Line]] = [], []
    for half in halves:
        if len(half) == 1 and half[0].left < gutter < half[0].right:
            ordered += [*columns[0], *columns[1], half[0]]
            columns = [], []
        else:
            for part in half:
                columns[part.left >= gutter].append(part)
    return [*ordered, *columns[0], *columns[1]]


def _is_prose(pairs: list[list[Line]], gutter: float) -> bool:
    """Return whether two columns are running text, not table cells, which are short or end anywhere."""
    if len(pairs) < _MIN_ROWS:
        return False
    letters = median(min(_letter_share(half.text) for half in halves) for halves in pairs)
    if letters < _MIN_LETTER_SHARE:
        return False
    cells = median(min(len(left.text), len(right.text)) for left, right in pairs)
    full = sum(gutter - left.right < _MAX_GUTTER_DISTANCE_HEIGHTS * left.height for left, _ in pairs)
    return cells >= _MIN_CELL_CHARS and full >= _MIN_FULL_SHARE * len(pairs)


def _letter_share(text: str) -> float:
    return sum(map(str.isalpha, text)) / len(text)


def _gutter(chars: PageChars, all_lines: list[Line]) -> float | None:
    """Return the x position of a gap that many long lines share, from a sample of them."""
    long = [line for line in all_lines if len(line.text) >= _LONG_LINE_CHARS and not line.runs_left]
    if len(long) < _MIN_ROWS:
        return None
    sampled = [
        [(left, right) for _, left, right in find_gaps(chars, line)]
        for line in long[:: -(-len(long) // _MAX_SAMPLED_LINES)]
    ]
    crossed = {
        (left + right) / 2: [
            after - before
            for others in sampled
            for before, after in others
            if before <= (left + right) / 2 <= after
        ]
        for gaps_of_line in sampled
        for left, right in gaps_of_line
    }
    best = max(crossed, key=lambda middle: sum(crossed[middle]), default=0.0)
    return best if len(crossed.get(best, ())) >= _MIN_GUTTER_SHARE * len(sampled) else None


def split_at(chars: PageChars, line: Line, gutter: float) -> list[Line]:
    """Split a line at its gap over the gutter, if it has one."""
    if not line.left < gutter < line.right:
        return [line]
    for after, left, right in find_gaps(chars, line):
        if left <= gutter <= right:
            parts = part_of(chars, line, 0, after), part_of(chars, line, after, len(line.text))
            return [half for half in parts if half]
    return [line]


def part_of(chars: PageChars, line: Line, start: int, end: int) -> Line | None:
    """Return a part of a line without spaces at its ends; None when nothing is left."""
    return _line(chars, line.text[start:end], line.char_indices[start:end])


_LEFTWARD = regex.compile(r"[\p{Hebrew}\p{Arabic}\p{Syriac}\p{Thaana}\p{Nko}]")
_IN_NUMBER = frozenset(".,:/-–%٫٬")
# Brackets are mirrored, and PDFs differ in which of the two they name.
_OPENING = regex.compile(r"(?<!\S)[)\]}](?=\S)")
_CLOSING = regex.compile(r"(?<=\S)[(\[{](?=[\s.,;:!?،؛؟]|$)")
# In points, and in widths of a space.
_TOLERANCE_POINTS = 0.05
_HALF_LETTER_SPACES = 1.5
_MIRROR = str.maketrans("()[]{}", ")(][}{")


class Glyph(NamedTuple):
    """A character, its index on the page, and its bounds in points."""

    letter: str
    char_index: int
    left: float
    right: float
    bottom: float = 0.0
    top: float = 0.0

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


def is_bidi(text: str) -> bool:
    """Return whether a line has letters that are read from right to left."""
    return not text.isascii() and _LEFTWARD.search(text) is not None


def reorder_glyphs(glyphs: Sequence[Glyph], space: float) -> tuple[list[tuple[str, int]], bool]:
    """Return letters and their indices in reading order (-1: a gap), and whether the line runs leftward."""
    clusters = sorted(_clusters(glyphs, space), key=lambda cluster: cluster[0].middle)
    kinds = [_char_direction(cluster[0].letter) for cluster in clusters]
    runs_left = kinds.count("R") >= kinds.count("L")
    order: list[list[Glyph]] = []
    for cluster in clusters:
        if order and cluster[0].left - order[-1][0].right > space:
            order.append([Glyph(" ", -1, order[-1][0].right, cluster[0].left)])
        order.append(cluster)
    ordered = [
        (glyph.letter, glyph.char_index) for cluster in _logical(order, runs_left) for glyph in cluster
    ]
    text = "".join(letter for letter, _ in ordered)
    if runs_left:
        for wrong in (_OPENING, _CLOSING):
            text = wrong.sub(lambda match: match[0].translate(_MIRROR), text)
    return [(letter, char_index) for letter, (_, char_index) in zip(text, ordered, strict=True)], runs_left


def _clusters(glyphs: Sequence[Glyph], space: float) -> list[list[Glyph]]:
    """Group combining marks with their letters. PDFium returns the letters of a ligature in reverse."""
    hosts = {index: _host(glyphs, index) for index in range(len(glyphs)) if _is_mark(glyphs[index])}
    clusters: dict[int, list[Glyph]] = {}
    last = -1
    for index, glyph in enumerate(glyphs):
        if hosts.get(index) is not None:
            continue
        if last >= 0 and (glyph.left, glyph.right) == (glyphs[last].left, glyphs[last].right):
            clusters[last].insert(0, glyph)
            clusters[index] = clusters[last]
        else:
            clusters[index] = [glyph]
        last = index
    for index, host in hosts.items():
        if host is not None:
            _attach_mark(clusters[host], glyphs[index], glyphs[host], space)
    return list({id(cluster): cluster for cluster in clusters.values()}.values())


def _attach_mark(cluster: list[Glyph], mark: Glyph, host: Glyph, space: float) -> None:
    """Append a mark to its letter; a letter with a part of a split glyph gets the width of a letter."""
    if _is_split(mark, host):
        middle, half = (mark.middle + host.middle) / 2, _HALF_LETTER_SPACES * space
        cluster[0] = cluster[0]._replace(left=middle - half, right=middle + half)
    cluster.append(mark)


def _is_mark(glyph: Glyph) -> bool:
    return unicodedata.combining(glyph.letter) > 0


def _host(glyphs: Sequence[Glyph], index: int) -> int | None:
    """Return the index of the letter of a mark: one that shares its glyph, else one below or above it."""
    near = [index + off for off in (-1, 1, -2, 2, -3, 3) if 0 <= index + off < len(glyphs)]
    letters = [other for other in near if not _is_mark(glyphs[other]) and not glyphs[other].letter.isspace()]
    for is_host in (_is_split, _is_over):
        for other in letters:
            if is_host(glyphs[index], glyphs[other]):
                return other
    return None


def _is_over(mark: Glyph, letter: Glyph) -> bool:
    return letter.left <= mark.middle <= letter.right


def _is_split(mark: Glyph, letter: Glyph) -> bool:
    """Return whether PDFium has split one glyph between a letter and its combining marks."""
    is_as_high = (mark.bottom, mark.top) == (letter.bottom, letter.top)
    widths = abs((mark.right - mark.left) - (letter.right - letter.left))
    apart = max(mark.left, letter.left) - min(mark.right, letter.right)
    return is_as_high and widths < _TOLERANCE_POINTS and apart < mark.right - mark.left + _TOLERANCE_POINTS


def _char_direction(letter: str) -> str:
    """Return the direction of a letter: R, L, a digit (which runs rightward), or neutral."""
    kind = unicodedata.bidirectional(letter)
    if kind in {"R", "AL"}:
        return "R"
    return "L" if kind == "L" else "D" if kind in {"EN", "AN"} else ""


def _logical(order: list[list[Glyph]], runs_left: bool) -> list[list[Glyph]]:
    """Reverse the runs that go against the line's direction."""
    kinds = [_char_direction(cluster[0].letter) for cluster in order]
    directions = [_direction(kinds, order, index, runs_left) for index in range(len(order))]
    if runs_left:
        order, directions = order[::-1], directions[::-1]
    against = "L" if runs_left else "R"
    read: list[list[Glyph]] = []
    run: list[list[Glyph]] = []
    for cluster, direction in zip(order, directions, strict=True):
        if direction == against:
            run.append(cluster)
        else:
            read += [*run[::-1], cluster]
            run = []
    return read + run[::-1]


def _direction(kinds: list[str], order: list[list[Glyph]], index: int, runs_left: bool) -> str:
    """Return the direction of a neutral run: that of both its neighbours if equal, else the line's."""
    if kinds[index]:
        return "R" if kinds[index] == "R" else "L"
    before = next((kind for kind in reversed(kinds[:index]) if kind), "")
    after = next((kind for kind in kinds[index + 1 :] if kind), "")
    base = "R" if runs_left else "L"
    if before == after == "R":
        return "R"
    if not {before, after} <= {"L", "D"}:
        return base
    if before == after == "D":
        is_within = order[index][0].letter in _IN_NUMBER and "" not in kinds[index - 1 : index + 2 : 2]
        return "L" if is_within else base
    return "L"
