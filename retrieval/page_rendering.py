"""Renders pages of PDF files with a quote highlighted.

A malicious file can crash PDFium and its process, so
`retrieval.documents.page_pictures.render_page_picture` runs this in a process of its own.
"""

import ctypes
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import pypdfium2
from PIL import Image, ImageChops, ImageOps, ImageStat
from pypdfium2 import raw

from retrieval.errors import DocumentError
from retrieval.loaders.formats import is_picture_name
from retrieval.loaders.pdf.characters import Area, PageChars, open_pdf
from retrieval.loaders.pdf.lines_and_columns import Line
from retrieval.loaders.pdf.page_tables import PageTable, find_tables
from retrieval.loaders.pdf.pdf import page_lines, table_above
from retrieval.loaders.pdf.scans import scanned_lines
from retrieval.loaders.pictures import open_picture
from retrieval.ocr.scanned_page import ScannedPage

# Telegram takes photos whose width and height add up to at most 10,000, and shows them no larger than this.
_MAX_SIDE_PIXELS = 2000
# Limit for the longer side relative to the shorter. Longer pages are cropped around the quote.
_MAX_ASPECT_RATIO = 3.0
_CROP_ASPECT_RATIO = 2.0
_MAX_JPEG_BYTES = 5_000_000
# Tried in this order until the image is small enough.
_JPEG_QUALITIES = (88, 70, 40)
_YELLOW = (255, 232, 64)
# Limit for the median pixel below the marks, from 0 to 255. A darker background gets a translucent mark.
_MAX_DARK_LUMINANCE = 110
_DARK_MARK_OPACITY = 0.45
# Characters with a wider gap between them, in line heights, are marked separately.
_MAX_GAP_HEIGHTS = 1.5
# Fewer characters at the end or start of a line match a part of the quote by chance.
_MIN_PARTIAL_MATCH_CHARS = 4
_HYPHENS = "-\u2010\u00ad"

# Left, top, right, bottom, in pixels.
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class MarkedArea:
    """A part of a quote within one line: its text with trailing space, and its area in points, y upward."""

    text: str
    left: float
    bottom: float
    right: float
    top: float


def render_quote_picture(data: bytes, page: int, quote: str, name: str = "document.pdf") -> bytes | None:
    """Return a page (from 1) as a JPEG of at most 2,000 pixels a side and 5 MB, the quote marked in yellow.

    Only the part of the quote that is on this page is marked. Returns None if no part of it is. Raises
    DocumentError.
    """
    with open_pdf(data, name) as pdf:
        chars, marks = _locate_quote(pdf, page, quote)
        return _encode_jpeg(_draw_page(chars.page, marks), name) if chars and marks else None


def render_scanned_picture(data: bytes, page: int, quote: str, scan: ScannedPage, name: str) -> bytes | None:
    """Return a scanned page as `render_quote_picture` does, upright, with the words of the quote marked.

    `scan` is what OCR has read on the page. Raises DocumentError.
    """
    words = _scanned_boxes(scan, quote)
    if not words:
        return None
    image = _scanned_image(data, page - 1, name)
    image = image.rotate(-scan.turned, expand=True) if scan.turned else image
    size = _picture_size(*image.size)
    across, down = size[0] / scan.width, size[1] / scan.height
    boxes = [
        (round(left * across) - 1, round(top * down), round(right * across) + 1, round(bottom * down))
        for left, top, right, bottom in words
    ]
    crop = _crop_box(size, boxes[0])
    part = image.resize(size, Image.Resampling.LANCZOS).crop(crop)
    return _encode_jpeg(_with_marks(part, crop, boxes), name)


def _scanned_boxes(scan: ScannedPage, quote: str) -> list[Box]:
    """Return the boxes of a quote's lines, in pixels of the scan."""
    lines = scanned_lines({0: scan}).pages[0]
    words = scan.words
    boxes = []
    for number, offsets in _matched_offsets(lines, quote) if lines else ():
        quoted_words = [
            words[index] for index in sorted({lines[number].char_indices[offset] for offset in offsets})
        ]
        boxes.append(
            (
                min(word.left for word in quoted_words),
                min(word.top for word in quoted_words),
                max(word.right for word in quoted_words),
                max(word.bottom for word in quoted_words),
            )
        )
    return boxes


def _scanned_image(data: bytes, number: int, name: str) -> Image.Image:
    """Return a page (from 0) as displayed. Raises DocumentError."""
    if is_picture_name(name):
        with open_picture(data, name, number) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")
    with open_pdf(data, name) as pdf:
        page = pdf[number]
        size = _picture_size(*page.get_size())
        return _render_crop(page, size, (0, 0, *size))


