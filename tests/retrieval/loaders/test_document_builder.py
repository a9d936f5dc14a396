import pytest

from retrieval.errors import DocumentError
from retrieval.loaders import document_builder
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.model import Document, Heading, Page, Span


def test_document() -> None:
    """Headings, paragraphs and pages point at their own words; blank ones are none."""
    made = DocumentBuilder("a.x")
    made.page("1")
    made.page("2")
    made.heading(" Opening\nhours ", 2)
    made.block("At nine. ")
    made.block(" \n")
    made.heading("", 1)
    made.page("3")
    made.aside("Day | Hours")
    made.block("Monday")
    made.page("4")
    expected = Document(
        name="a.x",
        title="Opening hours",
        text="Opening\nhours\n\nAt nine.\n\nDay | Hours\n\nMonday",
        blocks=(Span(15, 23), Span(38, 44)),
        headings=(Heading(Span(0, 13), 2, "Opening hours"),),
        pages=(Page(0, "2"), Page(25, "3")),
        unit="slide",
    )
    assert expected == made.document(unit="slide")


def test_title() -> None:
    """The title is the one given, else the highest heading, the first words, or the name."""
    made = DocumentBuilder("a.x")
    assert "a.x" == made.document("  ").title
    made.block("At nine.")
    assert "At nine." == made.document().title
    made.heading("Low", 2)
    made.heading("High", 1)
    assert "High" == made.document().title
    assert "Given so" == made.document("Given \n so").title


def test_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that grows beyond all measure is refused."""
    monkeypatch.setattr(document_builder, "MOST_CHARACTERS", 10)
    made = DocumentBuilder("a.x")
    made.block("At nine.")
    with pytest.raises(DocumentError, match=r"^a\.x: holds more than 0 million characters; split it$"):
        made.block("At ten.")
