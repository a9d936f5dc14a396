"""A builder of small PDF files in Courier, laid out as known programs do it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

PAGE_WIDTH, PAGE_HEIGHT = 420, 595
# The width of every Courier glyph, as a share of the font size.
_GLYPH_WIDTH = 0.6
# The x and y of both ends of a line.
Ruling = tuple[float, float, float, float]


@dataclass(frozen=True)
class TextLine:
    """A line of text at a position in points from the lower left corner.

    `width` is the width in points that the line is justified to, None if it is not. It runs upwards if it
    `is_turned`.
    """

    x: float
    y: float
    text: str
    size: float = 10
    width: float | None = None
    is_turned: bool = False

    def operators(self) -> bytes:
        spaces = self.text.count(" ")
        spare_width = (self.width or 0) - len(self.text) * _GLYPH_WIDTH * self.size
        word_spacing = spare_width / spaces if self.width and spaces else 0
        string = (
            self.text.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
        )
        matrix = b"0 1 -1 0" if self.is_turned else b"1 0 0 1"
        return b"BT /F1 %g Tf %g Tw %s %g %g Tm (%s) Tj ET\n" % (
            self.size, word_spacing, matrix, self.x, self.y, string,
        )  # fmt: skip


@dataclass(frozen=True)
class OutlineEntry:
    """An outline entry that links to height `y` of a page, counted from 0."""

    title: str
    page: int
    y: float = PAGE_HEIGHT
    children: tuple["OutlineEntry", ...] = ()


@dataclass
class PdfBuilder:
    """A PDF file to build. `labels` are its page labels, as the entries of a number tree.

    `rulings` are the straight lines on each page, each with the x and y of both ends.
    """

    pages: Sequence[Sequence[TextLine]]
    title: str = ""
    outline: tuple[OutlineEntry, ...] = ()
    labels: str = ""
    rotation: int = 0
    rulings: Sequence[Sequence[Ruling]] = ()
    _objects: list[bytes] = field(default_factory=list)

    def build(self) -> bytes:
        self._objects = [b"", b"", b"<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>"]
        drawn = [*self.rulings, *[()] * (len(self.pages) - len(self.rulings))]
        kids = [self._page(lines, own) for lines, own in zip(self.pages, drawn, strict=True)]
        catalog = b"<</Type/Catalog/Pages 2 0 R"
        if self.labels:
            catalog += b"/PageLabels<</Nums[%s]>>" % self.labels.encode()
        if self.outline:
            catalog += b"/Outlines %d 0 R" % self._outline_tree(self.outline, kids)
        self._objects[0] = catalog + b">>"
        references = b" ".join(b"%d 0 R" % kid for kid in kids)
        self._objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(kids), references)
        info = self._add(b"<</Title<FEFF%s>>>" % self.title.encode("utf-16-be").hex().encode())
        return write_objects(self._objects, b"/Info %d 0 R" % info)

    def _add(self, body: bytes) -> int:
        self._objects.append(body)
        return len(self._objects)

    def _page(self, lines: Sequence[TextLine], rulings: Sequence[Ruling]) -> int:
        content = b"".join(b"%g %g m %g %g l S\n" % ruling for ruling in rulings)
        content += b"".join(line.operators() for line in lines)
        stream = self._add(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
        return self._add(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Rotate %d/Contents %d 0 R"
            b"/Resources<</Font<</F1 3 0 R>>>>>>" % (PAGE_WIDTH, PAGE_HEIGHT, self.rotation, stream)
        )

    def _outline_tree(self, entries: Sequence[OutlineEntry], kids: Sequence[int]) -> int:
        """Add the objects of outline entries and of their parent, and return the number of the parent."""
        # The parent comes first and is filled in once the numbers of its entries are known.
        root = self._add(b"")
        numbers = [self._outline_entry(entry, kids) for entry in entries]
        for position, (entry, number) in enumerate(zip(entries, numbers, strict=True)):
            child_fields = self._objects[number - 1]
            title = entry.title.encode("utf-16-be").hex().encode()
            body = b"<</Title<FEFF%s>/Parent %d 0 R" % (title, root)
            body += b"/Dest[%d 0 R/XYZ 0 %g null]" % (kids[entry.page], entry.y)
            if position + 1 < len(numbers):
                body += b"/Next %d 0 R" % numbers[position + 1]
            self._objects[number - 1] = body + child_fields + b">>"
        self._objects[root - 1] = b"<</First %d 0 R/Last %d 0 R/Count %d>>" % (
            numbers[0], numbers[-1], len(numbers),
        )  # fmt: skip
        return root

    def _outline_entry(self, entry: OutlineEntry, kids: Sequence[int]) -> int:
        number = self._add(b"")
        if entry.children:
            subtree = self._outline_tree(entry.children, kids)
            # The entry itself is the parent of its children: copy /First, /Last and /Count to it.
            self._objects[number - 1] = self._objects[subtree - 1][2:-2]
        return number


def write_objects(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """Return a PDF file of objects, which are numbered from 1. The first must be the catalog."""
    data = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    xref_offset = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    data += b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        trailer,
        xref_offset,
    )
    return bytes(data)


def justify_paragraph(
    text: str, x: float, y: float, *, line_chars: int = 56, indent: int = 0
) -> tuple[list[TextLine], float]:
    r"""Justify and hyphenate a paragraph as TeX does. Return its lines and the y below the last one.

    `line_chars` is the width of a line in characters. Words may be broken at "\u00ad" and at hyphens.
    """
    lines: list[TextLine] = []
    line = " " * indent
    for word in text.replace("-", "-\u200b").split(" "):
        for index, part in enumerate(_split_at_hyphens(word)):
            needs_space = index == 0 and bool(line.strip())
            if len(line) + needs_space + len(part.rstrip("\u00ad")) + part.endswith("\u00ad") > line_chars:
                line = line.removesuffix("\u00ad") + "-" if line.endswith("\u00ad") else line
                lines.append(_justify_line(line, x, y - 12 * len(lines), line_chars))
                line, needs_space = "", False
            line = line.removesuffix("\u00ad") + " " * needs_space + part
    lines.append(_justify_line(line, x, y - 12 * len(lines), 0))
    return lines, y - 12 * len(lines)


def _split_at_hyphens(word: str) -> list[str]:
    parts = word.replace("\u00ad", "\u00ad\u200b").split("\u200b")
    return [part for part in parts if part]


def _justify_line(line: str, x: float, y: float, line_chars: int) -> TextLine:
    text = line.lstrip(" ")
    size = 10
    indent = (len(line) - len(text)) * _GLYPH_WIDTH * size
    return TextLine(
        x + indent, y, text, size, line_chars * _GLYPH_WIDTH * size - indent if line_chars else None
    )
