"""Pictures of PDF pages for OCR, and which pages need it."""

import pypdfium2
from PIL import Image
from pypdfium2 import raw

from retrieval.errors import DocumentError
from retrieval.loaders.pdf.reader import open_pdf

# Pages are rendered with the dots of their scan, within these limits: enlarged, they are read no better.
_MIN_DPI, _USUAL_DPI, _MAX_DPI = 72, 200, 300
_MIN_PICTURE_SHARE = 0.5
_MAX_PICTURE_DEPTH = 3
# A page of A3 at 300 dots per inch has 17 million. Larger ones are reduced.
MAX_PIXELS = 24_000_000
_POINTS_PER_INCH = 72


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
