from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from retrieval.loading import markdown, plain
from retrieval.loading.passages import FILL, passages
from retrieval.model import Document, Passage, Span

SENTENCE = "The keeper of the lighthouse writes the weather into a blue book every morning. "


def read(text: str) -> list[Passage]:
    return list(passages(plain.load(text.encode(), "a.txt")))


def test_places() -> None:
    """A passage knows its line, its paragraph and its headings."""
    document = markdown.load(b"# A\n\none\n\n## B\n\ntwo\n\n# C\n\nthree\n", "a.md")
    assert [(3, 1, ("A",)), (7, 2, ("A", "B")), (11, 3, ("C",))] == [
        (passage.line, passage.paragraph, passage.heading) for passage in passages(document)
    ]


def test_long_paragraph() -> None:
    """A long paragraph is parted at sentences, each part with the last sentence of the one before."""
    found = read(SENTENCE * 40)
    assert len(found) > 1
    assert all(len(passage.span) <= FILL for passage in found)
    assert all(
        passage.text.startswith("The keeper") and passage.text.endswith("morning.") for passage in found
    )
    overlaps = [a.span.end - b.span.start for a, b in pairwise(found)]
    assert {len(SENTENCE.strip())} == set(overlaps)
    assert {1} == {passage.paragraph for passage in found}


@given(gaps=st.lists(st.integers(1, 1500), min_size=3, max_size=12))
def test_no_passage_inside_another(gaps: list[int]) -> None:
    """The parts of a paragraph cover it, and none lies within the one before."""
    text = "Start here." + "".join(" " * gap + "And so on it goes." for gap in gaps) + "x" * 2000
    document = Document("a.txt", "a", text, (Span(0, len(text)),))
    found = [passage.span for passage in passages(document)]
    assert 0 == found[0].start
    assert len(text) == found[-1].end
    assert all(a.start < b.start and a.end < b.end for a, b in pairwise(found))


def test_ids() -> None:
    """Ids are unique where a text stands twice, fit for a link, and stay as long as the text does."""
    text = "At nine.\n\nAt nine.\n\nAt nine."
    ids = [passage.id for passage in read(text)]
    assert 3 == len(set(ids))
    assert all(
        len(identity) <= 32 and identity.replace("-", "").replace("_", "").isalnum() for identity in ids
    )
    assert ids == [passage.id for passage in read(text)]


def test_languages() -> None:
    """Paragraphs in another script than the document's are of their own language."""
    found = read(
        "The library opens at nine in the morning.\n\nБиблиотека открыта с девяти утра.\n\n"
        "図書館は九時に開きます。\n\n1234"
    )
    assert ["en", "ru", "ja", "en"] == [passage.language for passage in found]
