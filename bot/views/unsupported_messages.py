"""Replies to messages that hold no question: recordings, pictures, files, stickers, or only a link."""

import regex
from telegram import Message

from bot.i18n.messages import Texts

# `t.me/name` is a link, too, but `guide.pdf` may be a file.
_LINKS = regex.compile(
    r"(?:(?:https?://|www\.|(?:[a-z0-9-]+\.)+[a-z]{2,}/)[^\s<>]*+[\s,;]*+)+", regex.IGNORECASE
)


def explain_unreadable(message: Message, texts: Texts) -> str:
    """Return why a message without text gets no quote, and what to send instead."""
    if message.voice or message.video_note or message.audio:
        return texts.recording_not_heard
    # An animation comes with a document of the same file.
    if message.photo or message.video or message.animation or message.story or message.live_photo:
        return texts.picture_not_seen
    return texts.document_not_taken if message.document else texts.unsupported_message


def is_link(text: str) -> bool:
    """Return whether a text has links and nothing else."""
    return _LINKS.fullmatch(text.strip()) is not None
