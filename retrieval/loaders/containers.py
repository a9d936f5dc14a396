"""Files that contain documents: ZIP archives and mails. Each file in one is named by its path through it.

`mail.eml/report.pdf` is an attachment, `mails.mbox/12/report.pdf` one of the twelfth message of a mailbox,
`pack.zip/mail.eml/report.pdf` one of a mail in an archive. A mail is a document itself, too; an archive is
none.
"""

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.zip_archive import DAMAGED, MAX_UNPACKED_BYTES, check_archive

if TYPE_CHECKING:
    from retrieval.loaders.mail import Attachment

ARCHIVE_SUFFIX = ".zip"
_MAIL_SUFFIXES = frozenset({".eml", ".mbox", ".msg"})
# Of all files in a container, also of those in containers in it.
MAX_FILES = 10_000
# The number of containers that the path of a document may lead through.
MAX_DEPTH = 3
_TOO_DEEP = f"is in more than {MAX_DEPTH} files that contain each other; save it on its own"
# The most bytes of a file that is read as a whole.
MAX_FILE_BYTES = 64 * 2**20
_OTHER_ARCHIVES = frozenset({".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz"})
ARCHIVE_IN_ARCHIVE = "is an archive in an archive; unpack it"
_HIDDEN_STARTS = (".", "__MACOSX")
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file in a container: its path there, its size in bytes, and why it cannot be read, if so."""

    path: str
    size: int
    problem: str = ""
    kind: ProblemKind = ProblemKind.UNREADABLE


class Container(Protocol):
    """A file that contains files."""

    def files(self) -> Iterator[PackedFile]:
        """Yield the files in it. Raises DocumentError."""

    def holds(self, path: str) -> bool:
        """Return whether there is a file of this path."""

    def read(self, path: str, name: str, limit: int) -> bytes:
        """Return the bytes of a file, at most `limit`. Raises DocumentError, which calls it `name`."""

    def close(self) -> None:
        """Release the file."""


def is_container_name(name: str) -> bool:
    """Return whether a file's name ends as that of an archive or a mail does."""
    return _suffix(name) in {ARCHIVE_SUFFIX, *_MAIL_SUFFIXES}


def is_archive_name(name: str) -> bool:
    """Return whether a file's name ends as that of an archive does. An archive itself is not a document."""
    return _suffix(name) == ARCHIVE_SUFFIX


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
        return _open(file, file.stat().st_size, name)
    except OSError as error:
        raise DocumentError(name, f"cannot be read ({error.strerror}); check its permissions") from None


def _open_bytes(data: bytes, name: str) -> Container:
    return _open(io.BytesIO(data), len(data), name)


def _open(source: Path | io.BytesIO, size: int, name: str) -> Container:
    """Open the container in a file or bytes, `size` of them. Raises DocumentError."""
    return _open_zip(source, size, name) if is_archive_name(name) else _open_mail(source, size, name)


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


class _TooMuchError(DocumentError):
    """A container, or one nested in it, has more than is read."""


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
            elif not problem and is_container_name(path):
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
            reason = f"has more than {MAX_FILES} files; unpack it"
        elif self._bytes > MAX_UNPACKED_BYTES:
            reason = f"has more than {MAX_UNPACKED_BYTES // 2**20} MB of files; unpack it"
        else:
            return
        raise _TooMuchError(self._name, reason, kind=ProblemKind.TOO_LARGE)


# ZIP archives


def _open_zip(source: Path | io.BytesIO, size: int, name: str) -> Container:
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
    return _ZipFolder(archive, name)


class _ZipFolder:
    """An archive. Of two files with one path, the last is the newer."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._archive = archive
        self._name = name
        self._entries = {_path(entry): entry for entry in archive.infolist() if not _is_hidden(entry)}

    def files(self) -> Iterator[PackedFile]:
        if not self._entries:
            raise DocumentError(self._name, "contains no files; add some, or remove it")
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


# Mails


def _open_mail(source: Path | io.BytesIO, size: int, name: str) -> Container:
    """Open a mail or a mailbox of `size` bytes. Raises DocumentError when it is too large, and OSError."""
    if size > MAX_FILE_BYTES:
        reason = f"is larger than {MAX_FILE_BYTES // 2**20} MB; split it"
        raise DocumentError(name, reason, kind=ProblemKind.TOO_LARGE)
    data = source.read_bytes() if isinstance(source, Path) else source.getvalue()
    # The libraries that read mails are imported when the first one is opened.
    from retrieval.loaders import mail, msg  # noqa: PLC0415

    def read_message(part: bytes) -> Mapping[str, "Attachment"]:
        # A message of a mailbox that is damaged has no attachments.
        with suppress(DocumentError):
            return msg.read_attachments(part, name)
        return {}

    if not mail.is_mailbox(name):
        return _MailFolder({"": partial(msg.read_attachments, data, name)})
    messages = enumerate(mail.split_messages(data), 1)
    return _MailFolder({f"{number}/": partial(read_message, part) for number, part in messages})


class _MailFolder:
    """The attachments of mails, by folder: one for each message of a mailbox, "" for a single mail."""

    def __init__(self, folders: Mapping[str, Callable[[], Mapping[str, "Attachment"]]]) -> None:
        self._folders = folders
        # The files of one message are read one after the other.
        self._named = lru_cache(maxsize=1)(lambda folder: folders[folder]())

    def files(self) -> Iterator[PackedFile]:
        for folder in self._folders:
            for name, attachment in self._named(folder).items():
                yield PackedFile(folder + name, len(attachment.read()), attachment.problem)

    def holds(self, path: str) -> bool:
        return self._find(path) is not None

    def read(self, path: str, name: str, limit: int) -> bytes:
        attachment = self._find(path)
        if attachment is None:
            raise DocumentError(name, "is no longer in its mail; read the folder again")
        data = attachment.read()
        if len(data) > limit:
            raise DocumentError(
                name, f"is larger than {limit // 2**20} MB; split it", kind=ProblemKind.TOO_LARGE
            )
        return data

    def close(self) -> None:
        """Do nothing: the file was read as a whole."""

    def _find(self, path: str) -> "Attachment | None":
        folder, slash, name = path.rpartition("/")
        return self._named(folder + slash).get(name) if folder + slash in self._folders else None
