"""Word documents before 2007 (.doc), which LibreOffice converts if it is installed."""

from retrieval.loaders import libreoffice
from retrieval.loaders.ooxml import docx
from retrieval.loaders.text import rtf
from retrieval.model import Document


def load(data: bytes, name: str) -> Document:
    """Load a .doc file; many files with this suffix are Rich Text or .docx. Raises DocumentError."""
    if libreoffice.is_needed(data):
        return docx.load(libreoffice.convert_to_docx(data, name), name)
    if data[:64].lstrip().startswith(libreoffice.RICH_TEXT):
        return rtf.load(data, name)
    return docx.load(data, name)
