"""Why an answer is what it is."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.i18n.messages import speaking
from bot.views import answers
from retrieval.model import TermWeight
from tests.bot.hostile_inputs import LONG, WILD, check_limits, texts_of

TEXTS = speaking("en")
WEIGHINGS = st.builds(
    TermWeight, WILD | LONG, st.booleans(), st.integers(0, 10**6), st.floats(0, 20, allow_nan=False)
)


@given(st.lists(WEIGHINGS, max_size=60))
@settings(max_examples=50)
def test_any_words_are_within_limits(words: list[TermWeight]) -> None:
    """However many words of whatever length and script, the reply is one message."""
    check_limits(answers.render_term_weights(words, TEXTS))


def test_words_are_told_by_what_they_weigh() -> None:
    """The words that counted come in their order, in bold; the unknown and the light ones after them."""
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


def test_nothing_counted() -> None:
    """Words that only join are told so in one line."""
    assert TEXTS.nothing_counted == answers.render_term_weights([], TEXTS).text
    light = TermWeight("the", content=False, passages=9, weight=0.1)
    assert TEXTS.nothing_counted == answers.render_term_weights([light], TEXTS).text
    unknown = TermWeight("unicorn", content=True, passages=0, weight=1.0)
    assert "Not in any document: unicorn" == answers.render_term_weights([unknown], TEXTS).text
