"""The paragraphs of OpenDocument content: their text, and what is anchored in them."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

import regex

from retrieval.loaders.odf.package import TEXT

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


def read_paragraph(element: Element) -> tuple[str, list[Element]]:
    """Return the text of a paragraph or heading, and the notes and frames anchored in it."""
    parts: list[str] = []
    anchored: list[Element] = []
    _read(element, parts, anchored)
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


def _read(element: Element, parts: list[str], anchored: list[Element]) -> None:
    _add(element.text, parts)
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
            _read(child, parts, anchored)
        _add(child.tail, parts)


def _add(text: str | None, parts: list[str]) -> None:
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
