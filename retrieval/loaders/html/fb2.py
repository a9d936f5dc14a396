"""FictionBook files: chapters with their titles, paragraphs, verses and tables, notes where they belong."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from retrieval.errors import DocumentError
from retrieval.loaders import table_rows
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.table_rows import TableRow
from retrieval.loaders.xml_parser import parse_xml
from retrieval.model import Document

_HREF = "href"
_NOTE_BODIES = frozenset({"notes", "comments", "footnotes"})
_PARAGRAPHS = frozenset({"p", "subtitle", "text-author", "date", "stanza"})
_SKIPPED = frozenset({"image", "empty-line", "binary"})
# Verses and the lines of a title.
_LINES = frozenset({"p", "v", "subtitle"})
_MAX_LEVEL = 10


def load(data: bytes, name: str) -> Document:
    """Load an .fb2 file; a chapter is an outermost section with a title."""
    root = parse_xml([data], name, "its text")
    if root.tag != "FictionBook":
        raise DocumentError(name, "is not a FictionBook; give it the suffix of its real format")
    bodies = root.findall("body")
    notes = dict(_notes(body for body in bodies if _is_notes(body)))
    builder = DocumentBuilder(name)
    reader = _BookReader(builder, notes)
    for body in bodies:
        if not _is_notes(body):
            reader.add(body, 1)
    reader.add_remaining_notes()
    return builder.build(root.findtext("description/title-info/book-title"), unit="chapter")


def _is_notes(body: Element) -> bool:
    return body.get("name", "").lower() in _NOTE_BODIES


def _notes(bodies: Iterator[Element]) -> Iterator[tuple[str, str]]:
    """Yield the id and the text of each note."""
    for body in bodies:
        for section in body.iter("section"):
            if section.get("id"):
                texts = (_text(inner) for inner in section if inner.tag != "title")
                yield section.get("id", ""), "\n".join(filter(None, texts))


class _BookReader:
    def __init__(self, builder: DocumentBuilder, notes: dict[str, str]) -> None:
        self._builder = builder
        self._notes = notes

    def add(self, element: Element, level: int) -> None:
        """Add what is inside an element; `level` is that of its title."""
        for child in element:
            tag = child.tag
            if tag == "title":
                self._add_title(_text(child), level)
            elif tag == "section":
                self.add(child, level if element.tag == "body" else min(level + 1, _MAX_LEVEL))
            elif tag == "table":
                self._add_table(child)
            elif tag in _PARAGRAPHS:
                self._builder.add_block(_text(child))
                self._add_notes(child)
            elif tag not in _SKIPPED:
                self.add(child, min(level + 1, _MAX_LEVEL))

    def add_remaining_notes(self) -> None:
        """Add the notes that nothing refers to."""
        for text in self._notes.values():
            self._builder.add_block(text)

    def _add_title(self, title: str, level: int) -> None:
        if level == 1 and title:
            self._builder.begin_page(" ".join(title.split()))
        self._builder.add_heading(title, level)

    def _add_notes(self, paragraph: Element) -> None:
        for link in paragraph.iter("a"):
            target = next((value for key, value in link.attrib.items() if key.endswith(_HREF)), "")
            self._builder.add_block(self._notes.pop(target.removeprefix("#"), ""))

    def _add_table(self, table: Element) -> None:
        rows: list[TableRow] = []
        for row in table.iter("tr"):
            cells = [cell for cell in row if cell.tag in {"td", "th"}]
            is_header = not rows and len(cells) > 1 and all(cell.tag == "th" for cell in cells)
            rows.append(TableRow(tuple(map(_text, cells)), is_header))
        table_rows.add_table(self._builder, rows)


def _text(element: Element) -> str:
    """Return the text of an element: a paragraph on one line, lines of verse and of titles one a line."""
    lines = [line for line in element.iter() if line.tag in _LINES]
    if element.tag in _LINES or not lines:
        return " ".join("".join(_without_note_marks(element)).split())
    return "\n".join(filter(None, (" ".join("".join(_without_note_marks(line)).split()) for line in lines)))


def _without_note_marks(element: Element) -> Iterator[str]:
    """Yield the texts inside an element without the marks that refer to notes."""
    yield element.text or ""
    for child in element:
        if not (child.tag == "a" and child.get("type") == "note"):
            yield from _without_note_marks(child)
        yield child.tail or ""
