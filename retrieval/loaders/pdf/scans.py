"""Scanned PDF pages: which pages are scans, their pictures for OCR, and what it has read as lines."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import pypdfium2
from PIL import Image
from pypdfium2 import raw

from retrieval.errors import DocumentError
from retrieval.loaders.pdf.characters import open_pdf
from retrieval.loaders.pdf.lines_and_columns import Line
from retrieval.model import ScanMark
from retrieval.ocr.scanned_page import ScannedLine, ScannedPage, mean_confidence

# A name of a program, a date or a page number, put on a scanned page.
_MAX_STAMP_CHARS = 100
# Pages are rendered with the dots of their scan, within these limits: enlarged, they are read no better.
_MIN_DPI, _USUAL_DPI, _MAX_DPI = 72, 200, 300
_MIN_PICTURE_SHARE = 0.5
_MAX_PICTURE_DEPTH = 3
# A page of A3 at 300 dots per inch has 17 million. Larger ones are reduced.
MAX_PIXELS = 24_000_000
_POINTS_PER_INCH = 72
# Lines that OCR is less sure of than this, from 0 to 100, are mostly parts of drawings and stains.
_MIN_LINE_CONFIDENCE = 35.0
# So are signs without a letter or digit that it is less sure of than this.
_MIN_SIGN_CONFIDENCE = 70
# The sizes of one font differ from line to line. Lines outside these, in usual sizes, keep their size.
_MIN_BODY_SIZE, _MAX_BODY_SIZE = 0.8, 1.3
# A4, for pictures that do not know their size.
PAGE_WIDTH_POINTS = 595.0


def is_scanned(pdf: pypdfium2.PdfDocument, number: int, lines: Sequence[Line]) -> bool:
    """Return whether a page has a picture of text rather than text, so that only OCR can read it.

    A stamp of the scanner's program on a picture of the page does not count as text.
    """
    if sum(len(line.text) for line in lines) > _MAX_STAMP_CHARS:
        return False
    try:
        page = pdf[number]
    except pypdfium2.PdfiumError:
        return False
    try:
        # Letters may also be drawn as paths.
        if not lines:
            return bool(raw.FPDFPage_CountObjects(page) > 0)
        width, height = page.get_size()
        pictures = page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=_MAX_PICTURE_DEPTH)
        return any(_share(picture.get_bounds(), width * height) > _MIN_PICTURE_SHARE for picture in pictures)
    except pypdfium2.PdfiumError:
        return False
    finally:
        page.close()


def _share(bounds: tuple[float, float, float, float], area: float) -> float:
    left, bottom, right, top = bounds
    return (right - left) * (top - bottom) / max(area, 1.0)


def render_page(data: bytes, number: int, name: str) -> tuple[Image.Image, int]:
    """Return a page (from 0) as displayed, in grey, and its dots per inch. Raises DocumentError."""
    with open_pdf(data, name) as pdf:
        page = pdf[number]
        width, height = (max(side, 1.0) for side in page.get_size())
        dpi = min(max(_picture_dpi(page), _MIN_DPI), _MAX_DPI)
        scale = min(dpi / _POINTS_PER_INCH, (MAX_PIXELS / (width * height)) ** 0.5)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        if max(size) > MAX_PIXELS // 1000:
            raise DocumentError(name, f"page {number + 1} is too long and narrow to be read by OCR")
        bitmap = pypdfium2.PdfBitmap.new_native(*size, raw.FPDFBitmap_Gray)
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, *size)
        raw.FPDF_RenderPageBitmap(bitmap, page, 0, 0, *size, 0, raw.FPDF_ANNOT)
        image: Image.Image = bitmap.to_pil().copy()
        bitmap.close()
        page.close()
        return image, round(scale * _POINTS_PER_INCH)


def _picture_dpi(page: pypdfium2.PdfPage) -> float:
    """Return the dots per inch of the picture that covers most of a page, or the usual ones without it."""
    width, height = page.get_size()
    for picture in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=_MAX_PICTURE_DEPTH):
        left, bottom, right, top = picture.get_bounds()
        if (right - left) * (top - bottom) > _MIN_PICTURE_SHARE * width * height:
            pixels = max(picture.get_px_size())
            return float(_POINTS_PER_INCH * pixels / max(right - left, top - bottom))
    return _USUAL_DPI


# The lines of scanned pages


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
                index: word
                for index, word in enumerate(scanned.words, ordinal)
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
