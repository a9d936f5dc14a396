"""OpenDocument texts (.odt), spreadsheets (.ods) and presentations (.odp).

Texts: paragraphs, headings, lists, tables row by row, text boxes and notes in place. Spreadsheets: each sheet
is a heading, each row a paragraph; cells as they are displayed, which the file has for every cell.
Presentations: each slide is a page with its title, texts, tables and speaker notes.

Read from the XML itself; docs/decisions/0010-opendocument-readers.md compares the libraries.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import isfinite
from xml.etree.ElementTree import Element

import regex

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders import document_builder
from retrieval.loaders.document_builder import MAX_DOCUMENT_CHARS, DocumentBuilder, too_long_error
from retrieval.loaders.number_formats import format_plain
from retrieval.loaders.table_rows import TableRow, add_sheet, add_table
from retrieval.loaders.zip_archive import ZipArchive
from retrieval.model import Document

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
    """The properties of a style that are used: `outline_level` counts from 1, `is_shown` is of sheets.

    `is_bold` is None if the style does not set it.
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
            is_child_bold = is_bold_of(child)
            yield from texts_with_weight(
                child, is_bold_of, is_bold=is_bold if is_child_bold is None else is_child_bold
            )
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

    A cell over several rows is repeated in each; one over several columns is in the first.
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


_LISTS_OF_ENTRIES = frozenset(
    {
        *("table-of-content", "illustration-index", "table-index", "object-index", "user-index"),
        "alphabetical-index",
    }
)
_HEADING = regex.compile(r"(?:Heading|Überschrift|Titre)(?:_20_| )?(?P<level>[1-9])", regex.IGNORECASE)
_TITLE = "Title"
_MAX_STYLE_CHAIN = 12
_MAX_LEVEL = 10


def load_odt(data: bytes, name: str) -> Document:
    """Load an .odt file; the title is that of its properties, else its Title, else its first heading."""
    package = OpenDocument(data, name, "text")
    builder = DocumentBuilder(name)
    styles, inline_styles = package.styles("paragraph"), package.styles("text")
    _TextReader(builder, name, styles, inline_styles).add(package.body)
    builder.find_headings()
    return builder.build(package.title)


class _TextReader:
    """Adds the content of a text document to a builder."""

    def __init__(
        self,
        builder: DocumentBuilder,
        name: str,
        styles: Mapping[str, Style],
        inline_styles: Mapping[str, Style],
    ) -> None:
        self._builder = builder
        self._name = name
        self._styles = styles
        self._inline_styles = inline_styles
        self._lists = self._list_number = 0

    def add(self, element: Element) -> None:
        """Add everything inside an element, in reading order."""
        for child in element:
            tag = child.tag
            if tag in SKIPPED or _is_hidden(child):
                continue
            if tag in {"p", "h"}:
                self._add_paragraph(child)
            elif tag == "list":
                self._add_list(child)
            elif tag == "table" and is_data_table(child):
                self._add_table(child)
            elif tag in _LISTS_OF_ENTRIES:
                for text, _ in paragraphs(child):
                    self._builder.add_unquotable(text)
            else:
                self.add(child)

    def _add_paragraph(self, element: Element) -> None:
        text, anchored = read_paragraph(element)
        level = self._level(element)
        if level is None:
            self._builder.add_block(
                text, list_number=self._list_number, bold_chars=self._bold_chars(element, text)
            )
        else:
            self._builder.add_heading(text, level)
        for inner in anchored:
            self.add(inner)

    def _add_list(self, element: Element) -> None:
        """Add a list; lists inside it have its number."""
        is_outermost = not self._list_number
        if is_outermost:
            self._lists += 1
            self._list_number = self._lists
        self.add(element)
        if is_outermost:
            self._list_number = 0

    def _add_table(self, table: Element) -> None:
        add_table(self._builder, read_rows(table, self._name))

    def _bold_chars(self, paragraph: Element, text: str) -> int:
        """Return how many characters of a paragraph's text are in bold type at its start."""
        is_bold = _is_style_bold(self._styles, paragraph) or False
        count = 0
        for words, is_own_bold in texts_with_weight(
            paragraph, partial(_is_style_bold, self._inline_styles), is_bold=is_bold
        ):
            if words.strip() and not is_own_bold:
                break
            count += len("".join(words.split()))
        return _length_of(text, count)

    def _level(self, element: Element) -> int | None:
        """Return the level of a heading, or None for a paragraph."""
        if element.tag == "h":
            return _outline_level(element.get(f"{TEXT}outline-level", "")) or 1
        name = element.get(f"{TEXT}style-name", "")
        for _ in range(_MAX_STYLE_CHAIN):
            if name == _TITLE:
                return 1
            named = _HEADING.fullmatch(name)
            if named:
                return int(named["level"])
            style = self._styles.get(name)
            if style is None:
                return None
            if style.outline_level:
                return _outline_level(style.outline_level)
            name = style.parent
        return None


