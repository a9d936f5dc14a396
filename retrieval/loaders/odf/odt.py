"""OpenDocument texts: paragraphs, headings, lists, tables row by row, text boxes and notes in place.

Read from the XML itself; docs/decisions/0010-opendocument-readers.md compares the libraries.
"""

from collections.abc import Mapping
from functools import partial
from xml.etree.ElementTree import Element

import regex

from retrieval.loaders import tables
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.odf.opendocument import (
    SKIPPED,
    TEXT,
    OpenDocument,
    Style,
    is_data_table,
    paragraphs,
    read_paragraph,
    read_rows,
    texts_with_weight,
)
from retrieval.model import Document

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


def load(data: bytes, name: str) -> Document:
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
        tables.add_table(self._builder, read_rows(table, self._name))

    def _bold_chars(self, paragraph: Element, text: str) -> int:
        """Return how many characters of a paragraph's text are in bold type at its start."""
        is_bold = _is_bold(self._styles, paragraph) or False
        count = 0
        for words, is_own_bold in texts_with_weight(
            paragraph, partial(_is_bold, self._inline_styles), is_bold=is_bold
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


def _is_bold(styles: Mapping[str, Style], element: Element) -> bool | None:
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
    """Return the length of the start of a text that holds so many characters that are no white space."""
    for at, char in enumerate(text):
        if not letters:
            return at
        letters -= not char.isspace()
    return len(text)


def _outline_level(value: str) -> int | None:
    if value.isascii() and value.isdecimal() and len(value) <= 2 and int(value):  # noqa: PLR2004
        return min(int(value), _MAX_LEVEL)
    return None


def _is_hidden(element: Element) -> bool:
    """Return whether a section is hidden."""
    return element.tag == "section" and element.get(f"{TEXT}display") == "none"
