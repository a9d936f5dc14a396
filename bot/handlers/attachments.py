"""The file that comes with a message: a document, or a photo of a page."""

from dataclasses import dataclass

from telegram import Message


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file at Telegram: its id there, its name and its size in bytes, 0 if unknown."""

    id: str
    name: str
    bytes: int


def attached_file(message: Message) -> AttachedFile | None:
    """Return the document or the photo of a message, which has no name, so that it gets one."""
    if message.document is not None:
        document = message.document
        return AttachedFile(document.file_id, document.file_name or "", document.file_size or 0)
    if message.photo:
        largest = max(message.photo, key=lambda size: size.width * size.height)
        name = f"photo-{message.date:%Y-%m-%d}-{message.message_id}.jpg"
        return AttachedFile(largest.file_id, name, largest.file_size or 0)
    return None
