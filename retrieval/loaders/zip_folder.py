"""ZIP files as containers: each file in one is a document, named by its path through the archive.

Sizes, ratios and counts are limited as for Office files, before anything is unpacked.
"""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.packed_files import PackedFile
from retrieval.loaders.zip_limits import DAMAGED, check_archive

_OTHER_ARCHIVES = frozenset({".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz"})
ARCHIVE_IN_ARCHIVE = "is an archive in an archive; unpack it"
_HIDDEN_STARTS = (".", "__MACOSX")
_CHUNK_BYTES = 64 * 1024


def open_container(source: Path | io.BytesIO, size: int, name: str) -> "ZipFolder":
    """Open an archive of `size` bytes. Raises DocumentError when it is damaged, encrypted or too large."""
    try:
        archive = zipfile.ZipFile(source)
    except DAMAGED:
        raise DocumentError(name, "is no ZIP archive, or cut short or damaged; copy it again") from None
    try:
        check_archive(archive.infolist(), size, name)
    except DocumentError:
        archive.close()
        raise
    return ZipFolder(archive, name)


class ZipFolder:
    """An archive. Of two files with one path, the last is the newer."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._archive = archive
        self._name = name
        self._entries = {_path(entry): entry for entry in archive.infolist() if not _is_hidden(entry)}

    def files(self) -> Iterator[PackedFile]:
        if not self._entries:
            raise DocumentError(self._name, "holds no files; add some, or remove it")
        return (_packed_file(path, entry) for path, entry in self._entries.items())

    def holds(self, path: str) -> bool:
        return path in self._entries

    def read(self, path: str, name: str, limit: int) -> bytes:
        entry = self._entries.get(path)
        if entry is None:
            raise DocumentError(name, "is no longer in its archive; read the folder again")
        if entry.file_size > limit:
            raise DocumentError(
                name, f"unpacks to more than {limit // 2**20} MB; split it", kind=ProblemKind.TOO_LARGE
            )
        try:
            with self._archive.open(entry) as packed:
                # A read without a size would unpack all of the entry, whatever size the list states.
                return b"".join(iter(lambda: packed.read(_CHUNK_BYTES), b""))
        except DAMAGED:
            raise DocumentError(name, "is damaged in its archive; pack it again") from None

    def close(self) -> None:
        self._archive.close()


def _path(entry: zipfile.ZipInfo) -> str:
    return str(PurePosixPath(entry.filename.replace("\\", "/")))


def _is_hidden(entry: zipfile.ZipInfo) -> bool:
    return entry.is_dir() or any(
        part.startswith(_HIDDEN_STARTS) and part != ".." for part in PurePosixPath(_path(entry)).parts
    )


def _packed_file(path: str, entry: zipfile.ZipInfo) -> PackedFile:
    problem = ""
    if path.startswith("/") or ".." in PurePosixPath(path).parts:
        problem = "its path leads out of the archive; pack it again"
    elif PurePosixPath(path).suffix.lower() in _OTHER_ARCHIVES:
        problem = ARCHIVE_IN_ARCHIVE
    return PackedFile(path, entry.file_size, problem)
