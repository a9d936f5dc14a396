"""Presentations: each slide a page, with its title, its texts, its tables and what the speaker notes."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from retrieval.errors import DocumentError
from retrieval.loaders import document_builder
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.ooxml.package import Package, attribute, below
from retrieval.model import Document

MOST_SLIDES = 10_000
_SKIPPED = frozenset({"Fallback", "pPr", "rPr", "spPr", "tblPr", "nvPicPr"})
_TITLES = frozenset({"title", "ctrTitle"})
# What stands on every slide alike.
_RUNNING = frozenset({"ftr", "hdr", "dt", "sldNum", "sldImg"})
_SIGNS = {"br": "\n", "tab": "\t"}
_WHOLE = frozenset({"sp", "tbl"})


def load(data: bytes, name: str) -> Document:
    """Read a .pptx file; slides count as people see them counted, hidden ones too."""
    package = Package(data, name, "presentation")
    paths = {one.id: one.path for one in package.relations(package.path) if one.kind == "slide"}
    shown = [paths.get(attribute(slide, "id", "relationships") or "") for slide in package.main.iter("sldId")]
    if len(shown) > MOST_SLIDES:
        raise DocumentError(name, f"has more than {MOST_SLIDES} slides; split it")
    draft = DocumentBuilder(name)
    for number, path in enumerate(shown, 1):
        draft.page(str(number))
        if path and path in package.archive:
            _add(draft, package.archive.tree(path))
            notes = package.related(path, "notesSlide")
            if notes is not None:
                _add(draft, notes)
    return draft.document(package.title, unit="slide")


def _add(draft: DocumentBuilder, slide: Element) -> None:
    """Add the title, wherever it stands on the slide, then all else."""
    shapes = [shape for shape in below(slide, _SKIPPED, _is_whole) if _is_whole(shape)]
    shapes = [shape for shape in shapes if _kind(shape) not in _RUNNING]
    for shape in sorted(shapes, key=lambda shape: _kind(shape) not in _TITLES):
        if shape.tag == "tbl":
            for row in _rows(shape):
                draft.block(row)
        elif _kind(shape) in _TITLES:
            draft.heading(" ".join(_paragraphs(shape)), 1)
        else:
            for paragraph in _paragraphs(shape):
                draft.block(paragraph)


def _is_whole(element: Element) -> bool:
    return element.tag in _WHOLE


def _kind(shape: Element) -> str | None:
    """Return the type of a placeholder shape, such as title or date; None for other shapes."""
    holder = shape.find("nvSpPr/nvPr/ph")
    return None if holder is None else holder.get("type")


def _paragraphs(element: Element) -> list[str]:
    texts = (_text(paragraph) for paragraph in below(element, _SKIPPED) if paragraph.tag == "p")
    return [text for text in texts if text.strip()]


def _text(paragraph: Element) -> str:
    return "".join(
        (found.text or "") if found.tag == "t" else _SIGNS.get(found.tag, "")
        for found in below(paragraph, _SKIPPED)
    )


def _rows(table: Element) -> Iterator[str]:
    """Yield the rows, with column names from the first when the table is marked as having a header row."""
    properties = table.find("tblPr")
    is_named = properties is not None and properties.get("firstRow") in {"1", "true"}
    columns: tuple[str, ...] = ()
    for number, row in enumerate(table.findall("tr")):
        cells = ["\n".join(_paragraphs(cell)) for cell in row.findall("tc")]
        if number == 0 and is_named and len(cells) > 1:
            columns = document_builder.column_names(cells)
        if number or not columns:
            yield document_builder.row_text(cells, columns)
