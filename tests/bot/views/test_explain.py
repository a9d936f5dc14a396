"""The reply to /why: the words of a question and their weights."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.i18n.messages import texts_for
from bot.views import answers
from retrieval.model import TermWeight
from tests.bot.hostile_inputs import LONG, WILD, check_limits, texts_of

TEXTS = texts_for("en")
TERM_WEIGHTS = st.builds(
    TermWeight, WILD | LONG, st.booleans(), st.integers(0, 10**6), st.floats(0, 20, allow_nan=False)
)


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
