"""A ZIP archive that may be hostile: what it unpacks to is known before it is read."""

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

MOST_ENTRIES = 50_000
MOST_UNPACKED = 256 * 2**20
# Of what is read: texts and lists, never pictures.
MOST_READ = 64 * 2**20
# Each element of a tree takes 100 to 200 bytes, so this many are bounded memory.
MOST_TAGS = 5_000_000
DEEPEST = 256
# Office files unpack to 3 to 50 times their size, a bomb to 1000 times. What is small does no harm.
_MOST_RATIO = 200
_SMALL = 8 * 2**20
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError),
    *(ValueError, LookupError, NotImplementedError, RuntimeError),
)
_IS_ENCRYPTED = 1
_CHUNK = 64 * 1024
_ANEW = "save it anew in the program that made it"
# What Office files before 2007 are, and what those with a password are wrapped in.
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WITH_PASSWORD = "EncryptedPackage".encode("utf-16-le")
_OTHERS = {
    b"%PDF": "is a PDF; give it the ending .pdf",
    b"{\\rtf": "is Rich Text; save it in the format of its ending",
    b"<": "is HTML or XML; give it the ending .html, or save it in the format of its ending",
    b"PK": "is cut short or damaged; copy it anew",
}


class ZipArchive:
    """The entries of an archive by their paths, in any case of letters."""

    def __init__(self, data: bytes, name: str) -> None:
        """Read the list of entries. Raises DocumentError when there is none, or it promises too much."""
        self.name = name
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except _DAMAGED:
            raise DocumentError(name, _what_else(data)) from None
        entries = self._zip.infolist()
        reason = _refusal(entries, len(data))
        if reason:
            raise DocumentError(name, reason)
        self._entries = {_key(entry.filename): entry for entry in entries}
        self._left = MOST_READ

    def __contains__(self, path: str) -> bool:
        return _key(path) in self._entries

    def read(self, path: str) -> bytes:
        """Read an entry. Raises DocumentError when it is missing, damaged or over MOST_READ in all."""
        with self._opened(path) as entry:
            # A read without a size would unpack all of the entry, whatever size the list states.
            return b"".join(iter(lambda: entry.read(_CHUNK), b""))

    def tree(self, path: str) -> ET.Element:
        """Parse an entry of XML; tags are given without their namespaces.

        Raises DocumentError as `read` does, and for what is no sound XML, has over MOST_TAGS, is nested over
        DEEPEST, or declares entities of its own, which may grow without end or name other files.
        """
        try:
            root = self._parsed(path)
        except (ET.ParseError, expat.ExpatError, *_DAMAGED):
            raise self.damaged(path) from None
        self._name_simply(root)
        return root

    def damaged(self, path: str) -> DocumentError:
        """Make the error for an entry that is not what it should be."""
        return DocumentError(self.name, f"is damaged at {path[:80]!r}; {_ANEW}")

    def _parsed(self, path: str) -> ET.Element:
        parser, prologue, tags = ET.XMLParser(), _Prologue(), 0  # noqa: S314 declarations are refused first
        with self._opened(path) as entry:
            while chunk := entry.read(_CHUNK):
                tags += chunk.count(b"<")
                if tags > MOST_TAGS:
                    raise DocumentError(self.name, "is too large to be read as a whole; split it")
                if prologue.declares(chunk):
                    raise DocumentError(self.name, f"declares entities in {path[:80]!r}; remove it")
                parser.feed(chunk)
        return parser.close()

    def _name_simply(self, root: ET.Element) -> None:
        """Take the namespaces from the tags, level by level."""
        names: dict[str, str] = {}
        level, depth = [root], 0
        while level:
            for element in level:
                tag = element.tag
                if tag not in names:
                    names[tag] = tag.rpartition("}")[2]
                element.tag = names[tag]
            level, depth = [inner for element in level for inner in element], depth + 1
            if depth > DEEPEST:
                raise DocumentError(self.name, f"is nested more than {DEEPEST} deep; {_ANEW}")

    @contextmanager
    def _opened(self, path: str) -> Iterator[IO[bytes]]:
        found = self._entries.get(_key(path))
        if found is None:
            raise DocumentError(self.name, f"lacks its part {path[:80]!r}; {_ANEW}")
        self._left -= found.file_size  # an entry that is read a thousand times counts as often
        if self._left < 0:
            raise DocumentError(self.name, f"unpacks to more than {MOST_READ // 2**20} MB of text; split it")
        try:
            with self._zip.open(found) as entry:  # never gives more than the list has promised
                yield entry
        except _DAMAGED:
            raise self.damaged(path) from None


class _Prologue:
    """What stands above the root element of an XML document."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._declared
        self._parser.StartElementHandler = self._ended
        self._has_ended = self._has_declared = False

    def declares(self, chunk: bytes) -> bool:
        """Read on, up to the root element, and tell whether anything is declared."""
        if not self._has_ended:
            self._parser.Parse(chunk)
        return self._has_declared

    def _declared(self, _name: str, _system: str | None, _public: str | None, has_subset: int) -> None:
        self._has_declared = bool(has_subset)

    def _ended(self, *_: object) -> None:
        self._has_ended = True


def _refusal(entries: list[zipfile.ZipInfo], size: int) -> str | None:
    unpacked = sum(entry.file_size for entry in entries)
    if any(entry.flag_bits & _IS_ENCRYPTED for entry in entries):
        return "is encrypted; save it without a password"
    if any(entry.compress_type not in _METHODS for entry in entries):
        return f"is packed in a way that cannot be read; {_ANEW}"
    if len(entries) > MOST_ENTRIES:
        return f"has more than {MOST_ENTRIES} parts; split it"
    if unpacked > MOST_UNPACKED or unpacked > max(_SMALL, size * _MOST_RATIO):
        return f"unpacks to {unpacked / 2**20:.0f} MB, which is too much; split it, or remove it"
    return None


def _what_else(data: bytes) -> str:
    if data.startswith(_OLE):
        if _WITH_PASSWORD in data:
            return "is encrypted; save it without a password"
        return "is of a version before 2007; save it in the format of its ending"
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    reasons = (reason for mark, reason in _OTHERS.items() if start.startswith(mark))
    return next(reasons, "is not what its ending says; give it the ending of its real format")


def _key(path: str) -> str:
    return normpath(path).lstrip("/").lower()
