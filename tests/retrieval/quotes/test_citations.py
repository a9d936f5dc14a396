from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.loaders.chunking import split_passages
from retrieval.loaders.text.markdown import load
from retrieval.model import Span
from retrieval.quotes.citations import Excerpt, cite

LINES = st.lists(
    st.sampled_from(["# One", "## Two", "", "", "The goat eats.", "Salt and milk,", "no more."]),
    min_size=1,
    max_size=25,
)


def line_of(text: str, lines: list[str], offset: int) -> int:
    """Return the number of the source line that a character of the document's text is from."""
    at = found = 0
    for number, line in enumerate(lines, 1):
        words = line.lstrip("# ")
        if words:
            start = text.index(words, at)
            at = start + len(words)
            found = number if start <= offset else found
    return found


@given(lines=LINES, data=st.data())
@settings(max_examples=60)
def test_citations(lines: list[str], data: st.DataObject) -> None:
    """A quote and its marks are spans of the document, in the lines that are named, below its heading."""
    text = "\n".join(lines)
    document = load(text.encode(), "a.md")
    for passage in split_passages(document):
        start = data.draw(st.integers(0, len(passage.text) - 1))
        end = data.draw(st.integers(start + 1, len(passage.text)))
        found = cite(passage, Excerpt(0, start, end, 2.5), 3, [Span(start, end)])
        assert found.span.of(document.text) == found.quote == passage.text[start:end]
        assert (found.span,) == found.highlights
        assert (3, 2.5, passage, "a.md") == (found.rank, found.score, found.passage, found.document)
        assert line_of(document.text, lines, found.span.start) == found.locator.line
        assert line_of(document.text, lines, found.span.end - 1) == found.locator.line_end
        above = [h.text for h in document.headings if h.span.start < passage.span.start]
        assert (above[-1] if above else None) == found.locator.heading
        begun = [block for block in document.blocks if block.start <= found.span.start]
        assert len(begun) == found.locator.paragraph
        assert found.locator.page is None