def _locate_quote(
    pdf: pypdfium2.PdfDocument, page: int, quote: str
) -> tuple[PageChars | None, list[MarkedArea]]:
    """Return the characters of a page (from 1), or None without any, and the areas of the quote on it."""
    content = page_lines(pdf, page - 1) if 1 <= page <= len(pdf) else None
    if content is None:
        return None, []
    lines, chars = content
    tables = find_tables(chars, lines)
    rows = _quoted_rows(tables, quote)
    may_continue = any(table.ruled and table.ruled.is_first for table in tables)
    if not rows and may_continue and (above := table_above(pdf, page - 1)):
        rows = _quoted_rows(find_tables(chars, lines, above), quote)
    if rows:
        return chars, [
            mark
            for row in rows
            for mark in _mark_chars(
                chars, row, [offset for offset, char in enumerate(row.text) if _is_significant(char)]
            )
        ]
    return chars, [
        mark
        for number, offsets in _matched_offsets(lines, quote)
        for mark in _mark_chars(chars, lines[number], offsets)
    ]


def _matched_offsets(lines: Sequence[Line], quote: str) -> list[tuple[int, list[int]]]:
    """Return the numbers of the lines that have a part of the quote, and the offsets of its characters."""
    # Line number and offset in the line of each significant character.
    positions = [
        (number, offset)
        for number, line in enumerate(lines)
        for offset, char in enumerate(line.text)
        if _is_significant(char)
    ]
    page_text = "".join(lines[number].text[offset] for number, offset in positions)
    line_ends = [index for index in range(1, len(positions)) if positions[index][0] > positions[index - 1][0]]
    ranges = _match_ranges(page_text, "".join(filter(_is_significant, quote)), [*line_ends, len(positions)])
    matched = [positions[index] for start, end in ranges for index in range(start, end)]
    return [
        (number, [offset for _, offset in group])
        for number, group in groupby(matched, key=lambda position: position[0])
    ]


def _quoted_rows(tables: Sequence[PageTable], quote: str) -> list[Line]:
    """Return the lines of table rows in a quote, which has them with the names of their columns."""
    rows = (line for table in tables for row in table.rows if row.line.text in quote for line in row.sources)
    return list({id(row): row for row in rows}.values())


def _is_significant(char: str) -> bool:
    """Return whether a character is compared. Line breaks change spaces and hyphens."""
    return not char.isspace() and char not in _HYPHENS


def _match_ranges(page_text: str, quote: str, line_ends: Sequence[int]) -> list[tuple[int, int]]:
    """Return the ranges of `page_text` that contain the quote, or else its beginning and end.

    If the quote continues on another page or after a footnote, its beginning is at the end of a line, its end
    at the start of a line, or both.
    """
    start = page_text.find(quote)
    if start >= 0 and quote:
        return [(start, start + len(quote))]
    head, head_end = max((_overlap_length(page_text[:end], quote), end) for end in line_ends)
    tail, tail_start = max(
        (_overlap_length(page_text[start:][::-1], quote[::-1]), start) for start in (0, *line_ends[:-1])
    )
    matches = [(head, head_end - head, head_end), (tail, tail_start, tail_start + tail)]
    if head + tail < len(quote):
        matches = [max(matches)]
    return [(start, end) for length, start, end in matches if length >= _MIN_PARTIAL_MATCH_CHARS]


def _overlap_length(text: str, quote: str) -> int:
    """Return the length of the longest end of `text` with which the quote begins, if it is not the whole."""
    max_length = min(len(text), len(quote) - 1)
    return next((length for length in range(max_length, 0, -1) if text.endswith(quote[:length])), 0)


def _mark_chars(chars: PageChars, line: Line, offsets: Sequence[int]) -> Iterator[MarkedArea]:
    """Yield the areas of the characters at these offsets in a line, one for each run without a wide gap."""
    areas = [chars.area(line.char_indices[offset]) for offset in offsets]
    bounds = _bounding_area(areas)
    max_gap = _MAX_GAP_HEIGHTS * line.height
    starts = [
        index for index in range(1, len(areas)) if _is_gap_above(areas[index - 1], areas[index], max_gap)
    ]
    for start, end in pairwise([0, *starts, len(areas)]):
        area = _bounding_area(areas[start:end])
        # All marks of a line have the height of the highest.
        if chars.is_sideways:
            area = area._replace(left=bounds.left, right=bounds.right)
        else:
            area = area._replace(bottom=bounds.bottom, top=bounds.top)
        text_end = offsets[end] if end < len(offsets) else offsets[-1] + 1
        yield MarkedArea(line.text[offsets[start] : text_end] + " " * (end == len(areas)), *area)


