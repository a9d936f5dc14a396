"""A writer of small PDF files in Courier, which imitate the output of known programs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT = 420, 595
# The width of every letter of Courier, as a share of the font size.
_LETTER_WIDTH = 0.6


@dataclass(frozen=True)
class Text:
    """A line of text at a position in points from the lower left corner.

    `fill` is the width that the line is justified to.
    """

    x: float
    y: float
    words: str
    size: float = 10
    fill: float | None = None

    def operators(self) -> bytes:
        spaces = self.words.count(" ")
        spare = (self.fill or 0) - len(self.words) * _LETTER_WIDTH * self.size
        stretch = spare / spaces if self.fill and spaces else 0
        words = (
            self.words.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
        )
        return b"BT /F1 %g Tf %g Tw %g %g Td (%s) Tj ET\n" % (self.size, stretch, self.x, self.y, words)


@dataclass(frozen=True)
class Entry:
    """An outline entry. It leads to the position `y` of a page, counted from 0."""

    title: str
    page: int
    y: float = HEIGHT
    below: tuple["Entry", ...] = ()


@dataclass
class Paper:
    """A PDF document. `labels` are the page labels, as the list of a PDF number tree."""

    pages: Sequence[Sequence[Text]]
    title: str = ""
    outline: tuple[Entry, ...] = ()
    labels: str = ""
    rotation: int = 0
    _objects: list[bytes] = field(default_factory=list)

    def data(self) -> bytes:
        self._objects = [b"", b"", b"<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>"]
        kids = [self._page(texts) for texts in self.pages]
        catalog = b"<</Type/Catalog/Pages 2 0 R"
        if self.labels:
            catalog += b"/PageLabels<</Nums[%s]>>" % self.labels.encode()
        if self.outline:
            catalog += b"/Outlines %d 0 R" % self._outline_tree(self.outline, kids)
        self._objects[0] = catalog + b">>"
        references = b" ".join(b"%d 0 R" % kid for kid in kids)
        self._objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(kids), references)
        info = self._add(b"<</Title<FEFF%s>>>" % self.title.encode("utf-16-be").hex().encode())
        return written(self._objects, b"/Info %d 0 R" % info)

    def _add(self, body: bytes) -> int:
        self._objects.append(body)
        return len(self._objects)

    def _page(self, texts: Sequence[Text]) -> int:
        content = b"".join(text.operators() for text in texts)
        stream = self._add(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
        return self._add(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Rotate %d/Contents %d 0 R"
            b"/Resources<</Font<</F1 3 0 R>>>>>>" % (WIDTH, HEIGHT, self.rotation, stream)
        )

    def _outline_tree(self, entries: Sequence[Entry], kids: Sequence[int]) -> int:
        """Add the objects of outline entries and of their parent, and return the parent's number."""
        # The parent comes first and is filled in once the numbers of its entries are known.
        root = self._add(b"")
        numbers = [self._outline_entry(entry, kids) for entry in entries]
        for position, (entry, number) in enumerate(zip(entries, numbers, strict=True)):
            children = self._objects[number - 1]
            title = entry.title.encode("utf-16-be").hex().encode()
            body = b"<</Title<FEFF%s>/Parent %d 0 R" % (title, root)
            body += b"/Dest[%d 0 R/XYZ 0 %g null]" % (kids[entry.page], entry.y)
            if position + 1 < len(numbers):
                body += b"/Next %d 0 R" % numbers[position + 1]
            self._objects[number - 1] = body + children + b">>"
        self._objects[root - 1] = b"<</First %d 0 R/Last %d 0 R/Count %d>>" % (
            numbers[0], numbers[-1], len(numbers),
        )  # fmt: skip
        return root

    def _outline_entry(self, entry: Entry, kids: Sequence[int]) -> int:
        number = self._add(b"")
        if entry.below:
            below = self._outline_tree(entry.below, kids)
            # The entry takes the children's fields (/First, /Last, /Count) from the subtree's own parent.
            self._objects[number - 1] = self._objects[below - 1][2:-2]
        return number


def written(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """Return a PDF file of the objects, numbered from 1. The first must be the catalog."""
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


def column(words: str, x: float, y: float, *, letters: int = 56, indent: int = 0) -> tuple[list[Text], float]:
    r"""Set a paragraph as TeX does, justified and hyphenated. Return its lines and the y after the last.

    `letters` is the width of the column, in letters. Words may be broken at "\u00ad" and at hyphens.
    """
    lines: list[Text] = []
    line = " " * indent
    for word in words.replace("-", "-\u200b").split(" "):
        for index, part in enumerate(_split_at_hyphens(word)):
            needs_space = index == 0 and bool(line.strip())
            if len(line) + needs_space + len(part.rstrip("\u00ad")) + part.endswith("\u00ad") > letters:
                line = line.removesuffix("\u00ad") + "-" if line.endswith("\u00ad") else line
                lines.append(_set_line(line, x, y - 12 * len(lines), letters))
                line, needs_space = "", False
            line = line.removesuffix("\u00ad") + " " * needs_space + part
    lines.append(_set_line(line, x, y - 12 * len(lines), 0))
    return lines, y - 12 * len(lines)


def _split_at_hyphens(word: str) -> list[str]:
    parts = word.replace("\u00ad", "\u00ad\u200b").split("\u200b")
    return [part for part in parts if part]


def _set_line(line: str, x: float, y: float, letters: int) -> Text:
    words = line.lstrip(" ")
    size = 10
    indent = (len(line) - len(words)) * _LETTER_WIDTH * size
    return Text(x + indent, y, words, size, letters * _LETTER_WIDTH * size - indent if letters else None)
