"""ZIP archives that may be hostile: sizes are checked before anything is unpacked."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from posixpath import normpath
from typing import IO
from xml.etree import ElementTree as ET
from xml.parsers import expat

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.zip_limits import DAMAGED, SAVE_AGAIN, check_archive

# Limit for the entries that are read: text and lists, never images.
MAX_READ_BYTES = 64 * 2**20
# An element takes 100 to 200 bytes, so this bounds memory.
MAX_TAGS = 5_000_000
MAX_DEPTH = 256
_CHUNK_BYTES = 64 * 1024
# The container of Office files before 2007, and of those with a password.
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WITH_PASSWORD = "EncryptedPackage".encode("utf-16-le")
_OTHER_FORMATS = {
    b"<": "is XML; save it in the format of its suffix",
    b"PK": "is cut short or damaged; copy it again",
}


class ZipArchive:
    """The entries of an archive by their paths, which are case-insensitive."""

    def __init__(self, data: bytes, name: str) -> None:
        """Read the list of entries. Raises DocumentError when it is missing or exceeds a limit."""
        self.name = name
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except DAMAGED:
            raise _not_zip_error(name, data) from None
        entries = self._zip.infolist()
        check_archive(entries, len(data), name)
        self._entries = {_key(entry.filename): entry for entry in entries}
        self._remaining_bytes = MAX_READ_BYTES

    def __contains__(self, path: str) -> bool:
        return _key(path) in self._entries

    def read(self, path: str) -> bytes:
        """Read an entry. Raises DocumentError if it is missing, damaged, or beyond MAX_READ_BYTES in all."""
        with self._open(path) as entry:
            # A read without a size would unpack all of the entry, whatever size the list states.
            return b"".join(iter(lambda: entry.read(_CHUNK_BYTES), b""))

    def parse_xml(self, path: str) -> ET.Element:
        """Parse an XML entry; tags have no namespaces.

        Raises DocumentError as `read` does, and for malformed XML, over MAX_TAGS tags, nesting deeper than
        MAX_DEPTH, and entity declarations, which may expand without limit or refer to other files.
        """
        with self._open(path) as entry:
            return parse_xml(iter(lambda: entry.read(_CHUNK_BYTES), b""), self.name, path)

    def damaged_error(self, path: str) -> DocumentError:
        """Return the error for a damaged entry."""
        return _damaged_error(self.name, path)

    @contextmanager
    def _open(self, path: str) -> Iterator[IO[bytes]]:
        info = self._entries.get(_key(path))
        if info is None:
            raise DocumentError(self.name, f"lacks its part {path[:80]!r}; {SAVE_AGAIN}")
        self._remaining_bytes -= info.file_size  # every read of an entry counts
        if self._remaining_bytes < 0:
            raise DocumentError(
                self.name,
                f"unpacks to more than {MAX_READ_BYTES // 2**20} MB of text; split it",
                kind=ProblemKind.TOO_LARGE,
            )
        try:
            with self._zip.open(info) as entry:  # never returns more than the listed size
                yield entry
        except DAMAGED:
            raise self.damaged_error(path) from None


def parse_xml(chunks: Iterable[bytes], name: str, path: str) -> ET.Element:
    """Parse a part of a document as ZipArchive.parse_xml does; errors name the part by `path`."""
    try:
        root = _parse(chunks, name, path)
    except (ET.ParseError, expat.ExpatError, *DAMAGED):
        raise _damaged_error(name, path) from None
    _strip_namespaces(root, name)
    return root


def _parse(chunks: Iterable[bytes], name: str, path: str) -> ET.Element:
    parser, prologue, tags = ET.XMLParser(), _Prologue(), 0  # noqa: S314 declarations are refused first
    for chunk in chunks:
        tags += chunk.count(b"<")
        if tags > MAX_TAGS:
            raise DocumentError(
                name, "is too large to be read as a whole; split it", kind=ProblemKind.TOO_LARGE
            )
        if prologue.has_declarations(chunk):
            raise DocumentError(name, f"declares entities in {path[:80]!r}; remove it")
        parser.feed(chunk)
    return parser.close()


def _strip_namespaces(root: ET.Element, name: str) -> None:
    """Remove the namespaces from all tags, level by level."""
    names: dict[str, str] = {}
    level, depth = [root], 0
    while level:
        for element in level:
            tag = element.tag
            if tag not in names:
                names[tag] = tag.rpartition("}")[2]
            element.tag = names[tag]
        level, depth = [inner for element in level for inner in element], depth + 1
        if depth > MAX_DEPTH:
            raise DocumentError(name, f"is nested more than {MAX_DEPTH} deep; {SAVE_AGAIN}")


def _damaged_error(name: str, path: str) -> DocumentError:
    return DocumentError(name, f"is damaged at {path[:80]!r}; {SAVE_AGAIN}")


class _Prologue:
    """The prologue of an XML document: everything before its root element."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._on_doctype
        self._parser.StartElementHandler = self._on_root
        self._has_ended = self._has_declared = False

    def has_declarations(self, chunk: bytes) -> bool:
        """Parse a chunk, unless the root element was reached, and return whether entities are declared."""
        if not self._has_ended:
            self._parser.Parse(chunk)
        return self._has_declared

    def _on_doctype(self, _name: str, _system: str | None, _public: str | None, has_subset: int) -> None:
        self._has_declared = bool(has_subset)

    def _on_root(self, *_: object) -> None:
        self._has_ended = True


def _not_zip_error(name: str, data: bytes) -> DocumentError:
    if data.startswith(_OLE):
        if _WITH_PASSWORD in data:
            return DocumentError(name, "is encrypted; save it without a password", kind=ProblemKind.PROTECTED)
        return DocumentError(name, "is of a version before 2007; save it in the format of its suffix")
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    reasons = (reason for mark, reason in _OTHER_FORMATS.items() if start.startswith(mark))
    return DocumentError(
        name, next(reasons, "is not what its suffix says; give it the suffix of its real format")
    )


def _key(path: str) -> str:
    return normpath(path).lstrip("/").lower()