def _is_style_bold(styles: Mapping[str, Style], element: Element) -> bool | None:
    """Return whether the style of an element makes its text bold; None if it does not say."""
    name = element.get(f"{TEXT}style-name", "")
    for _ in range(_MAX_STYLE_CHAIN):
        style = styles.get(name)
        if style is None:
            return None
        if style.is_bold is not None:
            return style.is_bold
        name = style.parent
    return None


def _length_of(text: str, letters: int) -> int:
    """Return the length of the start of a text with this many characters that are not white space."""
    for index, char in enumerate(text):
        if not letters:
            return index
        letters -= not char.isspace()
    return len(text)


def _outline_level(value: str) -> int | None:
    if value.isascii() and value.isdecimal() and len(value) <= 2 and int(value):  # noqa: PLR2004
        return min(int(value), _MAX_LEVEL)
    return None


def _is_hidden(element: Element) -> bool:
    """Return whether a section is hidden."""
    return element.tag == "section" and element.get(f"{TEXT}display") == "none"


MAX_ROWS = 100_000
MAX_SHEET_COLUMNS = 16_384
# Counting the empty cells before the last filled one of each row.
MAX_SHEET_CELLS = 5_000_000
# The last row that LibreOffice has.
_MAX_ROW_NUMBER = 1_048_576
_VALUES = {"string": "string-value", "boolean": "boolean-value", "date": "date-value", "time": "time-value"}
_CALC_EXTENSION = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"


def load_ods(data: bytes, name: str) -> Document:
    """Load an .ods file; a row is labelled by its number.

    Raises DocumentError for more than MAX_ROWS or MAX_SHEET_CELLS in all sheets, counting each repetition of
    a row that has text.
    """
    package = OpenDocument(data, name, "spreadsheet")
    styles = package.styles("table")
    builder, row_count, cell_count = DocumentBuilder(name), 0, 0
    for sheet in package.body.findall("table"):
        style = styles.get(sheet.get(f"{TABLE}style-name", ""))
        if style is not None and not style.is_shown:
            continue
        rows: list[tuple[str, TableRow]] = []
        for row in _rows(sheet, name):
            rows.append(row)
            row_count += 1
            cell_count += len(row[1].cells)
            if row_count > MAX_ROWS:
                raise DocumentError(
                    name, f"has more than {MAX_ROWS} rows; split it", kind=ProblemKind.TOO_LARGE
                )
            if cell_count > MAX_SHEET_CELLS:
                raise DocumentError(
                    name, f"has more than {MAX_SHEET_CELLS} cells; split it", kind=ProblemKind.TOO_LARGE
                )
        add_sheet(builder, sheet.get(f"{TABLE}name", ""), rows)
    return builder.build(package.title or document_builder.title_from_name(name), unit="row")


def _rows(sheet: Element, name: str) -> Iterator[tuple[str, TableRow]]:
    """Yield the rows that have text with their numbers. Empty rows cost nothing, however often repeated."""
    number = 1
    above: dict[int, tuple[int, str]] = {}
    for row, is_header in table_rows(sheet):
        times = repetitions(row, "rows-repeated")
        cells, covered = _sheet_row_texts(row, above)
        if cells:
            if sum(map(len, cells)) > MAX_DOCUMENT_CHARS:
                raise DocumentError(
                    name, f"row {number} is too long to be read; split it", kind=ProblemKind.TOO_LARGE
                )
            for repeated in range(times):
                yield str(number + repeated), TableRow(tuple(cells), is_header, covered)
        number = min(number + times, _MAX_ROW_NUMBER)


