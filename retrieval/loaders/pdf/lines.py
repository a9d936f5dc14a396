"""The lines of a PDF's page, in the order in which people read them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import regex

from retrieval.loaders.pdf import bidi
from retrieval.loaders.pdf.chars import PageChars

# PDFium gives a hyphen at a line's end as U+FFFE and leaves out the line break.
_LINE = regex.compile(r"[^\r\n\ufffe]++\ufffe?|\ufffe")
_ODD = regex.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
# Fonts of signs keep their bullets where no letter is.
_SIGN = regex.compile(r"[\uf000-\uf0ff](?=\s)")
_WORD_END = regex.compile(r"\S(?=\s+\S)")
# Spaces and gaps are measured in the height of a line, which is a bit more than the size of its letters.
_LEADING = 1.1
_SPACE = 0.12
# Arabic letters do not fill their boxes as Latin ones do.
_SPACE_LEFTWARD = 0.18
_GAP = 0.7
_MOST_SAMPLED = 6
_LONG = 40
_FEWEST_ROWS = 6
_SHORTEST_CELL = 18
_NEAR_GUTTER = 2.5
_MOST_OF = 0.6
_MANY = 0.4


@dataclass(frozen=True, slots=True)
class Line:
    """A line: its text, and where PDFium has each character of it (-1: a space that is only a gap).

    A hyphen that parts a word at the line's end stands there as "-" or a soft one.
    """

    text: str
    places: Sequence[int]
    left: float
    right: float
    base: float
    height: float
    runs_left: bool = False

    @property
    def start(self) -> float:
        """Where people begin to read it, counted in the direction in which they read."""
        return -self.right if self.runs_left else self.left

    @property
    def end(self) -> float:
        return -self.left if self.runs_left else self.right


def lines(leaf: PageChars) -> list[Line]:
    """Return the lines of a page in reading order: columns one after the other."""
    text, places = leaf.text()
    found: list[Line] = []
    for match in _LINE.finditer(text):
        line = _line(leaf, match[0], places[match.start() : match.end()])
        if line is None:
            continue
        if found and _is_same_row(found[-1], line):
            line = _joined(found.pop(), line)
        found.append(line)
    return _by_columns(leaf, found)


def gaps(leaf: PageChars, line: Line) -> Iterator[tuple[int, float, float]]:
    """Return the gaps between words wider than a space: offset of the next word, left and right edge."""
    for match in _WORD_END.finditer(line.text):
        after = match.end() + 1
        while line.text[after].isspace():
            after += 1
        left, right = leaf.box(line.places[match.start()]).right, leaf.box(line.places[after]).left
        if right - left > _GAP * line.height:
            yield after, left, right


def _line(leaf: PageChars, text: str, places: Sequence[int]) -> Line | None:
    """Make a line of characters without space at their ends; None of nothing else."""
    if text.endswith("\ufffe"):
        text = text[:-1] + "-"
    if not text.isprintable() and _ODD.search(text):
        text, places = _cleaned(text, places)
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    text, places = text[start:end], places[start:end]
    if not text:
        return None
    if bidi.is_in(text):
        return _leftward(leaf, text, places)
    first, last = leaf.box(places[0]), leaf.box(places[-1])
    return Line(
        text=text if text.isascii() else _SIGN.sub("•", text),
        places=places,
        left=first.left,
        right=max(first.right, last.right),
        base=leaf.base(places[0]),
        height=_height(leaf, text, places),
    )


def _height(leaf: PageChars, text: str, places: Sequence[int]) -> float:
    """Return the character height in the middle of a line; its ends may have superscripts or an initial."""
    at = len(text) // 2
    at -= text[at].isspace()  # one that is only a gap has no size
    return _LEADING * leaf.size(places[at])


def _leftward(leaf: PageChars, text: str, places: Sequence[int]) -> Line | None:
    """Make a line that has Hebrew or Arabic in it from what stands where: PDFium only guesses its order."""
    drawn = [(letter, place) for letter, place in zip(text, places, strict=True) if leaf.is_drawn(place)]
    letters = [place for letter, place in drawn if not letter.isspace()]
    if not letters:
        return None
    boxes = {place: leaf.box(place) for _, place in drawn}
    height = _LEADING * leaf.size(letters[len(letters) // 2])
    glyphs = [
        bidi.Glyph(letter, place, box.left, box.right, box.bottom, box.top)
        for letter, place in drawn
        for box in [boxes[place]]
    ]
    ordered, runs_left = bidi.read(glyphs, _SPACE_LEFTWARD * height)
    return Line(
        text="".join(letter for letter, _ in ordered),
        places=[place for _, place in ordered],
        left=min(box.left for box in boxes.values()),
        right=max(box.right for box in boxes.values()),
        base=leaf.base(places[0]),
        height=height,
        runs_left=runs_left,
    )


def _cleaned(text: str, places: Sequence[int]) -> tuple[str, Sequence[int]]:
    """Make whole letters of surrogates, hyphens of PDFium's sign for them, and leave out control signs."""
    kept: list[tuple[str, int]] = []
    for letter, place in zip(text, places, strict=True):
        if "\udc00" <= letter <= "\udfff" and kept and "\ud800" <= kept[-1][0] <= "\udbff":
            pair = kept.pop()
            whole = (pair[0] + letter).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
            kept.append((whole, pair[1]))
        elif letter in "\ufffe\x02":
            kept.append(("-", place))
        elif "\ud800" <= letter <= "\udbff" or not _ODD.match(letter):
            kept.append((letter, place))
    kept = [(letter, place) for letter, place in kept if not "\ud800" <= letter <= "\udfff"]
    return "".join(letter for letter, _ in kept), [place for _, place in kept]


