from collections.abc import Sequence

import pytest

from retrieval.loaders.document_builder import column_names, row_text


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
    assert expected == column_names(first)


def test_marked_column_names() -> None:
    """A row that the document marks as a header names the columns, whatever it holds."""
    assert ("12.50", "", "Name") == column_names(("12.50", "x" * 101, "Name"), marked=True)


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
def test_row_text(cells: Sequence[str], columns: Sequence[str], expected: str) -> None:
    """Cells follow the name of their column; empty ones are omitted."""
    assert expected == row_text(cells, columns)
