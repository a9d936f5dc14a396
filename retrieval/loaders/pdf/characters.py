"""PDFium: opens files, and returns the characters of a page with their positions and sizes."""

import ctypes
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import hypot
from threading import Lock
from typing import NamedTuple

import pypdfium2
from pypdfium2 import raw

from retrieval.errors import DocumentError, ProblemKind

# PDFium is not thread-safe, not even across documents.
_LOCK = Lock()
# It warns of forms that it cannot run as programs, whose fields it reads.
logging.getLogger("pypdfium2").setLevel(logging.ERROR)
_REASONS = {
    raw.FPDF_ERR_PASSWORD: "needs a password; save it without one",
    raw.FPDF_ERR_SECURITY: "is protected in a way that cannot be read; save it without protection",
    raw.FPDF_ERR_FORMAT: "is not a PDF, or is cut short or damaged; copy it again, or save it again",
}
_PROTECTED = {raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY}
_DAMAGED = "is damaged; save it again"
_MIN_FONT_POINTS, _MAX_FONT_POINTS = 2.0, 300.0


@contextmanager
def open_pdf(data: bytes, name: str) -> Iterator[pypdfium2.PdfDocument]:
    """Open a PDF, one at a time in the process. Raises DocumentError, also for PDFium errors in the block."""
    with _LOCK:
        try:
            pdf = pypdfium2.PdfDocument(data)
            try:
                if not len(pdf):
                    raise DocumentError(name, _DAMAGED)
                yield pdf
            finally:
                pdf.close()
        except pypdfium2.PdfiumError as error:
            # PDFium may report the error of an earlier file.
            is_reliable = error.err_code != raw.FPDF_ERR_PASSWORD or b"/Encrypt" in data
            reason = _REASONS.get(error.err_code, _DAMAGED) if is_reliable else _DAMAGED
            is_protected = is_reliable and error.err_code in _PROTECTED
            kind = ProblemKind.PROTECTED if is_protected else ProblemKind.UNREADABLE
            raise DocumentError(name, reason, kind=kind) from None


class Area(NamedTuple):
    """A rectangle in points; x grows to the right, y upward."""

    left: float
    bottom: float
    right: float
    top: float


class PageChars:
    """The characters of a page by index."""

    def __init__(self, page: pypdfium2.PdfPage) -> None:
        """Load the characters of the page. Raises PdfiumError."""
        self.page = page
        self._quarter_turns: int = page.get_rotation() // 90
        self._text = page.get_textpage()
        self.count = max(0, raw.FPDFText_CountChars(self._text))
        self._rectangle, self._matrix = raw.FS_RECTF(), raw.FS_MATRIX()
        self._x, self._y = ctypes.c_double(), ctypes.c_double()

    @property
    def is_sideways(self) -> bool:
        """Whether the page is rotated by 90 or 270 degrees for display."""
        return bool(self._quarter_turns % 2)

    @property
    def is_turned(self) -> bool:
        """Whether the page is rotated for display at all."""
        return bool(self._quarter_turns)

    def close(self) -> None:
        """Free the memory of the page; must happen before the document is closed."""
        self._text.close()
        self.page.close()

    def area(self, char_index: int) -> Area:
        """Return the area of a character in the file's coordinates, as high as its font."""
        rectangle = self._rectangle
        raw.FPDFText_GetLooseCharBox(self._text, char_index, rectangle)
        return Area(rectangle.left, rectangle.bottom, rectangle.right, rectangle.top)

    def box(self, char_index: int) -> Area:
        """Return the area of a character on the page as displayed."""
        area = self.area(char_index)
        if self._quarter_turns == 0:
            return area
        ends = self.displayed(*area[:2]), self.displayed(*area[2:])
        (left, right), (bottom, top) = (sorted(pair) for pair in zip(*ends, strict=True))
        return Area(left, bottom, right, top)

    def base(self, char_index: int) -> float:
        """Return the baseline of a character."""
        raw.FPDFText_GetCharOrigin(self._text, char_index, self._x, self._y)
        return self.displayed(self._x.value, self._y.value)[1]

    def size(self, char_index: int) -> float:
        """Return the font size of a character in points, at least 1."""
        matrix = self._matrix
        raw.FPDFText_GetMatrix(self._text, char_index, matrix)
        size = raw.FPDFText_GetFontSize(self._text, char_index) * hypot(matrix.c, matrix.d)
        if _MIN_FONT_POINTS < size < _MAX_FONT_POINTS:
            return float(size)
        area = self.area(char_index)  # fonts made of drawings have units of their own
        return max(area.top - area.bottom, area.right - area.left, 1.0)

    def is_drawn(self, char_index: int) -> bool:
        """Return whether a character is in the document, not inserted by PDFium."""
        return bool(raw.FPDFText_GetTextObject(self._text, char_index))

    def text(self) -> tuple[str, Sequence[int]]:
        """Return all characters, each of one UTF-16 unit, and their indices."""
        units = (ctypes.c_ushort * (self.count + 1))()
        written = max(0, raw.FPDFText_GetText(self._text, 0, self.count, units) - 1)
        text = bytes(units)[: 2 * written].decode("utf-16-le", "surrogatepass")
        if len(text) != written:  # there are surrogate pairs
            text = "".join(map(chr, units[:written]))
        if written == self.count:
            return text, range(written)
        return text, [raw.FPDFText_GetCharIndexFromTextIndex(self._text, unit) for unit in range(written)]

    def displayed(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the file's coordinates is on the page as displayed."""
        return ((x, y), (y, -x), (-x, -y), (-y, x))[self._quarter_turns]
