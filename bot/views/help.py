"""Greetings, help and hints, which depend on whether a chat can send documents."""

from bot.i18n.texts import Texts
from bot.views.message import Recipient, UploadTarget


def greeting(recipient: Recipient) -> str:
    """Return the greeting of a private chat."""
    return _join(recipient.texts.greeting, _upload_note(recipient, recipient.texts.uploads))


def group_greeting(recipient: Recipient, *, receives_all: bool) -> str:
    """Return the greeting of a group, which says which messages the bot receives there."""
    texts = recipient.texts
    received = texts.receives_all_messages if receives_all else texts.receives_addressed_only
    return _join(texts.group_greeting, _upload_note(recipient, texts.uploads_in_group), received)


def help_text(recipient: Recipient) -> str:
    """Return what /help shows."""
    return _join(recipient.texts.help, _upload_note(recipient, recipient.texts.help_uploads))


def no_documents(recipient: Recipient) -> str:
    """Return the text for an empty library, which says how to add a document if the chat can have its own."""
    if not _takes_documents(recipient):
        return recipient.texts.no_documents
    return no_own_documents(recipient.texts, in_group=recipient.in_group)


def no_own_documents(texts: Texts, *, in_group: bool) -> str:
    """Return the text for a chat without documents of its own, which says how to add one."""
    return texts.no_own_documents_in_group if in_group else texts.no_own_documents


def link_not_opened(recipient: Recipient) -> str:
    """Return why a link alone gets no quote; where documents can be sent, the text offers that."""
    texts = recipient.texts
    return texts.link_not_opened_but_files if _takes_documents(recipient) else texts.link_not_opened


def _takes_documents(recipient: Recipient) -> bool:
    """Return whether the chat can have documents of its own."""
    return recipient.uploads in {UploadTarget.TO_CHAT, UploadTarget.TO_CHAT_OR_LIBRARY}


def _upload_note(recipient: Recipient, to_chat: str) -> str:
    """Return what to say about sending documents, empty if the chat cannot send any."""
    texts = recipient.texts
    return {
        UploadTarget.NONE: "",
        UploadTarget.TO_CHAT: to_chat,
        UploadTarget.TO_CHAT_OR_LIBRARY: f"{to_chat} {texts.uploads_of_admin}",
        UploadTarget.TO_LIBRARY: texts.uploads_to_library,
    }[recipient.uploads]


def _join(*paragraphs: str) -> str:
    return "\n\n".join(filter(None, paragraphs))
