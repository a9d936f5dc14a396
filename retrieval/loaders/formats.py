"""Maps file suffixes to loaders, reads files and loads documents."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.containers import MAX_FILE_BYTES, container_of, is_archive_name, read_packed_file
from retrieval.loaders.file_signatures import real_suffix
from retrieval.model import Document
from retrieval.ocr.scanned_page import ScannedPage


class Loader(Protocol):
    """The function of a loader module that reads a format."""

    def __call__(self, data: bytes, name: str) -> Document:
        """Return the document in a file's bytes. Raises DocumentError and no other exception."""


class ScanLoader(Protocol):
    """The same for a format that OCR helps to read."""

    def __call__(self, data: bytes, name: str, scans: Mapping[int, ScannedPage]) -> Document:
        """As a Loader does; `scans` are the pages (from 0) that OCR has read."""


# The module of a loader, and its function unless that is `load`. The module and the library it needs are
# imported when the first file of its format is loaded.
LOADERS = {
    ".txt": "text.plain_text",
    ".text": "text.plain_text",
    ".md": "text.markdown",
    ".markdown": "text.markdown",
    ".csv": "text.csv",
    ".tsv": "text.csv",
    ".docx": "ooxml.docx",
    ".doc": "doc",
    ".rtf": "text.rtf",
    ".html": "html.html",
    ".htm": "html.html",
    ".xhtml": "html.html",
    ".epub": "html.epub",
    ".fb2": "html.fb2",
    ".pptx": "ooxml.pptx",
    ".xlsx": "ooxml.xlsx",
    ".xls": "xls",
    ".odt": "opendocument:load_odt",
    ".odp": "opendocument:load_odp",
    ".ods": "opendocument:load_ods",
    ".pdf": "pdf.pdf",
    ".srt": "text.subtitles",
    ".vtt": "text.subtitles",
    ".ipynb": "text.notebook",
    ".rst": "text.rst",
    ".org": "text.org",
    ".tex": "text.latex",
    ".latex": "text.latex",
    ".adoc": "text.asciidoc",
    ".asciidoc": "text.asciidoc",
    ".json": "text.json_yaml",
    ".jsonl": "text.json_yaml",
    ".ndjson": "text.json_yaml",
    ".yaml": "text.json_yaml",
    ".yml": "text.json_yaml",
    ".eml": "mail",
    ".mbox": "mail",
    ".msg": "msg",
}
# Only OCR can read these: without it they are an unsupported format.
PICTURE_LOADERS = {
    ".png": "pictures",
    ".jpg": "pictures",
    ".jpeg": "pictures",
    ".tif": "pictures",
    ".tiff": "pictures",
}
_SCAN_LOADERS = {".pdf": "pdf.pdf", **PICTURE_LOADERS}
_KINDLE_SUFFIXES = frozenset({".mobi", ".azw", ".azw3"})
# A large PDF consists mostly of pictures, which are not read.
_MAX_BYTES_BY_SUFFIX = {".pdf": 256 * 1024 * 1024}


def is_document_name(name: str) -> bool:
    """Return whether a file's name ends as one of a format that can be read without OCR does."""
    return PurePosixPath(name).suffix.lower() in LOADERS


def is_picture_name(name: str) -> bool:
    """Return whether a file's name ends as that of a picture, which OCR can read, does."""
    return PurePosixPath(name).suffix.lower() in PICTURE_LOADERS


def read_file(file: Path, name: str, *, pictures: bool = False) -> bytes:
    """Return the bytes of a file.

    Raises DocumentError when the format is unknown, its reader is not installed, or the file is too large or
    cannot be read. `pictures` are read only where OCR can be.
    """
    if file.suffix.lower() in _KINDLE_SUFFIXES:
        raise DocumentError(name, "is a Kindle book, which cannot be read; convert it to .epub")
    if file.suffix.lower() not in LOADERS and not (pictures and is_picture_name(name)):
        files = f"{file.suffix} files" if file.suffix else "files without a suffix"
        raise DocumentError(
            name,
            f"{files} are not supported; save it as one of {', '.join(LOADERS)}",
            kind=ProblemKind.UNSUPPORTED,
        )
    try:
        size = file.stat().st_size
        limit = _MAX_BYTES_BY_SUFFIX.get(file.suffix.lower(), MAX_FILE_BYTES)
        if size > limit:
            raise DocumentError(
                name,
                f"{size / 2**20:.0f} MB exceed the limit of {limit // 2**20} MB; split it",
                kind=ProblemKind.TOO_LARGE,
            )
        data = file.read_bytes()
    except NotADirectoryError:
        data = read_packed_file(file, name, MAX_FILE_BYTES)
    except FileNotFoundError:
        if not container_of(file):
            reason = "was removed after the folder was listed; read the folder again"
            raise DocumentError(name, reason) from None
        data = read_packed_file(file, name, MAX_FILE_BYTES)
    except OSError as error:
        raise DocumentError(name, f"cannot be read ({error.strerror}); check its permissions") from None
    if file.suffix.lower() == ".doc":
        # Its readers are imported when the first such file is read.
        from retrieval.loaders import doc  # noqa: PLC0415

        doc.check_libreoffice(data, name)
    return data


def load_document(data: bytes, name: str, scans: Mapping[int, ScannedPage] | None = None) -> Document:
    """Load a document with the loader of its suffix. Raises DocumentError, also for one without text.

    `scans` are the pages (from 0) that OCR has read, None without OCR. A document without text may have pages
    that wait for OCR.
    """
    try:
        document = _load(data, name, scans)
    except DocumentError as error:
        raise _with_real_format(error, data) from None
    if not document.blocks and not document.unread_pages:
        raise DocumentError(name, "contains no text; add some, or remove the file", kind=ProblemKind.EMPTY)
    return document


def _load(data: bytes, name: str, scans: Mapping[int, ScannedPage] | None) -> Document:
    suffix = PurePosixPath(name).suffix.lower()
    if scans is not None and suffix in _SCAN_LOADERS:
        scan_loader: ScanLoader = _import_loader(_SCAN_LOADERS[suffix])
        return scan_loader(data, name, scans)
    loader: Loader = _import_loader(LOADERS[suffix])
    return loader(data, name)


def _import_loader(path: str) -> Any:
    module, _, function = path.partition(":")
    return getattr(import_module(f"{__package__}.{module}"), function or "load")


def _with_real_format(error: DocumentError, data: bytes) -> DocumentError:
    """Return the error for a file that cannot be read; if its suffix is wrong, it says which is right."""
    suffix = PurePosixPath(error.name).suffix.lower()
    real = real_suffix(data, suffix) if error.kind is ProblemKind.UNREADABLE else ""
    if not real:
        return error
    if is_document_name(real_name := f"x{real}") or is_picture_name(real_name) or is_archive_name(real_name):
        reason = f"is a {real} file, not what its suffix says; give it the suffix {real}"
        return DocumentError(error.name, reason, real_suffix=real)
    reason = (
        f"is a {real} file, not what its suffix says, and these are not supported; save it in another format"
    )
    return DocumentError(error.name, reason, kind=ProblemKind.UNSUPPORTED)
