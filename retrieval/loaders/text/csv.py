"""Loads tables separated by commas, semicolons, tabs or bars; each row is a block."""

import csv
from collections import Counter
from collections.abc import Iterator

import regex

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders import document_builder, table_rows
from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import MAX_DOCUMENT_CHARS, DocumentBuilder
from retrieval.loaders.table_rows import TableRow
from retrieval.model import Document

# Larger tables are data rather than text, and their passages would fill the memory.
MAX_ROWS = 100_000
MAX_CELLS = 5_000_000
_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 64
_SAMPLE_CHARS = 65536
# Excel writes this above the first row to name the delimiter.
_SEP_LINE = regex.compile(r"\A\"?sep=(?P<delimiter>[,;\t|])\"?\n")

csv.field_size_limit(MAX_DOCUMENT_CHARS)


def load(data: bytes, name: str) -> Document:
    """Load a .csv or .tsv file; the rows that name its columns may be below a title and notes.

    Rows are numbered as in spreadsheets. Raises DocumentError for more than MAX_ROWS
    or MAX_CELLS.
    """
    text = decode(data, name)
    sep_line = _SEP_LINE.match(text)
    if sep_line:
        text = text[sep_line.end() :]
    delimiter = sep_line["delimiter"] if sep_line else _detect_delimiter(text)
    if text.count(delimiter) > MAX_CELLS:
        raise DocumentError(name, f"has more than {MAX_CELLS} cells; split it", kind=ProblemKind.TOO_LARGE)
    table = list(_numbered_rows(text, delimiter))
    if len(table) > MAX_ROWS:
        raise DocumentError(name, f"has more than {MAX_ROWS} rows; split it", kind=ProblemKind.TOO_LARGE)
    builder = DocumentBuilder(name)
    table_rows.add_sheet(builder, "", [(str(number), TableRow(tuple(cells))) for number, cells in table])
    return builder.build(title=document_builder.title_from_name(name), unit="row")


def _numbered_rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and cells of each row that is not blank."""
    for number, cells in enumerate(_parse_rows(text, delimiter), 1):
        if any(map(str.strip, cells)):
            yield number, cells


def _parse_rows(text: str, delimiter: str) -> list[list[str]]:
    """Return the cells of each row. An unclosed quotation mark is text and does not swallow later rows."""
    lines = [f"{line}\n" for line in text.split("\n")]
    rows = list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    if len(rows) * 2 < len(lines):
        try:
            return list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True))
        except csv.Error:
            return list(csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE))
    return rows


def _detect_delimiter(text: str) -> str:
    """Return the delimiter that splits the most of the first rows into equally many cells, then into most."""

    def evenness(delimiter: str) -> tuple[int, int]:
        rows = csv.reader(
            text[:_SAMPLE_CHARS].split("\n", _SAMPLE_LINES)[:_SAMPLE_LINES], delimiter=delimiter
        )
        widths = Counter(len(cells) for cells in rows if len(cells) > 1)
        width, times = widths.most_common(1)[0] if widths else (0, 0)
        return times, width

    return max(_DELIMITERS, key=evenness)
