"""Word documents: paragraphs, headings by style or look, tables row by row, text boxes and notes in place.

Read from the XML itself: python-docx omits content controls, text boxes, notes and tracked insertions
(docs/decisions/0004-office-readers.md).
"""

from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

import regex

from retrieval.loaders import table_rows
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.ooxml.package import Package, attribute, descendants
from retrieval.loaders.table_rows import TableRow
from retrieval.model import Document

# Deleted and moved text, fallbacks for old programs, phonetic guides over East Asian words, properties.
_SKIPPED = frozenset({"del", "moveFrom", "Fallback", "rt", "pPr", "rPr", "tblPr", "sectPr", "instrText"})
_OUTSIDE_PARAGRAPH = _SKIPPED | {"p", "tbl", "txbxContent"}
_SPECIAL_CHARACTERS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "\u2011", "softHyphen": "\u00ad"}
# Word names its own styles in English whatever its language; some other programs do not.
_HEADING = regex.compile(
    r"(?:heading|überschrift|titre|título|titolo|kop|rubrik|overskrift|nagłówek|nadpis|başlık|заголовок|标题|標題"
    r"|見出し|제목|عنوان) ?(?P<level>[1-9])"
)
_TITLE = "title"
_CONTENTS = regex.compile(r"(?:toc|contents|table of figures|verzeichnis) ?[1-9]?")
_BODY_TEXT_LEVEL = 9
_MAX_STYLE_CHAIN = 12
_TRUE = frozenset({"1", "true", "on"})
_SPAN = regex.compile(r"[1-9][0-9]?")
_NOTES = {"footnoteReference": "footnote", "endnoteReference": "endnote"}


def load(data: bytes, name: str) -> Document:
    """Read a .docx file; the title is that of its properties, else its Title, else its first heading."""
    package = Package(data, name, "document")
    styles = package.related(package.path, "styles")
    levels, bold = _style_levels(styles), _BoldStyles(styles)
    notes = {kind: _read_notes(package.related(package.path, f"{kind}s"), kind) for kind in _NOTES.values()}
    builder = DocumentBuilder(name)
    for element in descendants(package.main, _SKIPPED, _is_table):
        if element.tag == "p":
            _add_paragraph(
                builder,
                _paragraph_text(element),
                _paragraph_level(element, levels),
                bold.bold_chars(element),
            )
        elif element.tag == "tbl" and _is_table(element):
            _add_table(builder, element)
            for reference in descendants(element, _SKIPPED):
                _add_note(builder, reference, notes)
        else:
            _add_note(builder, element, notes)
    builder.find_headings()
    return builder.build(package.title)


def _add_paragraph(builder: DocumentBuilder, text: str, level: int | None, bold_chars: int) -> None:
    if level is None:
        builder.add_block(text, bold_chars=bold_chars)
    elif level:
        builder.add_heading(text, level)
    else:
        builder.add_unquotable(text)


def _paragraph_text(element: Element) -> str:
    """Return the text of a paragraph without that of text boxes anchored in it."""
    return "".join(
        (inner.text or "") if inner.tag == "t" else _SPECIAL_CHARACTERS.get(inner.tag, "")
        for inner in descendants(element, _OUTSIDE_PARAGRAPH)
    )


def _join_paragraphs(element: Element) -> str:
    texts = (
        _paragraph_text(paragraph).strip()
        for paragraph in descendants(element, _SKIPPED)
        if paragraph.tag == "p"
    )
    return "\n".join(text for text in texts if text)


# Notes


def _read_notes(part: Element | None, kind: str) -> dict[str, str]:
    """Return the texts of notes by id, without separator lines, which have a type."""
    elements = part.iter(kind) if part is not None else ()
    return {
        attribute(note, "id") or "": _join_paragraphs(note)
        for note in elements
        if not attribute(note, "type")
    }


def _add_note(builder: DocumentBuilder, reference: Element, notes: dict[str, dict[str, str]]) -> None:
    kind = _NOTES.get(reference.tag)
    if kind:
        builder.add_block(notes[kind].pop(attribute(reference, "id") or "", ""))


# Headings


def _style_levels(styles: Element | None) -> dict[str, int]:
    """Return the heading level of each style by its id; 0 for a table of contents."""
    if styles is None:
        return {}
    by_id = {attribute(style, "styleId") or "": style for style in styles if style.tag == "style"}
    levels = {style_id: _style_level(style_id, by_id) for style_id in by_id}
    return {style_id: level for style_id, level in levels.items() if level is not None}


def _style_level(style_id: str, styles: dict[str, Element]) -> int | None:
    for style in _with_parents(style_id, styles):
        name = (_child_value(style, "name") or "").lower()
        named = _HEADING.fullmatch(name)
        if _CONTENTS.fullmatch(name):
            return 0
        if named or name == _TITLE:
            return int(named["level"]) if named else 1
        outline = style.find("pPr/outlineLvl")
        if outline is not None:
            return _outline_level(outline)
    return None


def _paragraph_level(paragraph: Element, levels: dict[str, int]) -> int | None:
    properties = paragraph.find("pPr")
    if properties is None:
        return None
    outline = properties.find("outlineLvl")
    return (
        levels.get(_child_value(properties, "pStyle") or "") if outline is None else _outline_level(outline)
    )


