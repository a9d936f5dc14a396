"""Presentations: each slide is a page with its title, texts, tables and speaker notes."""

from xml.etree.ElementTree import Element

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders import table_rows
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.ooxml.package import Package, attribute, descendants
from retrieval.loaders.table_rows import TableRow
from retrieval.model import Document

MAX_SLIDES = 10_000
_SKIPPED = frozenset({"Fallback", "pPr", "rPr", "spPr", "tblPr", "nvPicPr"})
_TITLES = frozenset({"title", "ctrTitle"})
# Placeholders that repeat on every slide.
_REPEATED = frozenset({"ftr", "hdr", "dt", "sldNum", "sldImg"})
_SPECIAL_CHARACTERS = {"br": "\n", "tab": "\t"}
_CONTENT_TAGS = frozenset({"sp", "tbl"})
_TRUE = frozenset({"1", "true"})


def load(data: bytes, name: str) -> Document:
    """Read a .pptx file; slides are numbered as PowerPoint numbers them, hidden ones included."""
    package = Package(data, name, "presentation")
    paths = {
        relation.id: relation.path for relation in package.relations(package.path) if relation.kind == "slide"
    }
    slide_paths = [
        paths.get(attribute(slide, "id", "relationships") or "") for slide in package.main.iter("sldId")
    ]
    if len(slide_paths) > MAX_SLIDES:
        raise DocumentError(name, f"has more than {MAX_SLIDES} slides; split it", kind=ProblemKind.TOO_LARGE)
    builder = DocumentBuilder(name)
    for number, path in enumerate(slide_paths, 1):
        builder.begin_page(str(number))
        if path and path in package.archive:
            _add_slide(builder, package.archive.parse_xml(path))
            notes = package.related(path, "notesSlide")
            if notes is not None:
                _add_slide(builder, notes)
    return builder.build(package.title, unit="slide")


def _add_slide(builder: DocumentBuilder, slide: Element) -> None:
    """Add the title first, wherever it is on the slide, then everything else."""
    shapes = [shape for shape in descendants(slide, _SKIPPED, _has_content) if _has_content(shape)]
    shapes = [shape for shape in shapes if _placeholder_type(shape) not in _REPEATED]
    for shape in sorted(shapes, key=lambda shape: _placeholder_type(shape) not in _TITLES):
        if shape.tag == "tbl":
            table_rows.add_table(builder, _rows(shape))
        elif _placeholder_type(shape) in _TITLES:
            builder.add_heading(" ".join(_paragraphs(shape)), 1)
        else:
            for paragraph in _paragraphs(shape):
                builder.add_block(paragraph)


def _has_content(element: Element) -> bool:
    return element.tag in _CONTENT_TAGS


def _placeholder_type(shape: Element) -> str | None:
    """Return the type of a placeholder shape, such as title or date; None for other shapes."""
    holder = shape.find("nvSpPr/nvPr/ph")
    return None if holder is None else holder.get("type")


def _paragraphs(element: Element) -> list[str]:
    texts = (
        _paragraph_text(paragraph) for paragraph in descendants(element, _SKIPPED) if paragraph.tag == "p"
    )
    return [text for text in texts if text.strip()]


def _paragraph_text(paragraph: Element) -> str:
    return "".join(
        (inner.text or "") if inner.tag == "t" else _SPECIAL_CHARACTERS.get(inner.tag, "")
        for inner in descendants(paragraph, _SKIPPED)
    )


def _rows(table: Element) -> list[TableRow]:
    """Return the rows; the first is a header when the table is marked as having a header row."""
    properties = table.find("tblPr")
    is_named = properties is not None and properties.get("firstRow") in _TRUE
    rows: list[TableRow] = []
    above: dict[int, str] = {}
    for row in table.findall("tr"):
        cells = row.findall("tc")
        covered = frozenset(column for column, cell in enumerate(cells) if cell.get("hMerge") in _TRUE)
        for column, cell in enumerate(cells):
            if cell.get("vMerge") not in _TRUE:
                above[column] = "\n".join(_paragraphs(cell))
        texts = tuple("" if column in covered else above[column] for column in range(len(cells)))
        rows.append(TableRow(texts, is_named and not rows, covered))
    return rows
