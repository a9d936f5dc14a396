"""Rows of OpenDocument tables, in texts, presentations and spreadsheets."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.document_builder import MAX_DOCUMENT_CHARS, too_long_error
from retrieval.loaders.odf.package import repetitions
from retrieval.loaders.odf.paragraphs import joined_text
from retrieval.loaders.tables import TableRow

# Tables in texts are small.
MAX_COLUMNS = 1024
MAX_CELLS = 1_000_000
_MAX_TEXT_ROWS = 10_000
_ROW_GROUPS = frozenset({"table-row-group", "table-rows", "table-header-rows"})


def table_rows(table: Element, *, in_header: bool = False) -> Iterator[tuple[Element, bool]]:
    """Yield the rows of a table and whether each is marked as a header; nested tables are not entered."""
    for child in table:
        if child.tag == "table-row":
            yield child, in_header
        elif child.tag in _ROW_GROUPS:
            yield from table_rows(child, in_header=in_header or child.tag == "table-header-rows")


def is_data_table(table: Element) -> bool:
    """Return whether a table is data, not page layout: it has two columns and no table inside."""
    if table.find(".//table-cell//table") is not None:
        return False
    return any(
        sum(repetitions(cell, "columns-repeated") for cell in _cells(row)) > 1 for row, _ in table_rows(table)
    )


def read_rows(table: Element, name: str, *, is_first_header: bool = False) -> list[TableRow]:
    """Return the rows of a table in a text or on a slide, without empty ones.

    A cell over several rows is repeated in each; one over several columns stands in the first.
    `is_first_header` if the first row is styled as a header. Raises DocumentError for more text than a
    document may have and for more than MAX_CELLS, before repeated rows are laid out.
    """
    rows: list[TableRow] = []
    chars = cells = 0
    above: dict[int, tuple[int, str]] = {}
    for row, is_header in table_rows(table):
        texts, covered = _row_texts(row, above)
        if any(texts):
            marked = is_header or (is_first_header and not rows)
            times = min(repetitions(row, "rows-repeated"), _MAX_TEXT_ROWS)
            chars += times * sum(map(len, texts))
            if chars > MAX_DOCUMENT_CHARS:
                raise too_long_error(name)
            cells += times * len(texts)
            if cells > MAX_CELLS:
                raise DocumentError(
                    name,
                    f"has a table of more than {MAX_CELLS} cells; split it",
                    kind=ProblemKind.TOO_LARGE,
                )
            rows += [TableRow(tuple(texts), marked, covered)] * times
    return rows


def _row_texts(row: Element, above: dict[int, tuple[int, str]]) -> tuple[list[str], frozenset[int]]:
    """Return the text of each column, and the columns under a wide cell."""
    texts: list[str] = []
    covered: set[int] = set()
    for cell in _cells(row):
        text, rows = "", 1
        if cell.tag == "table-cell":
            text, rows = joined_text(cell), repetitions(cell, "rows-spanned")
        for column in range(len(texts), min(len(texts) + repetitions(cell, "columns-repeated"), MAX_COLUMNS)):
            if cell.tag != "table-cell":
                if column not in above:
                    covered.add(column)
                text = _take_from_above(above, column)
            elif rows > 1:
                above[column] = rows - 1, text
            else:
                above.pop(column, None)
            texts.append(text)
    return texts, frozenset(covered)


def _take_from_above(above: dict[int, tuple[int, str]], column: int) -> str:
    """Return the text of the cell that covers a column of the next row, if one does."""
    left, text = above.pop(column, (0, ""))
    if left > 1:
        above[column] = (left - 1, text)
    return text


def _cells(row: Element) -> Iterator[Element]:
    for cell in row:
        if cell.tag in {"table-cell", "covered-table-cell"}:
            yield cell
