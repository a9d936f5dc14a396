from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.loaders.chunking import split_passages
from retrieval.loaders.text.markdown import load
from retrieval.model import Span
from retrieval.quotes.quote_selection import Excerpt, cite

LINES = st.lists(
    st.sampled_from(["# One", "## Two", "", "", "The goat eats.", "Salt and milk,", "no more."]),
    min_size=1,
    max_size=25,
)


def line_of(text: str, lines: list[str], offset: int) -> int:
    """Return the number of the source line with an offset of the document's text."""
    searched_to = line_number = 0
    for number, line in enumerate(lines, 1):
        words = line.lstrip("# ")
        if words:
            start = text.index(words, searched_to)
            searched_to = start + len(words)
            line_number = number if start <= offset else line_number
    return line_number


@given(lines=LINES, data=st.data())
@settings(max_examples=60)
def test_citations(lines: list[str], data: st.DataObject) -> None:
    """A quote and its highlights are spans of the document, with its source lines and its heading."""
    text = "\n".join(lines)
    document = load(text.encode(), "a.md")
    for passage in split_passages(document):
        start = data.draw(st.integers(0, len(passage.text) - 1))
        end = data.draw(st.integers(start + 1, len(passage.text)))
        citation = cite(passage, Excerpt(0, start, end, 2.5), 3, [Span(start, end)])
        assert citation.span.of(document.text) == citation.quote == passage.text[start:end]
        assert (citation.span,) == citation.highlights
        assert (3, 2.5, passage, "a.md") == (
            citation.rank,
            citation.score,
            citation.passage,
            citation.document_name,
        )
        assert line_of(document.text, lines, citation.span.start) == citation.locator.line
        assert line_of(document.text, lines, citation.span.end - 1) == citation.locator.line_end
        above = [heading.text for heading in document.headings if heading.span.start < passage.span.start]
        assert (above[-1] if above else None) == citation.locator.heading
        started = [block for block in document.blocks if block.start <= citation.span.start]
        assert len(started) == citation.locator.paragraph
        assert citation.locator.page is None