class _BoldStyles:
    """The styles that make text bold."""

    def __init__(self, styles: Element | None) -> None:
        with_ids = [] if styles is None else [style for style in styles if style.tag == "style"]
        self._styles = {attribute(style, "styleId") or "": style for style in with_ids}
        self._default = next(
            (
                style_id
                for style_id, style in self._styles.items()
                if attribute(style, "type") == "paragraph" and attribute(style, "default") in _TRUE
            ),
            "",
        )
        self._known: dict[str, bool | None] = {}

    def bold_chars(self, paragraph: Element) -> int:
        """Return how many characters are in bold type at the start of a paragraph."""
        properties = paragraph.find("pPr")
        style = None if properties is None else _child_value(properties, "pStyle")
        is_bold = self._is_bold(self._default if style is None else style) or False
        count = 0
        for run in descendants(paragraph, _OUTSIDE_PARAGRAPH, lambda element: element.tag == "r"):
            text = _paragraph_text(run) if run.tag == "r" else ""
            if text.strip() and not self._is_run_bold(run, is_default=is_bold):
                return count
            count += len(text)
        return count

    def _is_run_bold(self, run: Element, *, is_default: bool) -> bool:
        properties = run.find("rPr")
        if properties is None:
            return is_default
        is_marked = _is_marked_bold(properties)
        if is_marked is None:
            is_marked = self._is_bold(_child_value(properties, "rStyle") or "")
        return is_default if is_marked is None else is_marked

    def _is_bold(self, style_id: str) -> bool | None:
        """Return whether a style makes text bold; None if it does not say."""
        if style_id not in self._known:
            self._known[style_id] = next(
                (
                    is_marked
                    for style in _with_parents(style_id, self._styles)
                    if (is_marked := _style_bold(style)) is not None
                ),
                None,
            )
        return self._known[style_id]


def _style_bold(style: Element) -> bool | None:
    properties = style.find("rPr")
    return None if properties is None else _is_marked_bold(properties)


def _is_marked_bold(properties: Element) -> bool | None:
    mark = properties.find("b")
    return None if mark is None else attribute(mark, "val") not in {"0", "false", "off"}


def _with_parents(style_id: str, styles: Mapping[str, Element]) -> Iterator[Element]:
    """Yield a style and those that it is based on."""
    for _ in range(_MAX_STYLE_CHAIN):
        style = styles.get(style_id)
        if style is None:
            return
        yield style
        style_id = _child_value(style, "basedOn") or ""


def _outline_level(element: Element) -> int | None:
    """Return the heading level, from 1, of an outline level, which counts from 0; None for body text."""
    value = attribute(element, "val") or ""
    return int(value) + 1 if value.isdecimal() and len(value) == 1 and int(value) < _BODY_TEXT_LEVEL else None


def _child_value(element: Element, name: str) -> str | None:
    child = element.find(name)
    return None if child is None else attribute(child, "val")


# Tables


def _is_table(element: Element) -> bool:
    """Return whether a table is data, not page layout."""
    if element.tag != "tbl" or element.find(".//tc//tbl") is not None:
        return False
    return any(len(row.findall("tc")) > 1 for row in element.iter("tr"))


def _add_table(builder: DocumentBuilder, table: Element) -> None:
    rows: list[TableRow] = []
    cells_above: dict[int, str] = {}
    for row in (row for row in descendants(table, _SKIPPED, _is_row) if _is_row(row)):
        is_marked = row.find("trPr/tblHeader") is not None or (not rows and _has_header(table))
        rows.append(
            _read_row(row, cells_above, is_header=is_marked and all(above.is_header for above in rows))
        )
    table_rows.add_table(builder, rows)


def _has_header(table: Element) -> bool:
    """Return whether the table's style formats the first row as a header."""
    look = table.find("tblPr/tblLook")
    return look is not None and look.get("firstRow") in _TRUE


def _is_row(element: Element) -> bool:
    return element.tag == "tr"


def _read_row(row: Element, cells_above: dict[int, str], *, is_header: bool) -> TableRow:
    """Return a row: a wide cell is followed by empty ones, a vertically merged one is repeated."""
    texts: list[str] = []
    covered: set[int] = set()
    for cell in descendants(row, _SKIPPED, lambda element: element.tag == "tc"):
        if cell.tag != "tc":
            continue
        properties = cell.find("tcPr")
        merged = properties.find("vMerge") if properties is not None else None
        is_continued = merged is not None and attribute(merged, "val") in {None, "continue"}
        text = cells_above.get(len(texts), "") if is_continued else _join_paragraphs(cell)
        cells_above[len(texts)] = text
        texts.append(text)
        width = _column_span(properties) - 1
        covered.update(range(len(texts), len(texts) + width))
        texts += [""] * width
    return TableRow(tuple(texts), is_header, frozenset(covered))


def _column_span(properties: Element | None) -> int:
    """Return the number of columns that a cell spans."""
    value = _child_value(properties, "gridSpan") if properties is not None else None
    return int(value) if value and _SPAN.fullmatch(value) else 1
