"""Short quotes from longer ones."""

from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.loaders.chunking import split_passages
from retrieval.loaders.text.plain_text import load
from retrieval.model import Citation, Span
from retrieval.quotes.quote_selection import Excerpt, cite, shorten

SENTENCE = "The goat eats salt."
SENTENCES = st.sampled_from(
    [SENTENCE, "It sleeps. ", "灯塔亮。", "¿Y 🐐?", "\n", "a very long one " * 9, "Сколько? ", "e\u0301! "]
)


def _cited(text: str, start: int, end: int, *matched: Span) -> Citation:
    (passage, *_) = split_passages(load(text.encode(), "a.txt"))
    return cite(passage, Excerpt(0, start, end, 1.0), 1, matched)


@given(st.lists(SENTENCES, min_size=1, max_size=30).map("".join).filter(str.strip), st.data())
@settings(max_examples=60)
def test_slice(text: str, data: st.DataObject) -> None:
    """A short quote is a slice of the whole one, cited as such, and too long only if it is the whole one."""
    document = load(text.encode(), "a.txt")
    (passage, *_) = split_passages(document)
    start = data.draw(st.integers(0, len(passage.text) - 1))
    end = data.draw(st.integers(start + 1, len(passage.text)))
    matched = [Span(at, at + 1) for at in data.draw(st.sets(st.integers(start, end - 1), max_size=9))]
    whole = cite(passage, Excerpt(0, start, end, 1.0), 1, matched)
    short = shorten(whole, data.draw(st.integers(10, 60)))
    assert short.quote == short.span.of(document.text)
    assert whole.span.start <= short.span.start < short.span.end <= whole.span.end
    assert all(short.span.start < mark.end and mark.start < short.span.end for mark in short.highlights)
    assert whole == short or len(short.quote) <= 60
    part = Excerpt(0, short.span.start - passage.span.start, short.span.end - passage.span.start, 1.0)
    assert cite(passage, part, 1, ()).locator == short.locator


def test_matched_sentences() -> None:
    """As many whole sentences stay as fit, those with the most matched words."""
    text = "One came. Two sat. The lamp burns all night. Three left. Four stayed."
    lamp = Span(text.index("lamp"), text.index("lamp") + 4)
    assert "Two sat. The lamp burns all night." == shorten(_cited(text, 0, len(text), lamp), 35).quote
    assert "The lamp burns all night." == shorten(_cited(text, 0, len(text), lamp), 25).quote


def test_no_matched_words() -> None:
    """Without matched words the first of the longest spans stays."""
    text = " ".join([SENTENCE] * 4)
    assert f"{SENTENCE} {SENTENCE}" == shorten(_cited(text, 0, len(text)), 40).quote


def test_long_sentence() -> None:
    """No sentence is cut: a quote of one long sentence stays whole, and so does a quote that fits."""
    text = "The goat eats salt, " * 20 + "and sleeps."
    whole = _cited(text, 0, 300)
    assert whole is shorten(whole, 200)
    assert whole is shorten(whole, 300)
