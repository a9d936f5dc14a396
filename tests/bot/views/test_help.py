"""Greetings and help say whether, and how, a chat can send documents."""

import pytest

from bot.i18n.texts import LANGUAGES, texts_for
from bot.views import help as views
from bot.views.message import Recipient, UploadTarget


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("uploads", list(UploadTarget))
def test_private_chats(language: str, uploads: UploadTarget) -> None:
    """/start and /help say that a person can send documents, in their language, only where that is so."""
    texts = texts_for(language)
    recipient = Recipient(texts, "verbatim_bot", uploads=uploads)
    notes = {
        UploadTarget.NONE: [],
        UploadTarget.TO_CHAT: [texts.uploads],
        UploadTarget.TO_CHAT_OR_LIBRARY: [texts.uploads, texts.uploads_of_admin],
        UploadTarget.TO_LIBRARY: [texts.uploads_to_library],
    }[uploads]
    assert "\n\n".join([texts.greeting, " ".join(notes)]).strip() == views.greeting(recipient)
    shown = views.help_text(recipient)
    assert (uploads in {UploadTarget.TO_CHAT, UploadTarget.TO_CHAT_OR_LIBRARY}) is (
        texts.help_uploads in shown
    )
    assert (uploads is UploadTarget.TO_CHAT_OR_LIBRARY) is (texts.uploads_of_admin in shown)
    assert (uploads is UploadTarget.TO_LIBRARY) is (texts.uploads_to_library in shown)


@pytest.mark.parametrize("language", LANGUAGES)
def test_groups(language: str) -> None:
    """In a group the text says that administrators can send documents, and how."""
    texts = texts_for(language)
    with_uploads = Recipient(texts, "verbatim_bot", in_group=True, uploads=UploadTarget.TO_CHAT)
    without = Recipient(texts, "verbatim_bot", in_group=True)
    assert texts.uploads_in_group in views.group_greeting(with_uploads, receives_all=False)
    assert f"{texts.group_greeting}\n\n{texts.receives_all_messages}" == views.group_greeting(
        without, receives_all=True
    )
    assert texts.no_own_documents_in_group == views.no_documents(with_uploads)
    assert texts.no_documents == views.no_documents(without)
    assert texts.link_not_opened_but_files == views.link_not_opened(with_uploads)
    assert texts.link_not_opened == views.link_not_opened(without)
