from collections.abc import Sequence

import pytest

from retrieval.errors import DocumentError
from retrieval.loaders import document_builder
from retrieval.loaders.document_builder import DocumentBuilder, detect_column_names, format_row
from retrieval.model.document import Document, Heading, Page, Span


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
    """A text over the size limit is refused."""
    monkeypatch.setattr(document_builder, "MAX_DOCUMENT_CHARS", 10)
    builder = DocumentBuilder("a.x")
    builder.add_block("At nine.")
    with pytest.raises(DocumentError, match=r"^a\.x: holds more than 0 million characters; split it$"):
        builder.add_block("At ten.")


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (("Name", "City"), ("Name", "City")),
        (("Name\n(full)", "City", ""), ("Name (full)", "City")),
        (("", "Monday"), ("", "Monday")),
        (("Item", "2023", "1999"), ("Item", "2023", "1999")),
        (("Item", "12.03.2024"), ()),
        (("Ada", "1815.5"), ()),
        (("Ada", "12 crowns"), ()),
        (("Name", "", "City"), ()),
        (("Name", "Name"), ()),
        (("Name",), ()),
        (("Name", "x" * 101), ()),
        ((), ()),
    ],
)
def test_column_names(first: Sequence[str], expected: Sequence[str]) -> None:
    """A first row names the columns if all its cells look like names."""
    assert expected == detect_column_names(first)


def test_marked_column_names() -> None:
    """A row that the document marks as a header names the columns, whatever it holds."""
    assert ("12.50", "", "Name") == detect_column_names(("12.50", "x" * 101, "Name"), marked=True)


@pytest.mark.parametrize(
    ("cells", "columns", "expected"),
    [
        (("Ada", " ", "London "), ("Name", "Born", "City"), "Name: Ada\nCity: London"),
        (("Ada", "", "London"), (), "Ada | London"),
        (("Ada", "London"), ("", "City"), "Ada\nCity: London"),
        (("Ada", "London"), ("Name",), "Name: Ada\nLondon"),
        ((), ("Name",), ""),
    ],
)
def test_format_row(cells: Sequence[str], columns: Sequence[str], expected: str) -> None:
    """Cells follow the name of their column; empty ones are omitted."""
    assert expected == format_row(cells, columns)
