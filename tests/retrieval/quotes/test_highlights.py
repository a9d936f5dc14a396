from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.index.forward_index import ForwardIndex
from retrieval.model import Passage, Span
from retrieval.query.query import parse
from retrieval.quotes.quote_selection import find_highlights, match_forms

LANGUAGES = ["en", "de", "ru", "ar", "zh", "th", "hi", "tr"]


def highlight(question: str, text: str, language: str, start: int, end: int) -> tuple[Span, ...]:
    """Return the highlights of the second of two passages."""
    passages = [
        Passage("p", "a.txt", "a", Span(100, 100 + len(own)), own, (), 1, 1, language)
        for own in ("Another goat, 茶馆.", text)
    ]
    forward, _ = ForwardIndex.build(passages, 300)
    return find_highlights(
        forward, 1, match_forms(parse(question, LANGUAGES), forward.vocabulary), start, end
    )


def highlighted(question: str, text: str, language: str) -> list[str]:
    """Return the highlighted parts of a text."""
    return [span.of(text) for span in highlight(question, text, language, 0, len(text))]


@pytest.mark.parametrize(
    ("question", "text", "language", "expected"),
    [
        ("Who feeds the goats?", "The keeper is feeding a goat.", "en", ["feeding", "goat"]),
        ("Wo sind die Wassermühlen?", "Die Wassermühle und die See.", "de", ["Wassermühle"]),
        ("Кто основал обсерваторию?", "Обсерватории основал он.", "ru", ["Обсерватории", "основал"]),
        ("茶馆在哪里?", "河边的茶馆很老。", "zh", ["茶馆"]),
        ("पुस्तकालय कहाँ है?", "यह पुस्तकालय है।", "hi", ["पुस्तकालय"]),
        ("goat 茶馆", "goat茶馆。", "zh", ["goat茶馆"]),
        ("Hamam nerede?", "Hamam'ın suyu.", "tr", ["Hamam"]),
        ("Who is it?", "It is he who is it.", "en", []),
    ],
)
def test_words(question: str, text: str, language: str, expected: list[str]) -> None:
    """Content words of the question are highlighted, also inflected ones; function words are not."""
    assert expected == highlighted(question, text, language)


WORDS = st.lists(
    st.sampled_from(["goat", "goats", "Goat's", "the", "who", "茶馆", "在", "козы", "x", ".", "\n", "😀"])
)


@given(words=WORDS, question=WORDS, data=st.data(), language=st.sampled_from(LANGUAGES))
@settings(max_examples=60)
def test_spans(words: list[str], question: list[str], data: st.DataObject, language: str) -> None:
    """Highlights are in order, inside the quote, and do not touch."""
    text = " ".join(words)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    spans = highlight(" ".join(question), text, language, start, end)
    assert all(start <= span.start < span.end <= end for span in spans)
    assert all(span.end < following.start for span, following in pairwise(spans))
