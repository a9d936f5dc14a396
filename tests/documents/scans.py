"""Scanned pages for tests: text drawn as a picture, as a .png file or as a PDF file without text."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from retrieval.ocr.scanned_page import ScannedLine, ScannedPage, ScannedWord

_DPI = 150
_WIDTH, _HEIGHT = 1240, 1754
_MARGIN, _LINE = 120, 56


def draw_page(lines: Sequence[str], *, turn: int = 0) -> Image.Image:
    """Return a page of A4 at 150 dots per inch with these lines; turned by some degrees clockwise."""
    page = Image.new("L", (_WIDTH, _HEIGHT), 245)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(30)
    for number, line in enumerate(lines):
        pen.text((_MARGIN, _MARGIN + number * _LINE), line, 25, font)
    return page.rotate(-turn, expand=True) if turn else page


def make_png(lines: Sequence[str], *, turn: int = 0) -> bytes:
    file = io.BytesIO()
    draw_page(lines, turn=turn).save(file, "PNG", dpi=(_DPI, _DPI))
    return file.getvalue()


def make_tiff(pages: Sequence[Sequence[str]]) -> bytes:
    return _save(pages, "TIFF", dpi=(_DPI, _DPI))


def make_scanned_pdf(pages: Sequence[Sequence[str]]) -> bytes:
    return _save(pages, "PDF", resolution=_DPI)


def _save(pages: Sequence[Sequence[str]], kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    first, *others = (draw_page(lines) for lines in pages)
    first.save(file, kind, save_all=True, append_images=others, **options)
    return file.getvalue()


def scanned_page(lines: Sequence[str], confidence: int = 95, *, size: int = 30) -> ScannedPage:
    """Return what a perfect OCR would read on `draw_page`, with this confidence."""
    scanned = []
    for number, line in enumerate(lines):
        base, left, words = _MARGIN + number * _LINE + size, _MARGIN, []
        for word in line.split():
            right = left + len(word) * size // 2
            words.append(ScannedWord(word, left, base - size, right, base, confidence))
            left = right + size // 2
        scanned.append(ScannedLine(tuple(words), base, size))
    return ScannedPage(_WIDTH, _HEIGHT, tuple(line for line in scanned if line.words), "eng")
