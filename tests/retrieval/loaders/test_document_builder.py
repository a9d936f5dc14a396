import pytest

from retrieval.errors import DocumentError
from retrieval.loaders import document_builder
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.model import Document, Heading, Page, Span


def test_document() -> None:
    """Spans of headings, blocks and pages point at their text; blank ones are dropped."""
    builder = DocumentBuilder("a.x")
    builder.page("1")
    builder.page("2")
    builder.heading(" Opening\nhours ", 2)
    builder.block("At nine. ")
    builder.block(" \n")
    builder.heading("", 1)
    builder.page("3")
    builder.aside("Day | Hours")
    builder.block("Monday")
    builder.page("4")
    expected = Document(
        name="a.x",
        title="Opening hours",
        text="Opening\nhours\n\nAt nine.\n\nDay | Hours\n\nMonday",
        blocks=(Span(15, 23), Span(38, 44)),
        headings=(Heading(Span(0, 13), 2, "Opening hours"),),
        pages=(Page(0, "2"), Page(25, "3")),
        unit="slide",
    )
    assert expected == builder.document(unit="slide")


def test_title() -> None:
    """The title is the given one, else the highest heading, the first words, or the name."""
    builder = DocumentBuilder("a.x")
    assert "a.x" == builder.document("  ").title
    builder.block("At nine.")
    assert "At nine." == builder.document().title
    builder.heading("Low", 2)
    builder.heading("High", 1)
    assert "High" == builder.document().title
    assert "Given so" == builder.document("Given \n so").title


def test_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text over the size limit is refused."""
    monkeypatch.setattr(document_builder, "MAX_DOCUMENT_CHARS", 10)
    builder = DocumentBuilder("a.x")
    builder.block("At nine.")
    with pytest.raises(DocumentError, match=r"^a\.x: holds more than 0 million characters; split it$"):
        builder.block("At ten.")
