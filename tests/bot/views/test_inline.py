"""Results of inline queries."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telegram import InlineQueryResultArticle, InputTextMessageContent

from bot.i18n.texts import LANGUAGES, texts_for
from bot.views import inline
from bot.views.message import Recipient, Reply
from retrieval.model import Answer, Citation
from tests.bot.hostile_inputs import check_limits, citations, texts_of

RECIPIENT = Recipient(texts_for("en"), "verbatim_bot")


def _sent(article: InlineQueryResultArticle) -> Reply:
    content = article.input_message_content
    assert isinstance(content, InputTextMessageContent)
    return Reply(content.message_text, tuple(content.entities))


@given(citations())
@settings(max_examples=50)
def test_an_article_sends_its_quote(cited: Citation) -> None:
    """An article sends its quote verbatim with its source, within all limits."""
    (article,) = inline.render_results(
        Answer("?", certainty="sure", confidence=1, citations=(cited,)), 0, RECIPIENT
    )
    check_limits(_sent(article))
    assert [cited.quote] == texts_of(_sent(article), "blockquote")
    assert 1 <= len(article.id.encode()) <= 64
    assert 1 <= len(article.title.encode("utf-16-le")) // 2 <= 80


@given(st.text(max_size=64) | st.integers(-5, 200).map(str))
def test_any_offset(offset: str) -> None:
    """A valid offset is the start of a page; any other means the first page."""
    first = inline.parse_offset(offset)
    assert 0 <= first <= inline.MAX_RESULTS
    assert first in {0, inline.MAX_RESULTS} or offset.lstrip("0") == str(first)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 35, 50])
def test_paging(
    count: int, citation: Callable[..., Any], answer: Callable[..., Any], passage: Callable[..., Any]
) -> None:
    """The pages have each quote once, ten at a time, and end with the last."""
    given_answer = answer(
        *(
            citation("Sea.", (0, 4), rank=n, passage=passage("Sea.", number=n, start=100))
            for n in range(count)
        )
    )
    offset, ids, pages = "", list[str](), 0
    while True:
        first = inline.parse_offset(offset)
        ids += [result.id for result in inline.render_results(given_answer, first, RECIPIENT)]
        offset, pages = inline.next_offset(given_answer, first), pages + 1
        if not offset:
            break
    assert [f"{n}-{n:012}folder01" for n in range(count)] == ids
    assert max(-(-count // 10), 1) == pages


@given(citations(), st.sampled_from(LANGUAGES))
@settings(max_examples=50)
def test_the_title_of_an_unsure_quote(cited: Citation, language: str) -> None:
    """The title of an unsure quote says so; the message it sends is the same as of a sure one."""
    recipient = Recipient(texts_for(language), "verbatim_bot")
    (article,) = inline.render_results(Answer("?", "unsure", 0.3, (cited,)), 0, recipient)
    (sure,) = inline.render_results(Answer("?", "sure", 0.9, (cited,)), 0, recipient)
    assert _sent(sure) == _sent(article)
    assert article.title.startswith(recipient.texts.inline_unsure("").rstrip("\u2069"))
    assert len(article.title.encode("utf-16-le")) // 2 <= 80


def test_a_declined_question_has_no_results(citation: Callable[..., Any], answer: Callable[..., Any]) -> None:
    """A declined question offers no quotes, even if passages are near."""
    given_answer = answer(*[citation("Sea.", (0, 4))] * 30, certainty="none")
    assert ([], "") == (
        inline.render_results(given_answer, 0, RECIPIENT),
        inline.next_offset(given_answer, 0),
    )
