"""ZIP archives that may be hostile: limits are checked before anything is unpacked.

`ZipArchive` is an Office file, an OpenDocument or a book; ZIP files of documents are in `containers.py`.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from posixpath import normpath
from typing import IO, TYPE_CHECKING

from retrieval.errors import DocumentError, ProblemKind

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_ENTRIES = 50_000
MAX_UNPACKED_BYTES = 256 * 2**20
# Office files unpack to 3 to 50 times their size, a bomb to 1000 times. Small archives are harmless.
_MAX_UNPACK_RATIO = 200
_MAX_SMALL_ARCHIVE_BYTES = 8 * 2**20
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
# Errors of `zipfile` for an archive that is damaged.
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError),
    *(ValueError, LookupError, NotImplementedError, RuntimeError),
)
_ENCRYPTED_FLAG = 1
SAVE_AGAIN = "save it again in the program that made it"
# Limit for the entries that are read: text and lists, never images.
MAX_READ_BYTES = 64 * 2**20
_CHUNK_BYTES = 64 * 1024
# The container of Office files before 2007, and of those with a password.
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WITH_PASSWORD = "EncryptedPackage".encode("utf-16-le")
_OTHER_FORMATS = {
    b"<": "is XML; save it in the format of its suffix",
    b"PK": "is cut short or damaged; copy it again",
}


def check_archive(entries: list[zipfile.ZipInfo], size: int, name: str) -> None:
    """Raise DocumentError if an archive of `size` bytes is not read; nothing is unpacked for that."""
    unpacked = sum(entry.file_size for entry in entries)
    if any(entry.flag_bits & _ENCRYPTED_FLAG for entry in entries):
        raise DocumentError(name, "is encrypted; save it without a password", kind=ProblemKind.PROTECTED)
    if any(entry.compress_type not in _METHODS for entry in entries):
        raise DocumentError(name, f"is compressed in a way that cannot be read; {SAVE_AGAIN}")
    if len(entries) > MAX_ENTRIES:
        raise DocumentError(name, f"has more than {MAX_ENTRIES} parts; split it", kind=ProblemKind.TOO_LARGE)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > max(_MAX_SMALL_ARCHIVE_BYTES, size * _MAX_UNPACK_RATIO):
        reason = f"unpacks to {unpacked / 2**20:.0f} MB, which is too much; split it, or remove it"
        raise DocumentError(name, reason, kind=ProblemKind.TOO_LARGE)


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

    def parse_xml(self, path: str) -> "Element":
        """Parse an XML entry; tags have no namespaces. Raises DocumentError as `read` and `parse_xml` do."""
        # The parser is imported when the first such file is read.
        from retrieval.loaders.xml_parser import parse_xml  # noqa: PLC0415

        with self._open(path) as entry:
            return parse_xml(iter(lambda: entry.read(_CHUNK_BYTES), b""), self.name, path)

    def damaged_error(self, path: str) -> DocumentError:
        """Return the error for a damaged entry."""
        return DocumentError(self.name, f"is damaged at {path[:80]!r}; {SAVE_AGAIN}")

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


def _not_zip_error(name: str, data: bytes) -> DocumentError:
    if data.startswith(OLE):
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
