"""Why an answer is what it is."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot import insight
from bot.texts import speaking
from retrieval.model import Weighing
from tests.bot.wild import LONG, WILD, check_limits, texts_of

TEXTS = speaking("en")
WEIGHINGS = st.builds(
    Weighing, WILD | LONG, st.booleans(), st.integers(0, 10**6), st.floats(0, 20, allow_nan=False)
)


@given(st.lists(WEIGHINGS, max_size=60))
@settings(max_examples=50)
def test_any_words_are_within_limits(words: list[Weighing]) -> None:
    """However many words of whatever length and script, the reply is one message."""
    check_limits(insight.why(words, TEXTS))


def test_words_are_told_by_what_they_weigh() -> None:
    """The words that counted come in their order, in bold; the unknown and the light ones after them."""
    words = [
        Weighing("Nordholm", content=True, passages=2, weight=3.14),
        Weighing("lamp", content=True, passages=1, weight=2.0),
        Weighing("unicorn", content=True, passages=0, weight=5.0),
        Weighing("the", content=False, passages=9, weight=0.1),
    ]
    reply = insight.why(words, TEXTS)
    assert (
        "These words counted, the rarer the more:\n\n"
        "• Nordholm: 3.1, in 2 passages\n"
        "• lamp: 2.0, in 1 passage\n\n"
        "In none of the documents: unicorn\n\n"
        "These hardly counted: the"
    ) == reply.text
    assert ["Nordholm", "lamp"] == texts_of(reply, "bold")


def test_nothing_counted() -> None:
    """Words that only join are told so in one line."""
    assert TEXTS.nothing_counted == insight.why([], TEXTS).text
    light = Weighing("the", content=False, passages=9, weight=0.1)
    assert TEXTS.nothing_counted == insight.why([light], TEXTS).text
    unknown = Weighing("unicorn", content=True, passages=0, weight=1.0)
    assert "In none of the documents: unicorn" == insight.why([unknown], TEXTS).text
