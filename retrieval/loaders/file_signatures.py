"""The real format of a file with a wrong suffix, recognised by its bytes."""

import io
import re
import zipfile

from retrieval.loaders.zip_archive import DAMAGED, OLE

_START_BYTES = 1024
_MAX_MIME_TYPE_BYTES = 100
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_STARTS = {
    b"{\\rtf": ".rtf",
    b"\x89PNG\r\n\x1a\n": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"GIF8": ".gif",
    b"7z\xbc\xaf\x27\x1c": ".7z",
    b"Rar!\x1a\x07": ".rar",
    b"\x1f\x8b": ".gz",
}
# Names of the parts that only one format of Office before 2007 has.
_OLE_PARTS = {
    "__properties_version1.0": ".msg",
    "WordDocument": ".doc",
    "Workbook": ".xls",
    "PowerPoint": ".ppt",
}
_ZIP = b"PK\3\4"
_ZIP_FOLDERS = {"word/": ".docx", "xl/": ".xlsx", "ppt/": ".pptx"}
_MIME_TYPES = {
    b"application/epub+zip": ".epub",
    b"application/vnd.oasis.opendocument.text": ".odt",
    b"application/vnd.oasis.opendocument.spreadsheet": ".ods",
    b"application/vnd.oasis.opendocument.presentation": ".odp",
}
# Suffixes of the same format.
_ALIASES = {".jpeg": ".jpg", ".tiff": ".tif", ".htm": ".html", ".xhtml": ".html"}


def real_suffix(data: bytes, suffix: str) -> str:
    """Return the suffix of a file's real format, "" if it is unknown or that of its name."""
    actual = _suffix(data)
    return "" if actual == _ALIASES.get(suffix, suffix) else actual


def _suffix(data: bytes) -> str:
    start = data[:_START_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"%PDF-"):
        return ".pdf"
    if data.startswith(OLE):
        return next((suffix for part, suffix in _OLE_PARTS.items() if part.encode("utf-16-le") in data), "")
    if data.startswith(_ZIP):
        return _zip_suffix(data)
    if _HTML.match(start):
        return ".html"
    return next((suffix for mark, suffix in _STARTS.items() if start.startswith(mark)), "")


def _zip_suffix(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            is_stated = "mimetype" in names and archive.getinfo("mimetype").file_size <= _MAX_MIME_TYPE_BYTES
            kind = archive.read("mimetype") if is_stated else b""
    except DAMAGED:
        return ""
    if "[Content_Types].xml" in names:
        return next(
            (to for folder, to in _ZIP_FOLDERS.items() if any(n.startswith(folder) for n in names)), ""
        )
    return _MIME_TYPES.get(kind.strip(), "" if kind else ".zip")
