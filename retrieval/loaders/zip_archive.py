"""ZIP archives that may be hostile: sizes are checked before anything is unpacked."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from posixpath import normpath
from typing import IO
from xml.etree import ElementTree as ET
from xml.parsers import expat

from retrieval.errors import DocumentError

MAX_ENTRIES = 50_000
MAX_UNPACKED_BYTES = 256 * 2**20
# Limit for the entries that are read: text and lists, never images.
MAX_READ_BYTES = 64 * 2**20
# An element takes 100 to 200 bytes, so this bounds memory.
MAX_TAGS = 5_000_000
MAX_DEPTH = 256
# Office files unpack to 3 to 50 times their size, a bomb to 1000 times. Small archives are harmless.
_MAX_UNPACK_RATIO = 200
_MAX_SMALL_ARCHIVE_BYTES = 8 * 2**20
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError),
    *(ValueError, LookupError, NotImplementedError, RuntimeError),
)
_ENCRYPTED_FLAG = 1
_CHUNK_BYTES = 64 * 1024
_SAVE_AGAIN = "save it again in the program that made it"
# The container of Office files before 2007, and of those with a password.
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WITH_PASSWORD = "EncryptedPackage".encode("utf-16-le")
_OTHER_FORMATS = {
    b"%PDF": "is a PDF; give it the suffix .pdf",
    b"{\\rtf": "is Rich Text; save it in the format of its suffix",
    b"<": "is HTML or XML; give it the suffix .html, or save it in the format of its suffix",
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
            raise DocumentError(name, _reason_not_zip(data)) from None
        entries = self._zip.infolist()
        reason = archive_refusal(entries, len(data))
        if reason:
            raise DocumentError(name, reason)
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
        try:
            root = self._parse(path)
        except (ET.ParseError, expat.ExpatError, *DAMAGED):
            raise self.damaged_error(path) from None
        self._strip_namespaces(root)
        return root

    def damaged_error(self, path: str) -> DocumentError:
        """Return the error for a damaged entry."""
        return DocumentError(self.name, f"is damaged at {path[:80]!r}; {_SAVE_AGAIN}")

    def _parse(self, path: str) -> ET.Element:
        parser, prologue, tags = ET.XMLParser(), _Prologue(), 0  # noqa: S314 declarations are refused first
        with self._open(path) as entry:
            while chunk := entry.read(_CHUNK_BYTES):
                tags += chunk.count(b"<")
                if tags > MAX_TAGS:
                    raise DocumentError(self.name, "is too large to be read as a whole; split it")
                if prologue.has_declarations(chunk):
                    raise DocumentError(self.name, f"declares entities in {path[:80]!r}; remove it")
                parser.feed(chunk)
        return parser.close()

    def _strip_namespaces(self, root: ET.Element) -> None:
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
                raise DocumentError(self.name, f"is nested more than {MAX_DEPTH} deep; {_SAVE_AGAIN}")

    @contextmanager
    def _open(self, path: str) -> Iterator[IO[bytes]]:
        info = self._entries.get(_key(path))
        if info is None:
            raise DocumentError(self.name, f"lacks its part {path[:80]!r}; {_SAVE_AGAIN}")
        self._remaining_bytes -= info.file_size  # every read of an entry counts
        if self._remaining_bytes < 0:
            raise DocumentError(
                self.name, f"unpacks to more than {MAX_READ_BYTES // 2**20} MB of text; split it"
            )
        try:
            with self._zip.open(info) as entry:  # never returns more than the listed size
                yield entry
        except DAMAGED:
            raise self.damaged_error(path) from None


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


def archive_refusal(entries: list[zipfile.ZipInfo], size: int) -> str | None:
    """Return why an archive of `size` bytes is not read, or None; nothing is unpacked for that."""
    unpacked = sum(entry.file_size for entry in entries)
    if any(entry.flag_bits & _ENCRYPTED_FLAG for entry in entries):
        return "is encrypted; save it without a password"
    if any(entry.compress_type not in _METHODS for entry in entries):
        return f"is compressed in a way that cannot be read; {_SAVE_AGAIN}"
    if len(entries) > MAX_ENTRIES:
        return f"has more than {MAX_ENTRIES} parts; split it"
    if unpacked > MAX_UNPACKED_BYTES or unpacked > max(_MAX_SMALL_ARCHIVE_BYTES, size * _MAX_UNPACK_RATIO):
        return f"unpacks to {unpacked / 2**20:.0f} MB, which is too much; split it, or remove it"
    return None


def _reason_not_zip(data: bytes) -> str:
    if data.startswith(_OLE):
        if _WITH_PASSWORD in data:
            return "is encrypted; save it without a password"
        return "is of a version before 2007; save it in the format of its suffix"
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    reasons = (reason for mark, reason in _OTHER_FORMATS.items() if start.startswith(mark))
    return next(reasons, "is not what its suffix says; give it the suffix of its real format")


def _key(path: str) -> str:
    return normpath(path).lstrip("/").lower()
