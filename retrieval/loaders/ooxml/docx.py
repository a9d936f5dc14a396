"""Word documents: paragraphs, headings by their styles, tables by row, boxes and notes where they belong.

Read from the XML itself, of which a library for making documents passes over much: content controls, text
boxes, notes, and what was inserted with changes tracked.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

import regex

from retrieval.loaders import document_builder
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.ooxml.package import Package, attribute, below
from retrieval.model import Document

# What was deleted or moved away, a second version for old programs, the reading aids over East Asian words.
_SKIPPED = frozenset({"del", "moveFrom", "Fallback", "rt", "pPr", "rPr", "tblPr", "sectPr", "instrText"})
_NOT_OF_A_PARAGRAPH = _SKIPPED | {"p", "tbl", "txbxContent"}
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "\u2011", "softHyphen": "\u00ad"}
# Word names its own styles in English whatever its language; some other programs do not.
_HEADING = regex.compile(
    r"(?:heading|überschrift|titre|título|titolo|kop|rubrik|overskrift|nagłówek|nadpis|başlık|заголовок|标题|標題"
    r"|見出し|제목|عنوان) ?(?P<level>[1-9])"
)
_TITLE = "title"
_CONTENTS = regex.compile(r"(?:toc|contents|table of figures|verzeichnis) ?[1-9]?")
_LOWEST = 9
_DEEPEST_STYLE = 12
_WIDTH = regex.compile(r"[1-9][0-9]?")
_NOTES = {"footnoteReference": "footnote", "endnoteReference": "endnote"}


def load(data: bytes, name: str) -> Document:
    """Read a .docx file; the title is that of its properties, else its Title, else its first heading."""
    package = Package(data, name, "document")
    levels = _levels(package.related(package.path, "styles"))
    notes = {kind: _notes(package.related(package.path, f"{kind}s"), kind) for kind in _NOTES.values()}
    draft = DocumentBuilder(name)
    for element in below(package.main, _SKIPPED, _is_table):
        if element.tag == "p":
            _add(draft, _text(element), _level(element, levels))
        elif element.tag == "tbl" and _is_table(element):
            _add_table(draft, element)
            for reference in below(element, _SKIPPED):
                _add_note(draft, reference, notes)
        else:
            _add_note(draft, element, notes)
    return draft.document(package.title)


def _add(draft: DocumentBuilder, text: str, level: int | None) -> None:
    if level is None:
        draft.block(text)
    elif level:
        draft.heading(text, level)
    else:
        draft.aside(text)


def _text(element: Element) -> str:
    """Join what a paragraph, or all paragraphs of a cell or note, say; not what is in boxes beside it."""
    return "".join(
        (found.text or "") if found.tag == "t" else _SIGNS.get(found.tag, "")
        for found in below(element, _NOT_OF_A_PARAGRAPH)
    )


def _paragraphs(element: Element) -> str:
    found = (_text(paragraph).strip() for paragraph in below(element, _SKIPPED) if paragraph.tag == "p")
    return "\n".join(text for text in found if text)


# Notes


def _notes(part: Element | None, kind: str) -> dict[str, str]:
    """Read the notes by their ids; the lines that part them from the page are typed, and none."""
    found = part.iter(kind) if part is not None else ()
    return {attribute(note, "id") or "": _paragraphs(note) for note in found if not attribute(note, "type")}


def _add_note(draft: DocumentBuilder, reference: Element, notes: dict[str, dict[str, str]]) -> None:
    kind = _NOTES.get(reference.tag)
    if kind:
        draft.block(notes[kind].pop(attribute(reference, "id") or "", ""))


# Headings


def _levels(styles: Element | None) -> dict[str, int]:
    """Return the heading level of each style by its id; 0 for a table of contents."""
    by_id = {attribute(style, "styleId") or "": style for style in styles or () if style.tag == "style"}
    levels = {identity: _style_level(identity, by_id) for identity in by_id}
    return {identity: level for identity, level in levels.items() if level is not None}


def _style_level(identity: str, styles: dict[str, Element]) -> int | None:
    for _ in range(_DEEPEST_STYLE):
        style = styles.get(identity)
        if style is None:
            return None
        name = (_value(style, "name") or "").lower()
        named = _HEADING.fullmatch(name)
        if _CONTENTS.fullmatch(name):
            return 0
        if named or name == _TITLE:
            return int(named["level"]) if named else 1
        outline = style.find("pPr/outlineLvl")
        if outline is not None:
            return _outline(outline)
        identity = _value(style, "basedOn") or ""
    return None


def _level(paragraph: Element, levels: dict[str, int]) -> int | None:
    properties = paragraph.find("pPr")
    if properties is None:
        return None
    outline = properties.find("outlineLvl")
    return levels.get(_value(properties, "pStyle") or "") if outline is None else _outline(outline)


def _outline(element: Element) -> int | None:
    """Return the heading level, from 1, of an outline level, which counts from 0; None for body text."""
    value = attribute(element, "val") or ""
    return int(value) + 1 if value.isdecimal() and len(value) == 1 and int(value) < _LOWEST else None


def _value(element: Element, name: str) -> str | None:
    found = element.find(name)
    return None if found is None else attribute(found, "val")


# Tables


def _is_table(element: Element) -> bool:
    """Return whether a table is data, not page layout."""
    if element.tag != "tbl" or element.find(".//tc//tbl") is not None:
        return False
    return any(len(row.findall("tc")) > 1 for row in element.iter("tr"))


def _add_table(draft: DocumentBuilder, table: Element) -> None:
    columns: tuple[str, ...] = ()
    above: dict[int, str] = {}
    for number, row in enumerate(row for row in below(table, _SKIPPED, _is_row) if _is_row(row)):
        cells = list(_cells(row, above))
        if number == 0 and (row.find("trPr/tblHeader") is not None or _has_header(table)):
            columns = document_builder.column_names(cells, marked=True)
            draft.aside(document_builder.row_text(cells))
        else:
            draft.block(document_builder.row_text(cells, columns))


def _has_header(table: Element) -> bool:
    """Return whether the table's style sets off the first row."""
    look = table.find("tblPr/tblLook")
    return look is not None and look.get("firstRow") in {"1", "true", "on"}


def _is_row(element: Element) -> bool:
    return element.tag == "tr"


def _cells(row: Element, above: dict[int, str]) -> Iterator[str]:
    """Return a row's cells: a wide cell is followed by empty ones, a vertically merged one is repeated."""
    column = 0
    for cell in below(row, _SKIPPED, lambda element: element.tag == "tc"):
        if cell.tag != "tc":
            continue
        properties = cell.find("tcPr")
        merged = properties.find("vMerge") if properties is not None else None
        goes_on = merged is not None and attribute(merged, "val") in {None, "continue"}
        text = above.get(column, "") if goes_on else _paragraphs(cell)
        above[column] = text
        yield text
        width = _width(properties)
        yield from [""] * (width - 1)
        column += width


def _width(properties: Element | None) -> int:
    """Return the number of columns that a cell spans."""
    value = _value(properties, "gridSpan") if properties is not None else None
    return int(value) if value and _WIDTH.fullmatch(value) else 1
