"""Comma separated values, and those by semicolons, tabs or bars: a row is a paragraph."""

import csv
from collections import Counter
from collections.abc import Iterator

import regex

from retrieval.errors import DocumentError
from retrieval.loaders import document_builder
from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import MOST_CHARACTERS, DocumentBuilder
from retrieval.model import Document

# More are no document to ask, and would fill the memory with passages.
MOST_ROWS = 100_000
MOST_CELLS = 5_000_000
_SEPARATORS = ",;\t|"
_SAMPLE = 64
# Spreadsheets write this above the first row to name the separator.
_NAMED = regex.compile(r"\A\"?sep=(?P<mark>[,;\t|])\"?\n")

csv.field_size_limit(MOST_CHARACTERS)


def load(data: bytes, name: str) -> Document:
    """Read a .csv or .tsv file; its first row names the columns when it looks like names.

    Rows are numbered as spreadsheets number them. Raises DocumentError for more than MOST_ROWS or
    MOST_CELLS.
    """
    text = decode(data, name)
    named = _NAMED.match(text)
    if named:
        text = text[named.end() :]
    mark = named["mark"] if named else _separator(text)
    if text.count(mark) > MOST_CELLS:
        raise DocumentError(name, f"has more than {MOST_CELLS} cells; split it")
    table = list(_rows(text, mark))
    if len(table) > MOST_ROWS:
        raise DocumentError(name, f"has more than {MOST_ROWS} rows; split it")
    draft = DocumentBuilder(name)
    columns = document_builder.column_names(table[0][1]) if len(table) > 1 else ()
    if columns:
        draft.aside(" | ".join(columns))
    for number, cells in table[bool(columns) :]:
        draft.page(str(number))
        draft.block(document_builder.row_text(cells, columns))
    return draft.document(title=_title(name), unit="row")


def _title(name: str) -> str:
    """Name a table after its file: its first words are a row like any other."""
    return name.rpartition("/")[2].rpartition(".")[0]


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, with their numbers."""
    for number, cells in enumerate(_cells(text, separator), 1):
        if any(map(str.strip, cells)):
            yield number, cells


def _cells(text: str, separator: str) -> list[list[str]]:
    """Read the rows; a quotation mark that is never closed is text, not the end of all rows after it."""
    lines = [f"{line}\n" for line in text.split("\n")]
    found = list(csv.reader(lines, delimiter=separator, skipinitialspace=True))
    if len(found) * 2 < len(lines):
        try:
            return list(csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True))
        except csv.Error:
            return list(csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE))
    return found


def _separator(text: str) -> str:
    """Choose the mark that parts most of the first rows into as many cells, and the most of these."""

    def evenness(mark: str) -> tuple[int, int]:
        read = csv.reader(text[:65536].split("\n", _SAMPLE)[:_SAMPLE], delimiter=mark)
        widths = Counter(len(cells) for cells in read if len(cells) > 1)
        width, times = widths.most_common(1)[0] if widths else (0, 0)
        return times, width

    return max(_SEPARATORS, key=evenness)
