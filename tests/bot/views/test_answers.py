"""Replies to a question: a quote, the closest passages or a refusal; and the reply to /why."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from telegram import Chat, Message

from bot.i18n.texts import LANGUAGES, texts_for
from bot.views import answers
from bot.views.message import (
    AS_WRITTEN,
    MAX_EARLIER_BYTES,
    AnswerAction,
    AnswerPress,
    Origin,
    Recipient,
    Reply,
    decode_answer_press,
    fit_words,
    text_reply,
)
from bot.views.no_answer import closest_quotes
from retrieval.model import Answer, Citation, Locator, PassageWithNeighbours, Span, TermWeight
from tests.bot.hostile_inputs import LONG, WILD, check_limits, citations, texts_of

TEXTS = texts_for("en")
TERM_WEIGHTS = st.builds(
    TermWeight, WILD | LONG, st.booleans(), st.integers(0, 10**6), st.floats(0, 20, allow_nan=False)
)
RECIPIENT = Recipient(TEXTS, "verbatim_bot")
GROUP = replace(RECIPIENT, in_group=True)
ORIGINS = st.builds(
    Origin, st.booleans(), (WILD | LONG | st.just("")).map(lambda text: fit_words(text.split()))
)
FOUND = st.lists(citations(), min_size=1, max_size=5).map(tuple)


@given(FOUND, ORIGINS, st.booleans(), st.sampled_from(LANGUAGES))
@settings(max_examples=60, deadline=None)
def test_the_closest_passages_are_whole_and_within_limits(
    cited: tuple[Citation, ...],
    origin: Origin,
    can_vote: bool,
    language: str,
) -> None:
    """Each quote is verbatim in a block of its own, best first, with at most five buttons in all."""
    answer = Answer("?", "unsure", 0.3, cited)
    recipient = Recipient(texts_for(language), "verbatim_bot", can_vote=can_vote)
    reply = answers.render_answer(answer, recipient, origin)
    check_limits(reply)
    quoted = texts_of(reply, "blockquote")
    assert 1 <= len(quoted) <= 3
    assert [citation.quote for citation in closest_quotes(answer)][: len(quoted)] == quoted
    assert all(short in citation.quote for short, citation in zip(quoted, cited, strict=False))
    assert len(quoted) == len(texts_of(reply, "text_link"))
    pressed = [press for row in _buttons(reply) for _, press in row]
    assert len(pressed) == len(quoted) + 2 * can_vote
    assert [(AnswerAction.SURROUNDING_TEXT, rank, origin) for rank in range(1, len(quoted) + 1)] == [
        (press.action, press.rank, press.origin) for press in pressed[: len(quoted)] if press
    ]


@given(FOUND)
@settings(max_examples=60, deadline=None)
def test_in_a_group_the_closest_passages_are_folded(cited: tuple[Citation, ...]) -> None:
    """In a group, all quotes and sources are in one expandable block without nested blocks."""
    answer = Answer("?", "unsure", 0.3, cited)
    reply, private = answers.render_answer(answer, GROUP), answers.render_answer(answer, RECIPIENT)
    check_limits(reply)
    assert (private.text, private.keyboard) == (reply.text, reply.keyboard)
    assert [reply.text.removeprefix(f"{TEXTS.unsure_answer}\n")] == texts_of(reply, "expandable_blockquote")
    assert [] == texts_of(reply, "blockquote")


@given(
    WILD | LONG,
    st.none() | WILD | LONG,
    st.lists(citations(), max_size=5),
    st.floats(0, 0.5),
    ORIGINS,
    st.booleans(),
)
@example("How?", "x " * 4096, [], 0.1, AS_WRITTEN, False)
@settings(max_examples=60, deadline=None)
def test_no_answer_is_within_limits(  # noqa: PLR0913, PLR0917  # drawn
    question: str,
    suggestion: str | None,
    near: list[Citation],
    confidence: float,
    origin: Origin,
    asks_nothing: bool,
) -> None:
    """Headings and suggestions of any length and script fit in a message, which has no quote."""
    result = Answer(question, "none", confidence, tuple(near), suggestion, asks_nothing)
    reply = answers.render_answer(result, RECIPIENT, origin)
    check_limits(reply)
    assert [] == [e for e in reply.entities if e.type not in {"code", "text_link"}]
    assert len(texts_of(reply, "text_link")) <= 3
    closer = AnswerPress(AnswerAction.CLOSEST, origin=origin)
    pressed = [press for row in _buttons(reply) for _, press in row]
    assert (closer in pressed) is (bool(near) and not asks_nothing)


@given(FOUND, st.booleans())
@settings(max_examples=60, deadline=None)
def test_closest_passages_yield_earlier_words(
    cited: tuple[Citation, ...],
    in_group: bool,
) -> None:
    """The earlier words read from the message, folded or not, are from a quote and fit in callback data."""
    shown = answers.render_answer(Answer("?", "unsure", 0.3, cited), GROUP if in_group else RECIPIENT)
    words = answers.earlier_words(_message(shown))
    assert len(words.encode()) <= MAX_EARLIER_BYTES
    assert all(word in shown.text for word in words.split())


def test_replies_without_a_quote_have_no_earlier_words(
    answer: Callable[..., Any], citation: Callable[..., Any]
) -> None:
    """A reply without a quote, such as a refusal, has no words for a follow-up."""
    near = citation("Words.", (0, 6), ((0, 5),))
    declined = answers.render_answer(answer(near, certainty="none", suggestion="How many cats?"), RECIPIENT)
    assert "" == answers.earlier_words(_message(declined))
    assert "" == answers.earlier_words(_message(text_reply(TEXTS.help)))


def test_a_sure_answer_is_its_quote(citation: Callable[..., Any], answer: Callable[..., Any]) -> None:
    """A sure answer is the best quote."""
    result = answer(citation("Words.", (0, 6)), citation("Others.", (0, 7)))
    assert answers.render_quote(result, 1, RECIPIENT) == answers.render_answer(result, RECIPIENT)


def test_the_key_sentence_is_underlined(citation: Callable[..., Any], answer: Callable[..., Any]) -> None:
    """Bold words at its edges are divided, so that entities do not overlap in part."""
    cited = citation("Cats sat. Dogs ran. No.", (0, 23), ((5, 13), (15, 18)), key=Span(110, 119))
    reply = answers.render_answer(answer(cited), RECIPIENT)
    assert ["Dogs ran."] == texts_of(reply, "underline")
    assert ["sat. ", "Dog", "ran"] == texts_of(reply, "bold")
    whole = citation("Cats sat.", (0, 9), key=None)
    assert [] == texts_of(answers.render_answer(answer(whole), RECIPIENT), "underline")


def test_the_closest_passages(citation: Callable[..., Any], answer: Callable[..., Any]) -> None:
    """An introduction, then three quotes, each with its source, number and button."""
    near = [citation(f"Cat {n} sat.", (0, 10), ((0, 3),), rank=n) for n in (1, 2, 3, 4)]
    reply = answers.render_answer(answer(*near, certainty="unsure"), replace(RECIPIENT, can_vote=True))
    source = "— Title, under “Heading”, lines 5–7 · folder/name.txt"
    assert (
        "I’m not sure this answers it. The closest passages:\n"
        f"Cat 1 sat.\n1 {source}\n\nCat 2 sat.\n2 {source}\n\nCat 3 sat.\n3 {source}"
    ) == reply.text
    assert ["Cat 1 sat.", "Cat 2 sat.", "Cat 3 sat."] == texts_of(reply, "blockquote")
    assert ["Cat"] * 3 == texts_of(reply, "bold")
    contexts = [
        (f"Context {n}", AnswerPress(AnswerAction.SURROUNDING_TEXT, n, "000000000001folder01"))
        for n in (1, 2, 3)
    ]
    votes = [("👍", AnswerPress(AnswerAction.VOTE_UP)), ("👎", AnswerPress(AnswerAction.VOTE_DOWN))]
    assert [contexts, votes] == _buttons(reply)


def test_one_closest_passage_has_no_number(citation: Callable[..., Any], answer: Callable[..., Any]) -> None:
    """A single closest passage has no number, and its button is named in words."""
    reply = answers.render_answer(answer(citation("Words.", (0, 6)), certainty="unsure"), RECIPIENT)
    assert reply.text.endswith("\nWords.\n— Title, under “Heading”, lines 5–7 · folder/name.txt")
    wider = AnswerPress(AnswerAction.SURROUNDING_TEXT, 1, "000000000001folder01")
    assert [[("Show context", wider)]] == _buttons(reply)


def test_context_leads_back_to_the_closest_passages(
    citation: Callable[..., Any], answer: Callable[..., Any]
) -> None:
    """The context of one closest passage has a button back to all of them."""
    cited, origin = citation("Words.", (0, 6)), Origin(earlier="cats")
    around = PassageWithNeighbours(cited.passage, None, None)
    for certainty in ("unsure", "none"):
        reply = answers.render_surrounding_text(
            answer(cited, certainty=certainty), 1, around, RECIPIENT, origin
        )
        back = ("‹ Back to the passages", AnswerPress(AnswerAction.CLOSEST, origin=origin))
        assert [back] == _buttons(reply)[0]


def test_no_answer_shows_no_source(citation: Callable[..., Any], answer: Callable[..., Any]) -> None:
    """A refusal has no quote and no file name, but a button for the closest passages, if any."""
    near = citation("Words.", (0, 6), locator=Locator(None, None, 1, 1, 1))
    reply = answers.render_answer(answer(near, certainty="none"), RECIPIENT)
    assert ("The documents hold no answer to this.", ()) == (reply.text, reply.entities)
    assert [[("Show the closest passages", AnswerPress(AnswerAction.CLOSEST))]] == _buttons(reply)
    assert Reply("The documents hold no answer to this.") == answers.render_answer(
        answer(certainty="none"), RECIPIENT
    )


def test_near_headings_are_offered(citation: Callable[..., Any], answer: Callable[..., Any]) -> None:
    """A refusal lists at most three distinct headings with a word of the question, as links to passages."""
    headings = ("One", None, "One", "Two", " ", "Three", "Four")
    near = [
        citation("Words.", (0, 6), ((0, 5),), locator=Locator(heading, None, 1, 1, 1)) for heading in headings
    ]
    near.insert(1, citation("Others.", (0, 7), locator=Locator("Elsewhere", None, 1, 1, 1)))
    question = "one or two, three, four"
    reply = answers.render_answer(answer(*near, certainty="none", question=question), RECIPIENT)
    perhaps = "These headings may help:\n• One\n• Two\n• Three"
    assert f"The documents hold no answer to this.\n\n{perhaps}" == reply.text
    assert ["One", "Two", "Three"] == texts_of(reply, "text_link")
    assert {"https://t.me/verbatim_bot?start=000000000001folder01"} == {e.url for e in reply.entities}


def test_small_talk_is_shown_no_passages(citation: Callable[..., Any], answer: Callable[..., Any]) -> None:
    """Small talk gets a friendly line only, even if passages are near."""
    result = answer(citation("Words.", (0, 6)), certainty="none", asks_nothing=True)
    assert Reply(TEXTS.nothing_asked) == answers.render_answer(result, RECIPIENT)


def test_a_suggestion_can_be_tapped(answer: Callable[..., Any]) -> None:
    """A suggested spelling has a button that asks it."""
    reply = answers.render_answer(answer(certainty="none", suggestion="How many cats?"), RECIPIENT)
    assert "The documents hold no answer to this.\n\nDid you mean: How many cats?" == reply.text
    assert [[("How many cats?", AnswerPress(AnswerAction.QUOTE, origin=Origin(corrected=True)))]] == _buttons(
        reply
    )


def test_a_declined_suggestion_suggests_nothing(answer: Callable[..., Any]) -> None:
    """A refusal of a corrected question suggests no further correction."""
    result = answer(certainty="none", suggestion="Other one?")
    reply = answers.render_answer(result, RECIPIENT, Origin(corrected=True))
    assert "The documents hold no answer to this." == reply.text


@pytest.mark.parametrize("certainty", ["sure", "unsure", "none"])
def test_without_passages_there_is_no_answer(answer: Callable[..., Any], certainty: str) -> None:
    """An answer without citations is shown as a refusal, whatever its certainty."""
    assert Reply(TEXTS.no_answer) == answers.render_answer(answer(certainty=certainty), RECIPIENT)


def _message(reply: Reply) -> Message:
    return Message(1, datetime.now(UTC), Chat(1, Chat.PRIVATE), text=reply.text, entities=reply.entities)


def _buttons(reply: Reply) -> list[list[tuple[str, AnswerPress | None]]]:
    rows = reply.keyboard.inline_keyboard if reply.keyboard else ()
    return [[(b.text, decode_answer_press(b.callback_data)) for b in row] for row in rows]


@given(st.lists(TERM_WEIGHTS, max_size=60))
@settings(max_examples=50)
def test_any_words_are_within_limits(words: list[TermWeight]) -> None:
    """Any number of words of any length and script fits in one message."""
    check_limits(answers.render_term_weights(words, TEXTS))


def test_words_by_weight() -> None:
    """Matched words come in order, in bold, then unknown words and words of little weight."""
    words = [
        TermWeight("Nordholm", content=True, passages=2, weight=3.14),
        TermWeight("lamp", content=True, passages=1, weight=2.0),
        TermWeight("unicorn", content=True, passages=0, weight=5.0),
        TermWeight("the", content=False, passages=9, weight=0.1),
    ]
    reply = answers.render_term_weights(words, TEXTS)
    assert (
        "Matched words, by weight:\n\n"
        "• Nordholm: 3.1, in 2 passages\n"
        "• lamp: 2.0, in 1 passage\n\n"
        "Not in any document: unicorn\n\n"
        "Little weight: the"
    ) == reply.text
    assert ["Nordholm", "lamp"] == texts_of(reply, "bold")


def test_no_specific_words() -> None:
    """Without a specific word, the reply is one line that says so."""
    assert TEXTS.no_specific_words == answers.render_term_weights([], TEXTS).text
    light = TermWeight("the", content=False, passages=9, weight=0.1)
    assert TEXTS.no_specific_words == answers.render_term_weights([light], TEXTS).text
    unknown = TermWeight("unicorn", content=True, passages=0, weight=1.0)
    assert "Not in any document: unicorn" == answers.render_term_weights([unknown], TEXTS).text


@given(st.lists(citations(), min_size=2, max_size=5), st.integers(2, 4), st.booleans())
def test_parts_fit(cited: list[Citation], parts: int, in_group: bool) -> None:
    """The quotes of a question with several parts fit into one message, each with its button and source."""
    several = Answer("?", "sure", 0.9, tuple(cited), parts=min(parts, len(cited)))
    shown = answers.render_answer(several, GROUP if in_group else RECIPIENT)
    check_limits(shown)
    assert shown.keyboard is not None
    presses = [
        decode_answer_press(button.callback_data) for row in shown.keyboard.inline_keyboard for button in row
    ]
    contexts = [press.rank for press in presses if press and press.action is AnswerAction.SURROUNDING_TEXT]
    assert contexts == list(range(1, len(contexts) + 1))
    assert 1 <= len(contexts) <= several.parts
