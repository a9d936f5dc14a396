"""Which loader reads which file: one line a format."""

from pathlib import Path
from typing import Protocol

from retrieval.errors import DocumentError
from retrieval.loading import markdown, plain
from retrieval.model import Document


class Loader(Protocol):
    """Reads one format."""

    def __call__(self, data: bytes, name: str) -> Document:
        """Turn a file's bytes into a Document; raises DocumentError, and no other exception."""


LOADERS: dict[str, Loader] = {".txt": plain.load, ".text": plain.load, ".md": markdown.load, ".markdown": markdown.load}
LARGEST = 64 * 1024 * 1024


def load(file: Path, name: str) -> tuple[Document, bytes]:
    """Read one file by its ending; give the bytes too, for their digest.

    Raises DocumentError when the format is unknown, the file cannot be read, is too large, or holds no text.
    """
    loader = LOADERS.get(file.suffix.lower())
    if loader is None:
        raise DocumentError(name, f"no loader for {file.suffix or 'a file without an ending'}; use {', '.join(LOADERS)}")
    try:
        size = file.stat().st_size
        if size > LARGEST:
            raise DocumentError(name, f"{size / 2**20:.0f} MB is over the {LARGEST // 2**20} MB a document may have; split it")
        data = file.read_bytes()
    except OSError as error:
        raise DocumentError(name, f"cannot be read ({error.strerror or error}); check its permissions") from None
    document = loader(data, name)
    if not document.blocks:
        raise DocumentError(name, "holds no text; remove it or fill it")
    return document, data
