"""Which loader reads which file: one line a format."""

from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Protocol

from retrieval.errors import DocumentError
from retrieval.model import Document


class Loader(Protocol):
    """Reads one format; `load` of each module here."""

    def __call__(self, data: bytes, name: str) -> Document:
        """Turn a file's bytes into a Document; raises DocumentError, and no other exception."""


# By the names of modules: one that needs a library is imported when the first such file is.
LOADERS = {
    ".txt": "text.plain_text",
    ".text": "text.plain_text",
    ".md": "text.markdown",
    ".markdown": "text.markdown",
    ".csv": "text.csv",
    ".tsv": "text.csv",
    ".docx": "ooxml.docx",
    ".html": "html.html",
    ".htm": "html.html",
    ".xhtml": "html.html",
    ".epub": "html.epub",
    ".pptx": "ooxml.pptx",
    ".xlsx": "ooxml.xlsx",
    ".pdf": "pdf.pdf",
}
LARGEST = 64 * 1024 * 1024
# Most of a large one is pictures, which are not read.
_LARGER = {".pdf": 256 * 1024 * 1024}


def read(file: Path, name: str) -> bytes:
    """Read one file's bytes.

    Raises DocumentError when its format is unknown, it cannot be read, or it is too large.
    """
    if file.suffix.lower() not in LOADERS:
        kind = f"{file.suffix} files" if file.suffix else "files without an ending"
        raise DocumentError(name, f"{kind} cannot be read yet; save it as one of {', '.join(LOADERS)}")
    try:
        size = file.stat().st_size
        largest = _LARGER.get(file.suffix.lower(), LARGEST)
        if size > largest:
            most = largest // 2**20
            raise DocumentError(
                name, f"{size / 2**20:.0f} MB is more than the {most} MB a document may have; split it"
            )
        return file.read_bytes()
    except FileNotFoundError:
        raise DocumentError(name, "is gone since the folder was listed; read the folder again") from None
    except OSError as error:
        raise DocumentError(name, f"cannot be read ({error.strerror}); check its permissions") from None


def load(data: bytes, name: str) -> Document:
    """Turn a file's bytes into a Document by its name's ending; raises DocumentError."""
    module = LOADERS[PurePosixPath(name).suffix.lower()]
    loader: Loader = import_module(f"{__package__}.{module}").load
    document = loader(data, name)
    if not document.blocks:
        raise DocumentError(name, "holds no text; fill it or remove it")
    return document
