"""The attachments of mails as files: `report.pdf` in an .eml or .msg file, `12/report.pdf` in a mailbox."""

import io
import mimetypes
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.mail import eml, mbox, msg
from retrieval.loaders.mail.message import Attachment
from retrieval.loaders.packed_files import MAX_FILE_BYTES, PackedFile

# Pictures within the text that are smaller are logos and signatures; scans and photos of pages are larger.
_MAX_INLINE_PICTURE_BYTES = 100 * 1024
_MAX_NAME_BYTES = 200
_MAX_SUFFIX_CHARS = 12
_UNNAMED = "attachment"
# Control and format characters, surrogates, and line and paragraph separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Not the types of the machine: names must be the same on all.
_TYPES = mimetypes.MimeTypes()
# What it lacks in some versions of Python.
_SUFFIXES = {
    "application/rtf": ".rtf",
    "application/vnd.ms-outlook": ".msg",
    "application/vnd.oasis.opendocument.presentation": ".odp",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "image/jpeg": ".jpg",
    "message/rfc822": ".eml",
    "text/csv": ".csv",
    "text/markdown": ".md",
    "text/rtf": ".rtf",
}
_WITHOUT_TEXT = frozenset({"application/octet-stream", "application/ms-tnef"})


def open_container(source: Path | io.BytesIO, size: int, name: str) -> "MailFolder":
    """Open a mail or a mailbox of `size` bytes. Raises DocumentError when it is too large, and OSError."""
    if size > MAX_FILE_BYTES:
        reason = f"is larger than {MAX_FILE_BYTES // 2**20} MB; split it"
        raise DocumentError(name, reason, kind=ProblemKind.TOO_LARGE)
    data = source.read_bytes() if isinstance(source, Path) else source.getvalue()
    if not name.lower().endswith(".mbox"):
        return MailFolder({"": partial(_attachments, data, name)})
    messages = enumerate(mbox.split_messages(data), 1)
    return MailFolder({f"{number}/": partial(_message_attachments, part, name) for number, part in messages})


class MailFolder:
    """The attachments of mails, by folder: one for each message of a mailbox, "" for a single mail."""

    def __init__(self, folders: Mapping[str, Callable[[], Sequence[Attachment]]]) -> None:
        self._folders = folders
        # The files of one message are read one after the other.
        self._named = lru_cache(maxsize=1)(self._read_folder)

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

    def _find(self, path: str) -> Attachment | None:
        folder, slash, name = path.rpartition("/")
        return self._named(folder + slash).get(name) if folder + slash in self._folders else None

    def _read_folder(self, folder: str) -> dict[str, Attachment]:
        named: dict[str, Attachment] = {}
        for attachment in self._folders[folder]():
            if _is_file(attachment):
                named[_free_name(file_name(attachment), named)] = attachment
        return named


def _attachments(data: bytes, name: str) -> list[Attachment]:
    """Return the attachments of a mail, and those of the mails attached to it. Raises DocumentError."""
    read = msg.read_messages if data.startswith(msg.OLE) else eml.read_messages
    return [attachment for message in read(data, name) for attachment in message.attachments]


def _message_attachments(data: bytes, name: str) -> list[Attachment]:
    """Return the attachments of a message in a mailbox, none if it is damaged."""
    try:
        return _attachments(data, name)
    except DocumentError:
        return []


def _is_file(attachment: Attachment) -> bool:
    """Return whether an attachment is a file of its own, not a part of how the mail looks."""
    suffix = PurePosixPath(file_name(attachment)).suffix.lower()
    if not attachment.name and (not suffix or attachment.kind in _WITHOUT_TEXT):
        return False
    kind = attachment.kind if attachment.kind.startswith("image/") else _TYPES.guess_type(f"x{suffix}")[0]
    is_picture = (kind or "").startswith("image/")
    return not (
        is_picture
        and (attachment.is_inline or not attachment.name)
        and len(attachment.read()) < _MAX_INLINE_PICTURE_BYTES
    )


def file_name(attachment: Attachment) -> str:
    """Return the name of an attachment as a name of a file: without folders and invisible characters.

    A name without a suffix gets that of its MIME type.
    """
    shown = "".join(
        " " if letter in "\r\n\t" else letter
        for letter in attachment.name
        if unicodedata.category(letter) not in _INVISIBLE or letter in "\r\n\t"
    )
    last = shown.replace("\\", "/").rstrip("/. ").rpartition("/")[2]
    name = " ".join(last.split()).lstrip(". ")
    suffix = PurePosixPath(name).suffix
    if not suffix or len(suffix) > _MAX_SUFFIX_CHARS or " " in suffix:
        suffix = _SUFFIXES.get(attachment.kind) or _TYPES.guess_extension(attachment.kind) or ""
        return _cut(name or _UNNAMED, suffix) + suffix
    return _cut(name.removesuffix(suffix), suffix) + suffix


def _cut(stem: str, suffix: str) -> str:
    return stem.encode()[: _MAX_NAME_BYTES - len(suffix.encode())].decode("utf-8", "ignore")


def _free_name(name: str, taken: Mapping[str, object]) -> str:
    """Return a name that no other file has: `report (2).pdf` for a second `report.pdf`."""
    path, number, free = PurePosixPath(name), 1, name
    while free in taken:
        number += 1
        free = f"{path.stem} ({number}){path.suffix}"
    return free
