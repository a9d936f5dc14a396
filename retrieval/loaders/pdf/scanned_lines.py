"""Turns what OCR has read on pages into lines as those of other PDF pages."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from retrieval.loaders.pdf.lines_and_columns import Line
from retrieval.model import ScanMark
from retrieval.ocr.scanned_page import ScannedLine, ScannedPage, mean_confidence

# Lines that OCR is less sure of than this, from 0 to 100, are mostly parts of drawings and stains.
_MIN_LINE_CONFIDENCE = 35.0
# So are signs without a letter or digit that it is less sure of than this.
_MIN_SIGN_CONFIDENCE = 70
# The sizes of one font differ from line to line. Lines outside these, in usual sizes, keep their size.
_MIN_BODY_SIZE, _MAX_BODY_SIZE = 0.8, 1.3
# A4, for pictures that do not know their size.
PAGE_WIDTH_POINTS = 595.0


@dataclass(frozen=True, slots=True)
class ScannedLines:
    """The lines of scanned pages by page (from 0), and the marks of their words by the id of the line.

    The offsets of marks are from the start of the line. A line's `char_indices` are the ordinals of its
    characters' words on the page, from 0.
    """

    pages: dict[int, list[Line]]
    marks: dict[int, tuple[ScanMark, ...]]


def scanned_lines(pages: Mapping[int, ScannedPage]) -> ScannedLines:
    """Return the lines of pages in points, of the page as if it were A4 paper, y upward."""
    by_page: dict[int, list[Line]] = {}
    marks: dict[int, tuple[ScanMark, ...]] = {}
    for number, page in pages.items():
        scale = PAGE_WIDTH_POINTS / max(page.width, 1)
        by_page[number] = []
        ordinal = 0
        for scanned in page.lines:
            words = {
                at: word
                for at, word in enumerate(scanned.words, ordinal)
                if word.confidence >= _MIN_SIGN_CONFIDENCE or any(map(str.isalnum, word.text))
            }
            ordinal += len(scanned.words)
            kept = replace(scanned, words=tuple(words.values()))
            if words and mean_confidence(kept.words) >= _MIN_LINE_CONFIDENCE:
                line, own = _line(kept, page, scale, list(words))
                by_page[number].append(line)
                marks[id(line)] = own
    return _with_usual_heights(ScannedLines(by_page, marks))


def _line(
    scanned: ScannedLine, page: ScannedPage, scale: float, ordinals: Sequence[int]
) -> tuple[Line, tuple[ScanMark, ...]]:
    text, indices, marks = "", [], []
    for number, (before, word) in zip(ordinals, scanned.spaced_words(), strict=True):
        text += before
        marks.append(ScanMark(len(text), word.confidence))
        text += word.text
        indices += [-1] * len(before) + [number] * len(word.text)
    line = Line(
        text,
        indices,
        left=scale * min(word.left for word in scanned.words),
        right=scale * max(word.right for word in scanned.words),
        base=scale * (page.height - scanned.base),
        height=scale * scanned.size,
        runs_left=_runs_left(text),
    )
    return line, tuple(marks)


def _runs_left(text: str) -> bool:
    directions = [unicodedata.bidirectional(char) for char in text]
    return sum(each in {"R", "AL"} for each in directions) > directions.count("L")


def _with_usual_heights(lines: ScannedLines) -> ScannedLines:
    """Return lines with one height for all that have the size of the text: only others look like headings."""
    heights = [line.height for page in lines.pages.values() for line in page for _ in line.text]
    if not heights:
        return lines
    usual = median(heights)
    pages: dict[int, list[Line]] = {}
    marks: dict[int, tuple[ScanMark, ...]] = {}
    for number, page in lines.pages.items():
        pages[number] = []
        for line in page:
            is_body = _MIN_BODY_SIZE * usual <= line.height <= _MAX_BODY_SIZE * usual
            changed = replace(line, height=usual) if is_body else line
            pages[number].append(changed)
            marks[id(changed)] = lines.marks[id(line)]
    return ScannedLines(pages, marks)
