"""The marks of a quote on a page of a PDF file, without the picture of it."""

from retrieval import page_rendering
from retrieval.loaders.pdf.characters import open_pdf
from retrieval.page_rendering import MarkedArea


def find_marks(data: bytes, page: int, quote: str, name: str = "document.pdf") -> list[MarkedArea]:
    """Return the areas of a quote on a page (from 1) in reading order. Raises DocumentError."""
    with open_pdf(data, name) as pdf:
        return page_rendering._locate_quote(pdf, page, quote)[1]


def marked_text(data: bytes, page: int, quote: str, name: str = "document.pdf") -> str:
    """Return the text of the marked areas, lines separated by spaces. Raises DocumentError."""
    return "".join(mark.text for mark in find_marks(data, page, quote, name)).rstrip()
