"""ZIP files as folders of documents: each file in one is a document, named by its path through the archive.

Sizes, ratios and counts are limited as for Office files, before anything is unpacked.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.zip_limits import DAMAGED, check_archive

SUFFIX = ".zip"
MAX_FILES = 10_000
_NESTED = frozenset({".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz"})
_HIDDEN_STARTS = (".", "__MACOSX")
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file in an archive: its path there, its size in bytes, and why it cannot be read, if so."""

    path: str
    size: int
    problem: str | None = None


def list_packed_files(file: Path, name: str) -> Sequence[PackedFile]:
    """Return the files in an archive. Raises DocumentError when it is damaged, encrypted or too large."""
    archive = _open(file, name)
    files = [_packed_file(entry) for entry in archive.infolist() if not _is_hidden(entry)]
    # Not kept open: some systems cannot replace an open file.
    archive.close()
    _open_cached.cache_clear()
    if len(files) > MAX_FILES:
        raise DocumentError(name, f"holds more than {MAX_FILES} files; unpack it")
    if not files:
        raise DocumentError(name, "holds no files; add some, or remove it")
    # Of two files with one path, the last is the newer.
    return list({packed.path: packed for packed in files}.values())


def container_of(file: Path) -> Path | None:
    """Return the archive that a document's path goes through, or None if it is a file of its own."""
    return next((above for above in file.parents if above.suffix.lower() == SUFFIX and above.is_file()), None)


def read_packed_file(file: Path, name: str, limit: int) -> bytes:
    """Return the bytes of a file in an archive, at most `limit`. Raises DocumentError."""
    container = container_of(file)
    if container is None:
        raise DocumentError(name, "was removed after the folder was listed; read the folder again")
    inside = file.relative_to(container).as_posix()
    archive = _open(container, name)
    entries = [entry for entry in archive.infolist() if _path(entry) == inside]
    if not entries:
        raise DocumentError(name, "is no longer in its archive; read the folder again")
    if entries[-1].file_size > limit:
        raise DocumentError(
            name, f"unpacks to more than {limit // 2**20} MB; split it", kind=ProblemKind.TOO_LARGE
        )
    try:
        with archive.open(entries[-1]) as entry:
            # A read without a size would unpack all of the entry, whatever size the list states.
            return b"".join(iter(lambda: entry.read(_CHUNK_BYTES), b""))
    except DAMAGED:
        raise DocumentError(name, "is damaged in its archive; pack it again") from None


def _open(file: Path, name: str) -> zipfile.ZipFile:
    try:
        status = file.stat()
        return _open_cached(file, status.st_size, status.st_mtime_ns, name)
    except DAMAGED:
        raise DocumentError(name, "is no ZIP archive, or cut short or damaged; copy it again") from None


@lru_cache(maxsize=1)
def _open_cached(file: Path, size: int, _changed: int, name: str) -> zipfile.ZipFile:
    """Open an archive. The files of one are read one after the other, so it stays open for the next."""
    archive = zipfile.ZipFile(file)
    try:
        check_archive(archive.infolist(), size, name)
    except DocumentError:
        archive.close()
        raise
    return archive


def _path(entry: zipfile.ZipInfo) -> str:
    return str(PurePosixPath(entry.filename.replace("\\", "/")))


def _is_hidden(entry: zipfile.ZipInfo) -> bool:
    return entry.is_dir() or any(
        part.startswith(_HIDDEN_STARTS) and part != ".." for part in PurePosixPath(_path(entry)).parts
    )


def _packed_file(entry: zipfile.ZipInfo) -> PackedFile:
    path = _path(entry)
    problem = None
    if path.startswith("/") or ".." in PurePosixPath(path).parts:
        problem = "its path leads out of the archive; pack it again"
    elif PurePosixPath(path).suffix.lower() in _NESTED:
        problem = "is an archive in an archive; unpack it"
    return PackedFile(path, entry.file_size, problem)
