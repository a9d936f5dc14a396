import re

from hypothesis import given
from hypothesis import strategies as st

from bot.i18n.texts import LANGUAGES, texts_for
from bot.views.message import (
    MAX_ENTITIES,
    MAX_MESSAGE_UNITS,
    FormattedText,
    Recipient,
    about_file,
    bold,
    build_reply,
    linked,
    one_line,
    plain,
    utf16_length,
)
from retrieval.model import make_document_id, make_passage_id
from tests.bot.hostile_inputs import LONG, WILD, check_limits, texts_of

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["👨‍👩‍👧 e\u0301 🇹🇷" * 9])
RECIPIENT = Recipient(texts_for("en"), "verbatim_bot")


@given(st.text(), st.text(), st.integers(0, 10**6))
def test_links_have_a_valid_payload(name: str, words: str, occurrence: int) -> None:
    """The payload of a link to a passage is valid for Telegram: at most 64 of A-Z a-z 0-9 _ -."""
    link = RECIPIENT.link(make_passage_id(name, words, occurrence), name)
    assert re.fullmatch(r"https://t\.me/verbatim_bot\?start=[A-Za-z0-9_-]{1,64}", link)
    assert link.endswith(make_document_id(name))


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


PART = st.builds(
    lambda text, times, form: form(text * times),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8) | st.just("👨‍👩‍👧e\u0301🇹🇷"),
    st.integers(1, 3_000),
    st.sampled_from([plain, bold, lambda text: linked(text, "https://example.com")]),
)


@given(st.lists(PART, max_size=4), st.integers(0, 150))
def test_a_message_keeps_to_the_limits(parts: list[FormattedText], words: int) -> None:
    """Whatever a message is made of, Telegram accepts its size; it loses nothing but its end."""
    body = sum([bold("a") + " " for _ in range(words)], start=plain("")) + sum(parts, start=plain(""))
    reply = build_reply(body)
    units = utf16_length(reply.text)
    assert units <= MAX_MESSAGE_UNITS
    assert len(reply.entities) <= MAX_ENTITIES
    assert all(entity.length > 0 and entity.offset + entity.length <= units for entity in reply.entities)
    assert reply.text == body.text or body.text.startswith(reply.text.removesuffix("…"))
    before = list(zip(reply.entities, body.entities, strict=False))
    assert all((cut.type, cut.offset, cut.url) == (own.type, own.offset, own.url) for cut, own in before)
    if body.units <= MAX_MESSAGE_UNITS:
        assert (body.text, body.entities[:MAX_ENTITIES]) == (reply.text, reply.entities)


def test_what_is_too_long_loses_its_end() -> None:
    """A text over the limit is cut to it, with the entity on it."""
    reply = build_reply(plain("ab ") + bold("é" * 5_000))
    assert "ab " + "é" * 4_092 + "…" == reply.text
    assert [(3, 4_093)] == [(entity.offset, entity.length) for entity in reply.entities]
