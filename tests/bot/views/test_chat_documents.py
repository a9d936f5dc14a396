"""Views of the documents of a chat."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.i18n.texts import LANGUAGES, texts_for
from bot.views import chat_documents
from bot.views.chat_documents import ListedDocument
from bot.views.message import (
    ChatDocumentAction,
    ChatDocumentPress,
    Recipient,
    decode_chat_document_press,
    encode_chat_document_press,
)
from retrieval.model import make_document_id
from tests.bot.hostile_inputs import LONG, WILD, check_limits

NAMES = WILD | LONG
DOCUMENTS = st.lists(
    st.builds(
        ListedDocument,
        st.sampled_from([make_document_id("a"), make_document_id("b"), ""]),
        NAMES,
        st.integers(0, 10**9),
        st.floats(0, 4e9),
        NAMES,
    ),
    max_size=50,
)


@given(DOCUMENTS, st.integers(0, 9), st.booleans(), st.booleans(), st.sampled_from(LANGUAGES))
def test_the_list_fits(
    documents: list[ListedDocument], page: int, can_change: bool, in_group: bool, language: str
) -> None:
    """The list fits into a message whatever the names are; only who may change it gets buttons to do so."""
    recipient = Recipient(texts_for(language), "verbatim_bot", in_group=in_group)
    reply = chat_documents.render_list(
        documents, "both", page, recipient, can_change=can_change, has_library=True
    )
    check_limits(reply)
    rows = reply.keyboard.inline_keyboard if reply.keyboard else ()
    presses = [decode_chat_document_press(button.callback_data) for row in rows for button in row]
    changing = {press.action for press in presses if press} - {ChatDocumentAction.LIST}
    assert bool(changing) is (can_change and bool(documents))


@given(NAMES, st.sampled_from(LANGUAGES))
def test_questions_fit(name: str, language: str) -> None:
    """The questions before a change fit into a message."""
    texts = texts_for(language)
    check_limits(chat_documents.render_replacement(name[:200], texts))
    check_limits(chat_documents.render_destination(name[:200], texts))
    check_limits(
        chat_documents.render_removal(ListedDocument(make_document_id("a"), name, 1, 0.0, ""), texts)
    )
    check_limits(chat_documents.render_forgetting(3, texts))


@given(st.text())
def test_any_data_is_parsed(data: str) -> None:
    """Callback data that anybody can forge is parsed or rejected, and parsed data is what it was made of."""
    press = decode_chat_document_press(data)
    assert press is None or data == encode_chat_document_press(press)


@pytest.mark.parametrize("view", list(ChatDocumentAction))
def test_data_round_trip(view: ChatDocumentAction) -> None:
    """Each action survives the way through Telegram."""
    needs = view in {ChatDocumentAction.REMOVE, ChatDocumentAction.REMOVE_CONFIRMED}
    press = ChatDocumentPress(view, make_document_id("a") if needs else "", 3)
    assert press == decode_chat_document_press(encode_chat_document_press(press))
    assert len(encode_chat_document_press(press).encode()) <= 64


def test_the_choice_is_marked_and_told() -> None:
    """The choice of what is searched is marked, and shown to those who cannot change it."""
    documents = [ListedDocument(make_document_id("a"), "lease.txt", 2048, 1.7e9, "Ada")]
    texts = texts_for("en")
    group = Recipient(texts, "verbatim_bot", in_group=True)
    listed = chat_documents.render_list(documents, "own", 0, group, can_change=True, has_library=True)
    assert listed.keyboard is not None
    labels = [button.text for row in listed.keyboard.inline_keyboard for button in row]
    assert f"✓ {texts.scope_own}" in labels
    assert "added by Ada" in listed.text
    member = chat_documents.render_list(documents, "own", 0, group, can_change=False, has_library=True)
    assert texts.searched_own in member.text
