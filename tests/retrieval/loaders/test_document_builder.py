import pytest

from retrieval.errors import DocumentError
from retrieval.loaders import document_builder
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.model import Document, Heading, Page, Span


def test_document() -> None:
    """Spans of headings, blocks and pages point at their text; blank ones are dropped."""
    builder = DocumentBuilder("a.x")
    builder.begin_page("1")
    builder.begin_page("2")
    builder.add_heading(" Opening\nhours ", 2)
    builder.add_block("At nine. ")
    builder.add_block(" \n")
    builder.add_heading("", 1)
    builder.begin_page("3")
    builder.add_unquotable("Day | Hours")
    builder.add_block("Monday")
    builder.begin_page("4")
    expected = Document(
        name="a.x",
        title="Opening hours",
        text="Opening\nhours\n\nAt nine.\n\nDay | Hours\n\nMonday",
        blocks=(Span(15, 23), Span(38, 44)),
        headings=(Heading(Span(0, 13), 2, "Opening hours"),),
        pages=(Page(0, "2"), Page(25, "3")),
        unit="slide",
    )
    assert expected == builder.build(unit="slide")


def test_title() -> None:
    """The title is the given one, else the highest heading, the first words, or the name."""
    builder = DocumentBuilder("a.x")
    assert "a.x" == builder.build("  ").title
    builder.add_block("At nine.")
    assert "At nine." == builder.build().title
    builder.add_heading("Low", 2)
    builder.add_heading("High", 1)
    assert "High" == builder.build().title
    assert "Given so" == builder.build("Given \n so").title


def test_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text over the size limit is rejected."""
    monkeypatch.setattr(document_builder, "MAX_DOCUMENT_CHARS", 10)
    builder = DocumentBuilder("a.x")
    builder.add_block("At nine.")
    with pytest.raises(DocumentError, match=r"^a\.x: has more than 0 million characters; split it$"):
        builder.add_block("At ten.")