# Rows and columns


def _is_same_row(before: Line, after: Line) -> bool:
    """Return whether a line continues the one before in the same row, as after a superscript."""
    overlaps = abs(before.base - after.base) < 0.4 * min(before.height, after.height)
    beside = -0.2 * before.height < after.start - before.end < before.height
    return overlaps and beside and before.runs_left == after.runs_left


def _joined(before: Line, after: Line) -> Line:
    space = " " if after.start - before.end > _SPACE * before.height else ""
    return Line(
        text=before.text + space + after.text,
        places=[*before.places, *([-1] if space else []), *after.places],
        left=min(before.left, after.left),
        right=max(before.right, after.right),
        base=before.base,
        height=max(before.height, after.height),
        runs_left=before.runs_left,
    )


def _by_columns(leaf: PageChars, found: list[Line]) -> list[Line]:
    """Read two columns one after the other where PDFium gives the rows of both as lines."""
    gutter = _gutter(leaf, found)
    if gutter is None:
        return found
    halves = [_parted(leaf, line, gutter) for line in found]
    pairs = [half for half in halves if len(half) > 1]
    if not _is_prose(pairs, gutter):
        return found  # a table, which is read row by row
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
    if len(pairs) < _FEWEST_ROWS:
        return False
    cells = median(min(len(left.text), len(right.text)) for left, right in pairs)
    full = sum(gutter - left.right < _NEAR_GUTTER * left.height for left, _ in pairs)
    return cells >= _SHORTEST_CELL and full >= _MOST_OF * len(pairs)


def _gutter(leaf: PageChars, found: list[Line]) -> float | None:
    """Find where many long lines have a gap, looking at a few."""
    long = [line for line in found if len(line.text) >= _LONG and not line.runs_left]
    if len(long) < _FEWEST_ROWS:
        return None
    sampled = [
        [(left, right) for _, left, right in gaps(leaf, line)]
        for line in long[:: -(-len(long) // _MOST_SAMPLED)]
    ]
    crossed = {
        (left + right) / 2: [
            after - before
            for others in sampled
            for before, after in others
            if before <= (left + right) / 2 <= after
        ]
        for some in sampled
        for left, right in some
    }
    best = max(crossed, key=lambda middle: sum(crossed[middle]), default=0.0)
    return best if len(crossed.get(best, ())) >= _MANY * len(sampled) else None


def _parted(leaf: PageChars, line: Line, gutter: float) -> list[Line]:
    """Part a line at the gap that the gutter is in, if there is one."""
    if not line.left < gutter < line.right:
        return [line]
    for after, left, right in gaps(leaf, line):
        if left <= gutter <= right:
            parts = (line.text[:after], line.places[:after]), (line.text[after:], line.places[after:])
            return [half for part in parts if (half := _line(leaf, *part))]
    return [line]
