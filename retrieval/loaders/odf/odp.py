"""OpenDocument presentations: each slide is a page with its title, texts, tables and speaker notes."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders import tables
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.odf.opendocument import (
    PRESENTATION,
    SKIPPED,
    TABLE,
    OpenDocument,
    paragraphs,
    read_rows,
)
from retrieval.model import Document

MAX_SLIDES = 10_000
_TITLE = "title"
# Frames that repeat on every slide, and the small picture of the slide among its notes.
_REPEATED = frozenset({"header", "footer", "date-time", "page-number", "page"})
_GROUPS = frozenset({"g", "a"})


def load(data: bytes, name: str) -> Document:
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
    for shape in sorted(shapes, key=lambda shape: _role(shape) != _TITLE):
        table = shape.find("table")
        if table is not None:
            _add_table(builder, name, table)
        elif _role(shape) == _TITLE:
            builder.add_heading(" ".join(text for text, _ in paragraphs(shape)), 1)
        else:
            for text, _ in paragraphs(shape):
                builder.add_block(text)


def _shapes(parent: Element) -> Iterator[Element]:
    """Yield the shapes on a slide in order, those of groups one by one; empty placeholders hold a prompt."""
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
    tables.add_table(builder, read_rows(table, name, is_first_header=is_named))