def _sheet_row_texts(row: Element, above: dict[int, tuple[int, str]]) -> tuple[list[str], frozenset[int]]:
    """Return the text of each column up to the last that is filled, and the columns under wide cells.

    `above` has the merged cells of the rows above by column: how many more rows they cover, and their text.
    It is repeated in rows that have other text.
    """
    texts: list[str] = []
    covered: set[int] = set()
    merged: dict[int, str] = {}
    column = 0
    for cell in row:
        if cell.tag not in {"table-cell", "covered-table-cell"}:
            continue
        times = min(repetitions(cell, "columns-repeated"), MAX_SHEET_COLUMNS - column)
        if cell.tag == "covered-table-cell":
            # A covered cell lies under a merged one and is not displayed.
            for under in range(column, column + times):
                if under in above:
                    merged[under] = _take_merged(above, under)
                else:
                    covered.add(under)
        elif text := _cell_text(cell):
            texts += [""] * (column - len(texts))
            texts += [text] * times
            if (rows := repetitions(cell, "rows-spanned")) > 1:
                above[column] = rows - 1, text
        column += times
    if texts:
        for under, text in merged.items():
            texts += [""] * (under + 1 - len(texts))
            texts[under] = text
    return texts, frozenset(covered)


def _take_merged(above: dict[int, tuple[int, str]], column: int) -> str:
    """Return the text of the merged cell that covers a column of the next row."""
    left, text = above.pop(column)
    if left > 1:
        above[column] = left - 1, text
    return text


def _cell_text(cell: Element) -> str:
    """Return the displayed text of a cell; empty for errors."""
    if cell.get(f"{_CALC_EXTENSION}value-type") == "error":
        return ""
    text = joined_text(cell) if len(cell) else ""
    return text or _format_value(cell)


def _format_value(cell: Element) -> str:
    """Return the value of a cell without displayed text, which some programs omit."""
    kind = cell.get(f"{OFFICE}value-type", "")
    attribute = _VALUES.get(kind)
    if attribute is not None:
        value = cell.get(f"{OFFICE}{attribute}", "").strip()
        return value.upper() if kind == "boolean" else value
    number = _number(cell.get(f"{OFFICE}value", ""))
    if number is None:
        return cell.get(f"{OFFICE}string-value", "").strip()
    if kind == "percentage":
        return f"{format_plain(100 * number)}%"
    return f"{format_plain(number)} {cell.get(f'{OFFICE}currency', '')}".strip()


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if isfinite(number) else None


MAX_SLIDES = 10_000
_TITLE_ROLE = "title"
# Frames that repeat on every slide, and the small picture of the slide among its notes.
_REPEATED = frozenset({"header", "footer", "date-time", "page-number", "page"})
_GROUPS = frozenset({"g", "a"})


def load_odp(data: bytes, name: str) -> Document:
    """Load an .odp file; slides are numbered as they follow each other, hidden ones included."""
    package = OpenDocument(data, name, "presentation")
    slides = package.body.findall("page")
    if len(slides) > MAX_SLIDES:
        raise DocumentError(name, f"has more than {MAX_SLIDES} slides; split it", kind=ProblemKind.TOO_LARGE)
    builder = DocumentBuilder(name)
    for number, slide in enumerate(slides, 1):
        builder.begin_page(str(number))
        _add_shapes(builder, name, slide)
        for notes in slide.findall("notes"):
            _add_shapes(builder, name, notes)
    return builder.build(package.title, unit="slide")


def _add_shapes(builder: DocumentBuilder, name: str, slide: Element) -> None:
    """Add the title first, wherever it is on the slide, then everything else."""
    shapes = [shape for shape in _shapes(slide) if _role(shape) not in _REPEATED]
    for shape in sorted(shapes, key=lambda shape: _role(shape) != _TITLE_ROLE):
        table = shape.find("table")
        if table is not None:
            _add_table(builder, name, table)
        elif _role(shape) == _TITLE_ROLE:
            builder.add_heading(" ".join(text for text, _ in paragraphs(shape)), 1)
        else:
            for text, _ in paragraphs(shape):
                builder.add_block(text)


def _shapes(parent: Element) -> Iterator[Element]:
    """Yield the shapes on a slide in order, those of groups one by one; empty placeholders have a prompt."""
    for child in parent:
        if child.tag in _GROUPS:
            yield from _shapes(child)
        elif (
            child.tag not in SKIPPED
            and child.tag != "notes"
            and child.get(f"{PRESENTATION}placeholder") != "true"
        ):
            yield child


def _role(shape: Element) -> str | None:
    return shape.get(f"{PRESENTATION}class")


def _add_table(builder: DocumentBuilder, name: str, table: Element) -> None:
    """Add the rows, with column names from the first when the table is styled as having a header row."""
    is_named = (
        table.find("table-header-rows") is not None or table.get(f"{TABLE}use-first-row-styles") == "true"
    )
    add_table(builder, read_rows(table, name, is_first_header=is_named))
