"""Pictures of pages: photos and scans as .jpg, .png or .tif, which have the text that OCR reads on them."""

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from PIL import Image, ImageOps, UnidentifiedImageError

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.document_builder import title_from_name
from retrieval.loaders.pdf import pdf
from retrieval.loaders.pdf.pdf import PdfContents
from retrieval.loaders.pdf.scans import scanned_lines
from retrieval.model import Document
from retrieval.ocr.scanned_page import ScannedPage

_FORMATS = ("JPEG", "PNG", "TIFF")
_MAX_PAGES = 2_000
_MAX_PIXELS = 120_000_000
# Larger photos are reduced to this: a page of A4 at 300 dots per inch has 8.7 million.
_MAX_READ_PIXELS = 12_000_000
# Letters in smaller pictures have too few dots, and most such pictures are icons.
_MIN_SIDE_PIXELS = 300
_MIN_DPI, _MAX_DPI = 70, 600
_PAGE_WIDTH_INCHES = 8.27


def load(data: bytes, name: str, scans: Mapping[int, ScannedPage]) -> Document:
    """Read a picture of one or more pages; `scans` are those that OCR has read. Raises DocumentError."""
    with open_picture(data, name) as image:
        count = getattr(image, "n_frames", 1)
        if count > _MAX_PAGES:
            raise DocumentError(
                name, f"has more than {_MAX_PAGES} pages; split it", kind=ProblemKind.TOO_LARGE
            )
        if min(image.size) < _MIN_SIDE_PIXELS:
            raise DocumentError(
                name,
                "is too small a picture to contain text that OCR could read",
                kind=ProblemKind.PICTURES,
            )
    read = scanned_lines({number: page for number, page in scans.items() if number < count})
    contents = PdfContents(
        title=title_from_name(name),
        outline=(),
        labels=tuple(str(number) for number in range(1, count + 1)),
        pages=tuple(read.pages.get(number, []) for number in range(count)),
        rows=frozenset(),
        annotations=tuple([] for _ in range(count)),
        scan_marks=read.marks,
        scanned_pages=sum(map(bool, read.pages.values())),
        unread_pages=tuple(number for number in range(count) if number not in scans),
    )
    return pdf.build(contents, name)


def page_picture(data: bytes, number: int, name: str) -> tuple[Image.Image, int]:
    """Return a page (from 0) upright, in grey, for OCR, and its dots per inch. Raises DocumentError."""
    with open_picture(data, name, number) as image:
        dots = image.info.get("dpi", (0,))[0]
        upright = ImageOps.exif_transpose(image).convert("L")
    width, height = upright.size
    dpi = (
        round(float(dots)) if _MIN_DPI <= dots <= _MAX_DPI else round(min(width, height) / _PAGE_WIDTH_INCHES)
    )
    ratio = min(1.0, (_MAX_READ_PIXELS / (width * height)) ** 0.5)
    if ratio < 1:
        upright = upright.resize((round(width * ratio), round(height * ratio)), Image.Resampling.LANCZOS)
    return upright, min(max(round(dpi * ratio), _MIN_DPI), _MAX_DPI)


@contextmanager
def open_picture(data: bytes, name: str, number: int = 0) -> Iterator[Image.Image]:
    """Open a page (from 0) of a picture. Raises DocumentError, also for errors of Pillow in the block."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                if number:
                    image.seek(number)
                _check_size(image, name)
                yield image
    except DocumentError:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise DocumentError(name, "is not a picture that can be read; save it as .png or .jpg") from None
    except (
        OSError,
        ValueError,
        SyntaxError,
        LookupError,
        TypeError,
        AttributeError,
        EOFError,
        ArithmeticError,
    ):
        raise DocumentError(name, "is damaged; save it again") from None


def _check_size(image: Image.Image, name: str) -> None:
    if image.width * image.height > _MAX_PIXELS:
        raise DocumentError(
            name,
            f"has more than {_MAX_PIXELS // 10**6} million pixels; reduce it",
            kind=ProblemKind.TOO_LARGE,
        )