def _bounding_area(areas: Sequence[Area]) -> Area:
    left, bottom, right, top = zip(*areas, strict=True)
    return Area(min(left), min(bottom), max(right), max(top))


def _is_gap_above(first: Area, second: Area, max_gap: float) -> bool:
    horizontal = max(first.left, second.left) - min(first.right, second.right)
    vertical = max(first.bottom, second.bottom) - min(first.top, second.top)
    return max(horizontal, vertical) > max_gap


def _draw_page(page: pypdfium2.PdfPage, marks: Sequence[MarkedArea]) -> Image.Image:
    size = _picture_size(*page.get_size())
    boxes = [_pixel_box(page, size, mark) for mark in marks]
    crop = _crop_box(size, boxes[0])
    return _with_marks(_render_crop(page, size, crop), crop, boxes)


def _picture_size(width: float, height: float) -> tuple[int, int]:
    """Return the size in pixels of a page to draw. A picture shows only a part of a long page."""
    width, height = max(1.0, width), max(1.0, height)
    ratio = _CROP_ASPECT_RATIO if _is_long(width, height) else _MAX_ASPECT_RATIO
    scale = _MAX_SIDE_PIXELS / min(max(width, height), ratio * min(width, height))
    return round(width * scale) or 1, round(height * scale) or 1


def _with_marks(image: Image.Image, crop: Box, boxes: Sequence[Box]) -> Image.Image:
    mask = Image.new("L", image.size)
    for left, top, right, bottom in boxes:
        mask.paste(255, (left - crop[0], top - crop[1], right - crop[0], bottom - crop[1]))
    return Image.composite(_highlight(image, mask), image, mask)


def _is_long(width: float, height: float) -> bool:
    return max(width, height) > _MAX_ASPECT_RATIO * min(width, height)


def _crop_box(size: tuple[int, int], box: Box) -> Box:
    """Return the part of a page of this size to draw: all of it, or of a long page the part around `box`."""
    left, top = (
        min(max(0, (start + end - _MAX_SIDE_PIXELS) // 2), max(0, side - _MAX_SIDE_PIXELS))
        for start, end, side in zip(box[:2], box[2:], size, strict=True)
    )
    return left, top, min(size[0], left + _MAX_SIDE_PIXELS), min(size[1], top + _MAX_SIDE_PIXELS)


def _pixel_box(page: pypdfium2.PdfPage, size: tuple[int, int], mark: MarkedArea) -> Box:
    """Return the position of a mark on the page as displayed, rotation included, at this size in pixels."""
    x, y = ctypes.c_int(), ctypes.c_int()
    corners = []
    for across, up in ((mark.left, mark.bottom), (mark.right, mark.top)):
        raw.FPDF_PageToDevice(page, 0, 0, *size, 0, across, up, x, y)
        corners.append((x.value, y.value))
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(*corners, strict=True))
    return left - 1, top, right + 1, bottom


def _render_crop(page: pypdfium2.PdfPage, size: tuple[int, int], crop: Box) -> Image.Image:
    left, top, right, bottom = crop
    bitmap = pypdfium2.PdfBitmap.new_native(right - left, bottom - top, raw.FPDFBitmap_BGR)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, right - left, bottom - top)
    raw.FPDF_RenderPageBitmap(bitmap, page, -left, -top, *size, 0, raw.FPDF_ANNOT)
    image: Image.Image = bitmap.to_pil().convert("RGB")
    bitmap.close()
    return image


def _highlight(image: Image.Image, mask: Image.Image) -> Image.Image:
    """Return the image tinted yellow: multiplied, or blended if the background below the mask is dark."""
    yellow = Image.new("RGB", image.size, _YELLOW)
    if ImageStat.Stat(image.convert("L"), mask).median[0] < _MAX_DARK_LUMINANCE:
        return Image.blend(image, yellow, _DARK_MARK_OPACITY)
    return ImageChops.multiply(image, yellow)


def _encode_jpeg(image: Image.Image, name: str) -> bytes:
    for quality in _JPEG_QUALITIES:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= _MAX_JPEG_BYTES:
            return file.getvalue()
    raise DocumentError(name, "has a page that cannot be compressed to a photo's size")
