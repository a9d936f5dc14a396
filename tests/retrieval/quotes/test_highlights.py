from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.index.forward_index import ForwardIndex
from retrieval.model import Passage, Span
from retrieval.query.query import parse
from retrieval.quotes.citations import highlights, matching

EVERY = ["en", "de", "ru", "ar", "zh", "th", "hi", "tr"]


def marked(question: str, text: str, language: str, start: int, end: int) -> tuple[Span, ...]:
    passages = [
        Passage("p", "a.txt", "a", Span(100, 100 + len(own)), own, (), 1, 1, language)
        for own in ("Another goat, 茶馆.", text)
    ]
    forward, _ = ForwardIndex.build(passages, 300)
    return highlights(forward, 1, matching(parse(question, EVERY), forward.vocabulary), start, end)


def shown(question: str, text: str, language: str) -> list[str]:
    return [span.of(text) for span in marked(question, text, language, 0, len(text))]


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
    """The question's content words are marked, inflected too; words that only ask or join are not."""
    assert expected == shown(question, text, language)


WORDS = st.lists(
    st.sampled_from(["goat", "goats", "Goat's", "the", "who", "茶馆", "在", "козы", "x", ".", "\n", "😀"])
)


@given(words=WORDS, question=WORDS, data=st.data(), language=st.sampled_from(EVERY))
@settings(max_examples=60)
def test_spans(words: list[str], question: list[str], data: st.DataObject, language: str) -> None:
    """Marks are spans of the passage inside the quote, in order, and none touches another."""
    text = " ".join(words)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    found = marked(" ".join(question), text, language, start, end)
    assert all(start <= span.start < span.end <= end for span in found)
    assert all(one.end < other.start for one, other in pairwise(found))
