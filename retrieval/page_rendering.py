"""Pictures of the pages of PDF files with a quote marked on them.

A malicious file can crash PDFium and its process, so `retrieval.documents.ingestion.render_page` runs this
in a process of its own.
"""

import ctypes
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import pypdfium2
from PIL import Image, ImageChops, ImageStat
from pypdfium2 import raw

from retrieval.errors import DocumentError
from retrieval.loaders.pdf.chars import Area, PageChars
from retrieval.loaders.pdf.lines import Line
from retrieval.loaders.pdf.reader import open_pdf, page_lines

# In pixels. Telegram takes photos up to 10,000 of width and height together, and shows them at most so large.
_LONGEST_SIDE = 2000
# Of a page that is longer than this (in widths), only the part around the quote is drawn.
_LONGEST_PAGE = 3.0
_PART = 2.0
_MOST_BYTES = 5_000_000
_QUALITIES = (88, 70, 40)
_YELLOW = (255, 232, 64)
# Of 255.
_DARK = 110
_OVER_DARK = 0.45
# Letters further apart than this, in heights of them, are marked apart.
_APART = 1.5
# A few letters that end a line tell nothing about where a quote goes over the page.
_FEWEST_LETTERS = 4
_NOT_COUNTED = "-\u2010\u00ad"

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class MarkedArea:
    """A part of a quote in one line: its words, the space after them, and its place in points, y upward."""

    text: str
    left: float
    bottom: float
    right: float
    top: float


def render_quote(data: bytes, page: int, quote: str, name: str = "document.pdf") -> bytes | None:
    """Draw a page (from 1) as a JPEG of at most 2,000 pixels a side and 5 MB, the quote marked in yellow.

    What of the quote is on another page is not marked; nothing when none of it is on this one. Raises
    DocumentError, which names the document.
    """
    with open_pdf(data, name) as pdf:
        leaf, found = _found(pdf, page, quote)
        return _encoded(_drawn(leaf.page, found), name) if leaf and found else None


def marks(data: bytes, page: int, quote: str, name: str = "document.pdf") -> list[MarkedArea]:
    """Return the areas of a quote on a page (counted from 1) in reading order. Raises DocumentError."""
    with open_pdf(data, name) as pdf:
        return _found(pdf, page, quote)[1]


def marked_text(data: bytes, page: int, quote: str, name: str = "document.pdf") -> str:
    """Return the words in the marked areas, lines separated by spaces. Raises DocumentError."""
    return "".join(mark.text for mark in marks(data, page, quote, name)).rstrip()


# Finding


def _found(pdf: pypdfium2.PdfDocument, page: int, quote: str) -> tuple[PageChars | None, list[MarkedArea]]:
    read = page_lines(pdf, page - 1) if 1 <= page <= len(pdf) else None
    if read is None:
        return None, []
    lines, leaf = read
    letters = [
        (number, at)
        for number, line in enumerate(lines)
        for at, letter in enumerate(line.text)
        if _counts(letter)
    ]
    said = "".join(lines[number].text[at] for number, at in letters)
    ends = [at for at in range(1, len(letters)) if letters[at][0] > letters[at - 1][0]]
    wanted = "".join(filter(_counts, quote))
    marked = [
        letters[at] for start, end in _where(said, wanted, [*ends, len(letters)]) for at in range(start, end)
    ]
    return leaf, [
        mark
        for number, part in groupby(marked, key=lambda letter: letter[0])
        for mark in _marks(leaf, lines[number], [at for _, at in part])
    ]


def _counts(letter: str) -> bool:
    """Return whether a character counts when a quote is looked up on a page: spaces and hyphens do not."""
    return not letter.isspace() and letter not in _NOT_COUNTED


def _where(said: str, wanted: str, ends: Sequence[int]) -> list[tuple[int, int]]:
    """Find a quote in what a page says, whose lines end at `ends`.

    If it is not there as a whole, it goes on elsewhere from a line's end, or here at a line's begin: over two
    pages, or beyond a note on this one.
    """
    whole = said.find(wanted)
    if whole >= 0 and wanted:
        return [(whole, whole + len(wanted))]
    head, end = max((_common(said[:end], wanted), end) for end in ends)
    tail, begin = max((_common(said[begin:][::-1], wanted[::-1]), begin) for begin in (0, *ends[:-1]))
    found = [(head, end - head, end), (tail, begin, begin + tail)]
    if head + tail < len(wanted):
        found = [max(found)]
    return [(start, stop) for count, start, stop in found if count >= _FEWEST_LETTERS]


def _common(said: str, wanted: str) -> int:
    """Count the letters that a text ends with and a quote begins with."""
    most = min(len(said), len(wanted) - 1)
    return next((count for count in range(most, 0, -1) if said.endswith(wanted[:count])), 0)


