"""Bidirectional lines: the reading order of Hebrew and Arabic letters from their positions on the page.

Programs write such letters into a PDF in logical order, in visual order or in a mixture of both. Only their
positions are reliable.
"""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import regex

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
    hosts = {at: _host(glyphs, at) for at in range(len(glyphs)) if _is_mark(glyphs[at])}
    clusters: dict[int, list[Glyph]] = {}
    last = -1
    for at, glyph in enumerate(glyphs):
        if hosts.get(at) is not None:
            continue
        if last >= 0 and (glyph.left, glyph.right) == (glyphs[last].left, glyphs[last].right):
            clusters[last].insert(0, glyph)
            clusters[at] = clusters[last]
        else:
            clusters[at] = [glyph]
        last = at
    for at, host in hosts.items():
        if host is not None:
            _attach_mark(clusters[host], glyphs[at], glyphs[host], space)
    return list({id(cluster): cluster for cluster in clusters.values()}.values())


def _attach_mark(cluster: list[Glyph], mark: Glyph, host: Glyph, space: float) -> None:
    """Append a mark to its letter; a letter with a part of a split glyph gets the width of a letter."""
    if _is_split(mark, host):
        middle, half = (mark.middle + host.middle) / 2, _HALF_LETTER_SPACES * space
        cluster[0] = cluster[0]._replace(left=middle - half, right=middle + half)
    cluster.append(mark)


def _is_mark(glyph: Glyph) -> bool:
    return unicodedata.combining(glyph.letter) > 0


def _host(glyphs: Sequence[Glyph], at: int) -> int | None:
    """Return the index of the letter of a mark: one that shares its glyph, else one below or above it."""
    near = [at + off for off in (-1, 1, -2, 2, -3, 3) if 0 <= at + off < len(glyphs)]
    letters = [other for other in near if not _is_mark(glyphs[other]) and not glyphs[other].letter.isspace()]
    for is_host in (_is_split, _is_over):
        for other in letters:
            if is_host(glyphs[at], glyphs[other]):
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
    directions = [_direction(kinds, order, at, runs_left) for at in range(len(order))]
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


def _direction(kinds: list[str], order: list[list[Glyph]], at: int, runs_left: bool) -> str:
    """Return the direction of a neutral run: that of both its neighbours if equal, else the line's."""
    if kinds[at]:
        return "R" if kinds[at] == "R" else "L"
    before = next((kind for kind in reversed(kinds[:at]) if kind), "")
    after = next((kind for kind in kinds[at + 1 :] if kind), "")
    base = "R" if runs_left else "L"
    if before == after == "R":
        return "R"
    if not {before, after} <= {"L", "D"}:
        return base
    if before == after == "D":
        is_within = order[at][0].letter in _IN_NUMBER and "" not in kinds[at - 1 : at + 2 : 2]
        return "L" if is_within else base
    return "L"
