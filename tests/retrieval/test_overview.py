"""Overviews of quotes, with headings for long documents."""

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval import overview
from retrieval.documents.local_library import LocalLibrary
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.formats import load_document
from retrieval.model import Citation, Passage, Span
from retrieval.overview import Overview, make_overview
from retrieval.quotes.quote_selection import Excerpt, cite

TESTS = Path(__file__).parents[1]
DOCUMENTS = sorted(file for file in (TESTS / "eval" / "documents").rglob("*") if file.is_file())
FILLER = "The weather on day {} was much like the weather on any other day of that month."
CENTRAL = "The goats of Nordholm carry salt from the harbour to the cheese cellars of the goats' keepers."
ABOUT = "Every keeper of goats in Nordholm takes salt from the harbour for the cheese of the goats."


def _passages(text: str, name: str = "a.md") -> list[Passage]:
    return list(split_passages(load_document(text.encode(), name)))


def _quotes(overview: Overview) -> list[str]:
    return [citation.quote for citation in overview.sentences]


def test_quotes_that_are_not_verbatim(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence that differs from its passage is dropped from an overview."""
    passages = _passages(f"# Salt\n\n{ABOUT}\n\n# Goats\n\n{CENTRAL}")

    def cite_altered(passage: Passage, excerpt: Excerpt, rank: int, highlights: Iterable[Span]) -> Citation:
        citation = cite(passage, excerpt, rank, highlights)
        return replace(citation, quote="Altered.") if rank == 1 else citation

    assert [ABOUT, CENTRAL] == _quotes(make_overview(passages, 300))
    monkeypatch.setattr(overview, "cite", cite_altered)
    assert [CENTRAL] == _quotes(make_overview(passages, 300))


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_quotes_are_sentences_in_document_order(file: Path) -> None:
    """Quotes are slices of the document, in its order, without overlaps, and have a full stop."""
    document = load_document(file.read_bytes(), file.name)
    overview = make_overview(list(split_passages(document)), 300)
    assert 3 <= len(overview.sentences) <= 7
    end = 0
    for rank, citation in enumerate(overview.sentences, 1):
        assert rank == citation.rank
        assert citation.is_verbatim
        assert citation.quote == citation.span.of(document.text)
        assert len(citation.quote) <= 300
        assert citation.span.start >= end
        end = citation.span.end
        assert citation.quote.rstrip("”»\"'）)")[-1] in ".!?。！？؟।"


def test_central_sentences() -> None:
    """A sentence on the subject of the title is found among others, and its near copy dropped."""
    names = [first + second for first in "bcdfghklmn" for second in "aeio"]
    fillers = [f"A {' '.join(name + 'rs' + end for end in 'abcdefghijk')} stands here." for name in names]
    text = f"# Goats and salt in Nordholm\n\n{' '.join(fillers)}\n\n{CENTRAL}\n\n{CENTRAL}\n\n{ABOUT}\n"
    quotes = _quotes(make_overview(_passages(text), 300))
    assert 1 == quotes.count(CENTRAL)


def test_fragments_are_left_out() -> None:
    """Headings, captions, formulas and lines without a full stop are not sentences."""
    sentences = [
        f"The {name} of the village is kept in the museum beside the old harbour."
        for name in ("boat", "bell", "anchor", "net")
    ]
    fragments = [
        "Figure 3",
        "continued from the page before, in small letters.",
        "x = 3 + 4 / (17 - 2) * 19 %.",
    ]
    text = "\n\n".join([*fragments, *sentences, *fragments])
    quotes = _quotes(make_overview(_passages(text, "a.txt"), 300))
    assert len(quotes) == 3
    assert set(quotes) <= set(sentences)


def test_a_text_without_sentences() -> None:
    """A list of words is shown by its first ones, as many as fit into three quotes."""
    text = "\n\n".join(f"word {number}" for number in range(100))
    quotes = _quotes(make_overview(_passages(text, "a.txt"), 300))
    assert len(quotes) == 3
    assert quotes[0].startswith("word 1\n\nword 2\n\nword 3\n")
    assert all(280 < len(quote) <= 300 for quote in quotes[:2])


def test_a_text_of_short_parts() -> None:
    """A recipe is shown by the beginnings of its parts, each as one quote."""
    parts = ["- 200 g flour\n- 3 eggs", "Whisk both. Let it rest. Fry in butter."]
    text = f"# Pancakes\n\n## Ingredients\n\n{parts[0]}\n\n## Method\n\n{parts[1]}\n"
    assert ["200 g flour\n\n3 eggs", parts[1]] == _quotes(make_overview(_passages(text), 300))


def test_wide_rows() -> None:
    """A row in several passages is shown by the first of them."""
    names = [f"Name of the column with the number {number} in this wide table" for number in range(12)]
    rows = [",".join([f"Row {row}", *(str(100 * row + at) for at in range(11))]) for row in range(1, 4)]
    text = "\n".join([",".join(names), *rows])
    quotes = _quotes(make_overview(_passages(text, "a.csv"), 300))
    assert ["Row 1", "Row 2", "Row 3"] == [quote.partition(": ")[2].partition("\n")[0] for quote in quotes]


def test_headings_are_listed_once() -> None:
    """Neither the title nor a heading that recurs is listed again."""
    parts = [
        f"## {name}\n\n{FILLER.format(name)} {'Word ' * 100}." for name in ("Zoo", "Bar", "Inn", "Bar", "Map")
    ]
    text = "# Town\n\nWelcome.\n\n" + "\n\n".join(parts)
    headings = make_overview(_passages(text), 300).headings
    assert ["Zoo", "Bar", "Inn", "Map"] == [heading.text for heading in headings]


def test_the_headers_of_a_mail() -> None:
    """The overview of a mail begins with its text, not with its headers."""
    text = "From: Ada <ada@example.org>\nSubject: Party\n\nHi Omar,\n\nthe party is on Friday.\n"
    assert ["Hi Omar,\n\nthe party is on Friday."] == _quotes(make_overview(_passages(text, "a.eml"), 300))


def test_a_table_is_shown_by_its_first_rows() -> None:
    """Rows of a table are not compared: the first are shown."""
    rows = "\n".join(f"{number},Goat number {number}" for number in range(100))
    overview = make_overview(_passages(f"Number,Name\n{rows}\n", "a.csv"), 300)
    assert overview.is_table
    assert ["0", "1", "2", "3", "4"] == [quote.split("\n")[0].split()[-1] for quote in _quotes(overview)]


def test_headings_of_a_long_document() -> None:
    """A long document has a list of its main headings, each with its first passage; a short one has none."""
    part = " ".join(FILLER.format(number) for number in range(20))
    sections = [f"## Part {number}\n\n{part}\n\n### Detail {number}\n\n{part}" for number in range(1, 9)]
    passages = _passages("# Book\n\n" + "\n\n".join(sections))
    headings = make_overview(passages, 300).headings
    assert [f"Part {number}" for number in range(1, 9)] == [heading.text for heading in headings]
    by_id = {passage.id: passage for passage in passages}
    assert all(by_id[heading.passage_id].heading[-1] == heading.text for heading in headings)
    assert (
        () == make_overview(_passages("# A\n\n## B\n\nText.\n\n## C\n\nText.\n\n## D\n\nText."), 300).headings
    )


def test_a_document_without_passages() -> None:
    """Without passages, such as of a document that has just been removed, an overview is empty."""
    assert Overview(()) == make_overview([], 300)


def test_a_long_document_is_quick() -> None:
    """The overview of 300 pages takes seconds at most."""
    text = "\n\n".join(
        " ".join(
            f"Sentence {number} of page {page} tells of goat {number * page % 97}." for number in range(30)
        )
        for page in range(300)
    )
    passages = _passages(text, "a.txt")
    start = time.process_time()
    assert 7 == len(make_overview(passages, 300).sentences)
    assert time.process_time() - start < 10


@given(
    st.text(max_size=600).filter(str.strip), st.integers(1, 300), st.sampled_from(["a.txt", "a.md", "a.csv"])
)
@settings(max_examples=60, deadline=None)
def test_any_text(text: str, quote_chars: int, name: str) -> None:
    """Any text that can be loaded has an overview of exact quotes."""
    try:
        document = load_document(text.encode(), name)
    except Exception:  # noqa: BLE001  # what cannot be loaded is tested elsewhere
        return
    overview = make_overview(list(split_passages(document)), quote_chars)
    assert overview.sentences
    for citation in overview.sentences:
        assert citation.is_verbatim
        assert len(citation.quote) <= quote_chars


async def test_the_overview_of_a_source(tmp_path: Path) -> None:
    """A library makes the overview of each of its documents, and keeps it."""
    (tmp_path / "goats.txt").write_text(f"{CENTRAL} {ABOUT}", encoding="utf-8")
    (tmp_path / "weather.txt").write_text(FILLER.format(1), encoding="utf-8")
    library = LocalLibrary.open(tmp_path)
    goats, weather = library.sources
    overview = await library.overview(goats)
    assert [f"{CENTRAL} {ABOUT}"] == _quotes(overview)
    assert overview is await library.overview(goats)
    assert [FILLER.format(1)] == _quotes(await library.overview(weather))
