import re

from hypothesis import given
from hypothesis import strategies as st

from bot.i18n.messages import LANGUAGES, texts_for
from bot.views.message import Recipient, about_file, bold, build_reply, plain
from bot.views.plain_text import one_line
from retrieval.ids import document_id, passage_id
from tests.bot.hostile_inputs import LONG, WILD, check_limits, texts_of

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["👨‍👩‍👧 e\u0301 🇹🇷" * 9])
RECIPIENT = Recipient(texts_for("en"), "verbatim_bot")


@given(st.text(), st.text(), st.integers(0, 10**6))
def test_links_have_a_valid_payload(name: str, words: str, occurrence: int) -> None:
    """The payload of a link to a passage is valid for Telegram: at most 64 of A-Z a-z 0-9 _ -."""
    link = RECIPIENT.link(passage_id(name, words, occurrence), name)
    assert re.fullmatch(r"https://t\.me/verbatim_bot\?start=[A-Za-z0-9_-]{1,64}", link)
    assert link.endswith(document_id(name))


@given(TEXT, TEXT)
def test_entities_stay_on_their_text(first: str, second: str) -> None:
    """Joining texts shifts each entity along with the text it formats; an empty text has none."""
    joined = plain(first) + bold(second)
    reply = build_reply(joined)
    assert first + second == reply.text
    assert ([second] if second else []) == texts_of(reply, "bold")


@given(WILD | LONG, st.sampled_from(LANGUAGES))
def test_sentences_about_files(name: str, language: str) -> None:
    """The name of a file is code in a sentence of any language, so that Telegram makes no link of it."""
    texts = texts_for(language)
    reply = build_reply(about_file(texts.confirm_removal, name, texts))
    check_limits(reply)
    shown = one_line(name, 200)
    assert [shown] * bool(shown) == texts_of(reply, "code")
    assert len(texts.confirm_removal(shown or texts.document)) <= len(reply.text)
