"""PDFium, which reads and draws PDF files: its errors made ours, and one thread at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import pypdfium2
from pypdfium2 import raw

from retrieval.errors import DocumentError

# PDFium is not safe for threads, not even for several documents.
_LOCK = Lock()
_REASONS = {
    raw.FPDF_ERR_PASSWORD: "needs a password; save it without one",
    raw.FPDF_ERR_SECURITY: "is protected in a way that cannot be read; save it without protection",
    raw.FPDF_ERR_FORMAT: "is no PDF, cut short or damaged; copy it anew, or save it anew",
}
_DAMAGED = "is damaged; save it anew"


@contextmanager
def opened(data: bytes, name: str) -> Iterator[pypdfium2.PdfDocument]:
    """Open a PDF while the block lasts; others wait. Raises DocumentError, for errors within it as well."""
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
            # PDFium may tell why it refused the file before this one.
            is_told = error.err_code != raw.FPDF_ERR_PASSWORD or b"/Encrypt" in data
            reason = _REASONS.get(error.err_code, _DAMAGED) if is_told else _DAMAGED
            raise DocumentError(name, reason) from None
