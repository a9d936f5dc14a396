"""Files that hold documents: ZIP archives and mails. Each file in one is named by its path through it.

`mail.eml/report.pdf` is an attachment, `pack.zip/mail.eml/report.pdf` one of a mail in an archive. A mail is
a document itself, too; an archive is none.
"""

import io
from functools import lru_cache
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Protocol

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.packed_files import MAX_FILE_BYTES, Container, PackedFile
from retrieval.loaders.zip_folder import ARCHIVE_IN_ARCHIVE
from retrieval.loaders.zip_limits import MAX_UNPACKED_BYTES


class Opener(Protocol):
    """The `open_container` function of a module."""

    def __call__(self, source: Path | io.BytesIO, size: int, name: str) -> Container:
        """Return the container in a file or bytes, `size` of them. Raises DocumentError."""


ARCHIVE_SUFFIX = ".zip"
# Module names: one is imported when the first container of its format is opened.
_OPENERS = {
    ARCHIVE_SUFFIX: "zip_folder",
    ".eml": "mail.attachments",
    ".mbox": "mail.attachments",
    ".msg": "mail.attachments",
}
# Of all files in a container, also of those in containers in it.
MAX_FILES = 10_000
# The number of containers that the path of a document may lead through.
MAX_DEPTH = 3
_TOO_DEEP = f"is in more than {MAX_DEPTH} files that hold each other; save it on its own"


def is_container_name(name: str) -> bool:
    """Return whether a file's name ends as that of an archive or a mail does."""
    return PurePosixPath(name).suffix.lower() in _OPENERS


def is_archive_name(name: str) -> bool:
    """Return whether a file's name ends as that of an archive, which holds documents and is none, does."""
    return PurePosixPath(name).suffix.lower() == ARCHIVE_SUFFIX


def is_in_mail(name: str) -> bool:
    """Return whether the path of a document may lead through a mail."""
    return any(
        is_container_name(above) and not is_archive_name(above) for above in PurePosixPath(name).parts[:-1]
    )


def container_of(file: Path) -> Path | None:
    """Return the container that a document's path leads through, or None if it is a file of its own."""
    return next((above for above in file.parents if is_container_name(above.name) and above.is_file()), None)


def holds_containers(file: Path, name: str) -> bool:
    """Return whether there are archives or mails in an archive. Raises DocumentError."""
    container = _open_file(file, name)
    try:
        return any(is_container_name(packed.path) for packed in container.files())
    finally:
        container.close()


def list_packed_files(file: Path, name: str) -> list[PackedFile]:
    """Return the files in a container, and in those in it. Raises DocumentError.

    Files that cannot be read have a problem.
    """
    # Not kept open: some systems cannot replace an open file.
    _open_cached.cache_clear()
    container = _open_file(file, name)
    listing = _Listing(name)
    try:
        listing.add_files(container, "", (_suffix(name),))
    finally:
        container.close()
    return listing.files


def read_packed_file(file: Path, name: str, limit: int) -> bytes:
    """Return the bytes of a file in a container, at most `limit`. Raises DocumentError."""
    outer = container_of(file)
    if outer is None:
        raise DocumentError(name, "was removed after the folder was listed; read the folder again")
    try:
        status = outer.stat()
    except OSError as error:
        raise DocumentError(name, f"cannot be read ({error.strerror}); check its permissions") from None
    key = outer, status.st_size, status.st_mtime_ns
    container = _open_cached(*key, ())
    parts, inside, first = file.relative_to(outer).parts, list[str](), 0
    for last in range(1, len(parts)):
        path = "/".join(parts[first:last])
        if is_container_name(path) and len(inside) < MAX_DEPTH - 1 and container.holds(path):
            inside.append(path)
            container = _open_cached(*key, tuple(inside))
            first = last
    return container.read("/".join(parts[first:]), name, limit)


@lru_cache(maxsize=MAX_DEPTH)
def _open_cached(file: Path, size: int, changed: int, inside: tuple[str, ...]) -> Container:
    """Open a container in a file, by the paths that lead to it.

    The files in one are read one after the other, so it stays open for the next.
    """
    if not inside:
        return _open_file(file, file.name)
    path = inside[-1]
    data = _open_cached(file, size, changed, inside[:-1]).read(path, path, MAX_FILE_BYTES)
    return _open_bytes(data, path)


def _open_file(file: Path, name: str) -> Container:
    try:
        return _opener(name)(file, file.stat().st_size, name)
    except OSError as error:
        raise DocumentError(name, f"cannot be read ({error.strerror}); check its permissions") from None


def _open_bytes(data: bytes, name: str) -> Container:
    return _opener(name)(io.BytesIO(data), len(data), name)


def _opener(name: str) -> Opener:
    opener: Opener = import_module(f"{__package__}.{_OPENERS[_suffix(name)]}").open_container
    return opener


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


class _TooMuchError(DocumentError):
    """A container holds more than is read, whichever of the containers in it that is."""


class _Listing:
    """Lists the files in a container, and in those in it, up to limits of their number and size together."""

    def __init__(self, name: str) -> None:
        self.files: list[PackedFile] = []
        self._name = name
        self._bytes = 0

    def add_files(self, container: Container, above: str, suffixes: tuple[str, ...]) -> None:
        """Add the files in a container. `above` begins their paths, `suffixes` are of those around them."""
        for packed in container.files():
            path, suffix = above + packed.path, _suffix(packed.path)
            problem = packed.problem
            if len(suffixes) > MAX_DEPTH:
                problem = _TOO_DEEP
            elif suffix == ARCHIVE_SUFFIX and ARCHIVE_SUFFIX in suffixes:
                problem = ARCHIVE_IN_ARCHIVE
            elif suffix == ARCHIVE_SUFFIX and len(suffixes) == MAX_DEPTH:
                problem = _TOO_DEEP
            elif not problem and suffix in _OPENERS:
                self._add_container(container, packed, path, suffixes)
                continue
            self._add(PackedFile(path, packed.size, problem, packed.kind))

    def _add_container(
        self, holder: Container, packed: PackedFile, path: str, suffixes: tuple[str, ...]
    ) -> None:
        """Add the files in an archive or a mail, and a mail itself."""
        suffix, name = _suffix(path), f"{self._name}/{path}"
        if suffix != ARCHIVE_SUFFIX:
            self._add(PackedFile(path, packed.size))
        count, size = len(self.files), self._bytes
        try:
            container = _open_bytes(holder.read(packed.path, name, MAX_FILE_BYTES), name)
            self.add_files(container, f"{path}/", (*suffixes, suffix))
        except _TooMuchError:
            raise
        except DocumentError as error:
            del self.files[count:]
            self._bytes = size
            # A mail that is damaged is reported when it is read itself.
            if suffix == ARCHIVE_SUFFIX:
                self._add(PackedFile(path, packed.size, error.reason, error.kind))

    def _add(self, packed: PackedFile) -> None:
        self.files.append(packed)
        self._bytes += packed.size
        if len(self.files) > MAX_FILES:
            reason = f"holds more than {MAX_FILES} files; unpack it"
        elif self._bytes > MAX_UNPACKED_BYTES:
            reason = f"holds more than {MAX_UNPACKED_BYTES // 2**20} MB of files; unpack it"
        else:
            return
        raise _TooMuchError(self._name, reason, kind=ProblemKind.TOO_LARGE)
