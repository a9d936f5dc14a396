"""What all OpenDocument files have: the package with its styles, paragraphs, and tables row by row.

Read from the XML itself; docs/decisions/0010-opendocument-readers.md compares the libraries.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import regex

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.document_builder import MAX_DOCUMENT_CHARS, too_long_error
from retrieval.loaders.tables import TableRow
from retrieval.loaders.zip_archive import ZipArchive

# The parser keeps the namespaces of attributes. All versions of OASIS OpenDocument have the same.
_URN = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
DRAW, OFFICE, PRESENTATION, STYLE, TABLE, TEXT = (
    _URN % space for space in ("drawing", "office", "presentation", "style", "table", "text")
)
_FONT_WEIGHT = f"{_URN % 'xsl-fo-compatible'}font-weight"
_BOLD_WEIGHTS = frozenset({"bold", "600", "700", "800", "900"})
_CONTENT, _STYLES, _META, _MANIFEST = "content.xml", "styles.xml", "meta.xml", "META-INF/manifest.xml"
_KINDS = ("text", "spreadsheet", "presentation", "drawing", "chart", "database")
# Comments, deleted text, form controls, embedded objects, and phonetic guides over East Asian words.
SKIPPED = frozenset(
    {
        *("annotation", "annotation-end", "tracked-changes", "forms", "event-listeners", "hidden-text"),
        *("note-citation", "number", "ruby-text", "script", "shapes"),
        *("image", "object", "object-ole", "plugin", "applet", "floating-frame", "control"),
    }
)
# Paragraphs of their own, after the paragraph that they are anchored in.
_ANCHORED = frozenset(
    {
        *("note", "frame", "text-box", "custom-shape", "rect", "ellipse", "circle", "line", "polyline"),
        *("polygon", "path", "connector", "caption", "g", "measure", "regular-polygon"),
    }
)
_WHITE_SPACE = regex.compile(r"[ \t\r\n]+")
_MAX_SPACES = 100
# Tables in texts are small.
MAX_COLUMNS = 1024
MAX_CELLS = 1_000_000
_MAX_TEXT_ROWS = 10_000
_ROW_GROUPS = frozenset({"table-row-group", "table-rows", "table-header-rows"})


@dataclass(frozen=True, slots=True)
class Style:
    """What a style says of what is read: `outline_level` counts from 1, `is_shown` is of sheets.

    `is_bold` is None if it does not say.
    """

    parent: str
    outline_level: str
    is_shown: bool
    is_bold: bool | None = None


class OpenDocument:
    """A package whose content is of a kind: `text`, `spreadsheet` or `presentation`."""

    def __init__(self, data: bytes, name: str, kind: str) -> None:
        """Raise DocumentError when the file is no OpenDocument, is encrypted, or is of another kind."""
        self.archive = ZipArchive(data, name)
        if _MANIFEST in self.archive and _is_encrypted(self.archive):
            raise DocumentError(name, "is encrypted; save it without a password", kind=ProblemKind.PROTECTED)
        if _CONTENT not in self.archive:
            raise DocumentError(name, "is not an OpenDocument file; give it the suffix of its real format")
        self._content = self.archive.parse_xml(_CONTENT)
        body = self._content.find(f"body/{kind}")
        if body is None:
            other = next((tag for tag in _KINDS if self._content.find(f"body/{tag}") is not None), "no body")
            raise DocumentError(name, f"is another kind of OpenDocument ({other}); give it its real suffix")
        self.body = body

    @property
    def title(self) -> str | None:
        """The title in the document properties, if any; damage there costs no text."""
        with suppress(DocumentError):
            return self.archive.parse_xml(_META).findtext("meta/title")
        return None

    def styles(self, family: str) -> dict[str, Style]:
        """Return the styles of a family, such as `paragraph`, by name; damage there costs no text."""
        roots = [self._content]
        with suppress(DocumentError):
            roots.insert(0, self.archive.parse_xml(_STYLES))
        return {name: style for root in roots for name, style in _read_styles(root, family)}


def _read_styles(root: Element, family: str) -> Iterator[tuple[str, Style]]:
    for group in root:
        if group.tag not in {"styles", "automatic-styles"}:
            continue
        for style in group.findall("style"):
            if style.get(f"{STYLE}family") == family:
                properties = style.find("table-properties")
                yield (
                    style.get(f"{STYLE}name", ""),
                    Style(
                        style.get(f"{STYLE}parent-style-name", ""),
                        style.get(f"{STYLE}default-outline-level", ""),
                        properties is None or properties.get(f"{TABLE}display") != "false",
                        _is_bold(style.find("text-properties")),
                    ),
                )


def _is_bold(properties: Element | None) -> bool | None:
    weight = "" if properties is None else properties.get(_FONT_WEIGHT, "")
    return weight in _BOLD_WEIGHTS if weight else None


def _is_encrypted(archive: ZipArchive) -> bool:
    return next(archive.parse_xml(_MANIFEST).iter("encryption-data"), None) is not None


def repetitions(element: Element, attribute: str) -> int:
    """Return how often a row or column is repeated, or how many a cell spans: at least 1."""
    value = element.get(f"{TABLE}number-{attribute}", "")
    return max(1, int(value)) if value.isascii() and value.isdecimal() and len(value) <= 9 else 1  # noqa: PLR2004


# Paragraphs


def read_paragraph(element: Element) -> tuple[str, list[Element]]:
    """Return the text of a paragraph or heading, and the notes and frames anchored in it."""
    parts: list[str] = []
    anchored: list[Element] = []
    _read_inline(element, parts, anchored)
    return "".join(parts).strip(), anchored


def joined_text(element: Element) -> str:
    """Return all paragraphs inside an element, one a line, with those anchored in them."""
    return "\n".join(text for text, _ in paragraphs(element))


def paragraphs(element: Element) -> Iterator[tuple[str, Element]]:
    """Yield the text and the element of each paragraph inside an element, in reading order."""
    for child in element:
        if child.tag in SKIPPED:
            continue
        if child.tag in {"p", "h"}:
            text, anchored = read_paragraph(child)
            if text:
                yield text, child
            for inner in anchored:
                yield from paragraphs(inner)
        else:
            yield from paragraphs(child)


def _read_inline(element: Element, parts: list[str], anchored: list[Element]) -> None:
    _add_text(element.text, parts)
    for child in element:
        tag = child.tag
        if tag == "s":
            parts.append(" " * _spaces(child))
        elif tag == "tab":
            parts.append("\t")
        elif tag == "line-break":
            parts.append("\n")
        elif tag in _ANCHORED:
            anchored.append(child)
        elif tag not in SKIPPED:
            _read_inline(child, parts, anchored)
        _add_text(child.tail, parts)


def texts_with_weight(
    element: Element, is_bold_of: Callable[[Element], bool | None], *, is_bold: bool
) -> Iterator[tuple[str, bool]]:
    """Yield the texts of a paragraph as they are in the file, and whether each is in bold type.

    `is_bold` is that of the element; `is_bold_of` returns what a child's own style says, if anything.
    """
    yield element.text or "", is_bold
    for child in element:
        if child.tag not in _ANCHORED and child.tag not in SKIPPED:
            own = is_bold_of(child)
            yield from texts_with_weight(child, is_bold_of, is_bold=is_bold if own is None else own)
        yield child.tail or "", is_bold


def _add_text(text: str | None, parts: list[str]) -> None:
    """Append text with white space collapsed, also across elements."""
    if not text:
        return
    collapsed = _WHITE_SPACE.sub(" ", text)
    if collapsed[0] == " " and (not parts or parts[-1].endswith((" ", "\n", "\t"))):
        collapsed = collapsed[1:]
    if collapsed:
        parts.append(collapsed)


def _spaces(element: Element) -> int:
    value = element.get(f"{TEXT}c", "1")
    return min(int(value), _MAX_SPACES) if value.isascii() and value.isdecimal() and len(value) < 10 else 1  # noqa: PLR2004


# Tables in texts and on slides


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