def _marks(leaf: PageChars, line: Line, offsets: Sequence[int]) -> Iterator[MarkedArea]:
    """Mark letters of a line, apart where other letters or a gap are between them."""
    areas = [leaf.area(line.places[at]) for at in offsets]
    whole = _around(areas)
    apart = _APART * line.height
    starts = [at for at in range(1, len(areas)) if _is_apart(areas[at - 1], areas[at], apart)]
    for start, end in pairwise([0, *starts, len(areas)]):
        area = _around(areas[start:end])
        if leaf.is_sideways:  # all marks of a line are as high as the highest
            area = area._replace(left=whole.left, right=whole.right)
        else:
            area = area._replace(bottom=whole.bottom, top=whole.top)
        last = offsets[end] if end < len(offsets) else offsets[-1] + 1
        yield MarkedArea(line.text[offsets[start] : last] + " " * (end == len(areas)), *area)


def _around(areas: Sequence[Area]) -> Area:
    left, bottom, right, top = zip(*areas, strict=True)
    return Area(min(left), min(bottom), max(right), max(top))


def _is_apart(area: Area, box: Area, most: float) -> bool:
    across = max(area.left, box.left) - min(area.right, box.right)
    along = max(area.bottom, box.bottom) - min(area.top, box.top)
    return max(across, along) > most


# Drawing


def _drawn(page: pypdfium2.PdfPage, found: Sequence[MarkedArea]) -> Image.Image:
    width, height = (max(1.0, side) for side in page.get_size())
    part = min(max(width, height), (_PART if _is_long(width, height) else _LONGEST_PAGE) * min(width, height))
    scale = _LONGEST_SIDE / part
    size = round(width * scale) or 1, round(height * scale) or 1
    boxes = [_pixels(page, size, mark) for mark in found]
    window = _window(size, boxes)
    image = _rendered(page, size, window)
    mask = Image.new("L", image.size)
    for left, top, right, bottom in boxes:
        mask.paste(255, (left - window[0], top - window[1], right - window[0], bottom - window[1]))
    return Image.composite(_coloured(image, mask), image, mask)


def _is_long(width: float, height: float) -> bool:
    return max(width, height) > _LONGEST_PAGE * min(width, height)


def _window(size: tuple[int, int], boxes: Sequence[Box]) -> Box:
    """Choose the part of a page that is drawn: all of it, or of a long one that with the first mark."""
    corner = [
        min(
            max(0, (boxes[0][side] + boxes[0][side + 2] - _LONGEST_SIDE) // 2),
            max(0, size[side] - _LONGEST_SIDE),
        )
        for side in (0, 1)
    ]
    return (
        corner[0],
        corner[1],
        min(size[0], corner[0] + _LONGEST_SIDE),
        min(size[1], corner[1] + _LONGEST_SIDE),
    )


def _pixels(page: pypdfium2.PdfPage, size: tuple[int, int], mark: MarkedArea) -> Box:
    """Find a mark's place in a picture of the page of this size, y downward, however the page is turned."""
    across, down = ctypes.c_int(), ctypes.c_int()
    found = []
    for x, y in ((mark.left, mark.bottom), (mark.right, mark.top)):
        raw.FPDF_PageToDevice(page, 0, 0, *size, 0, x, y, across, down)
        found.append((across.value, down.value))
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(*found, strict=True))
    return left - 1, top, right + 1, bottom


def _rendered(page: pypdfium2.PdfPage, size: tuple[int, int], window: Box) -> Image.Image:
    left, top, right, bottom = window
    bitmap = pypdfium2.PdfBitmap.new_native(right - left, bottom - top, raw.FPDFBitmap_BGR)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, right - left, bottom - top)
    raw.FPDF_RenderPageBitmap(bitmap, page, -left, -top, *size, 0, raw.FPDF_ANNOT)
    image: Image.Image = bitmap.to_pil().convert("RGB")
    bitmap.close()
    return image


def _coloured(image: Image.Image, mask: Image.Image) -> Image.Image:
    """Lay yellow over a picture as a felt pen does; over dark paper as a thin sheet, or it were not seen."""
    yellow = Image.new("RGB", image.size, _YELLOW)
    if ImageStat.Stat(image.convert("L"), mask).median[0] < _DARK:
        return Image.blend(image, yellow, _OVER_DARK)
    return ImageChops.multiply(image, yellow)


def _encoded(image: Image.Image, name: str) -> bytes:
    for quality in _QUALITIES:
        made = io.BytesIO()
        image.save(made, "JPEG", quality=quality, optimize=True)
        if made.tell() <= _MOST_BYTES:
            return made.getvalue()
    raise DocumentError(name, "has a page that cannot be drawn small enough")
