"""Writes small PDF files by hand, in Courier: what every program is known to make, without the program."""

from collections.abc import Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT = 420, 595
# Courier's letters are all as wide.
_LETTER_WIDTH = 0.6


@dataclass(frozen=True)
class Text:
    """Words at a place, in points from the lower left corner; `fill` is the width they are stretched to."""

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
    """A line of the outline: `page` from 0, `y` where it leads to."""

    title: str
    page: int
    y: float = HEIGHT
    below: tuple["Entry", ...] = ()


@dataclass
class Paper:
    """A document in the making: pages are lists of texts; `labels` is a PDF number tree's list."""

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
        listed = b" ".join(b"%d 0 R" % kid for kid in kids)
        self._objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(kids), listed)
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
        """Write entries after a place for what holds them, which is filled when they are known."""
        root = self._add(b"")
        numbers = [self._outline_entry(entry, kids) for entry in entries]
        for at, (entry, number) in enumerate(zip(entries, numbers, strict=True)):
            head = self._objects[number - 1]
            title = entry.title.encode("utf-16-be").hex().encode()
            body = b"<</Title<FEFF%s>/Parent %d 0 R" % (title, root)
            body += b"/Dest[%d 0 R/XYZ 0 %g null]" % (kids[entry.page], entry.y)
            if at + 1 < len(numbers):
                body += b"/Next %d 0 R" % numbers[at + 1]
            self._objects[number - 1] = body + head + b">>"
        self._objects[root - 1] = b"<</First %d 0 R/Last %d 0 R/Count %d>>" % (
            numbers[0], numbers[-1], len(numbers),
        )  # fmt: skip
        return root

    def _outline_entry(self, entry: Entry, kids: Sequence[int]) -> int:
        number = self._add(b"")
        if entry.below:
            below = self._outline_tree(entry.below, kids)
            # What holds the entries below is the entry itself: it only lends their first and last.
            lent = self._objects[below - 1][2:-2]
            self._objects[number - 1] = lent
        return number


def written(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """Write numbered objects, of which the first is the catalogue, as a file."""
    made = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        trailer,
        start,
    )
    return bytes(made)


def column(words: str, x: float, y: float, *, letters: int = 56, indent: int = 0) -> tuple[list[Text], float]:
    r"""Set a paragraph as TeX does: justified, parted at its soft hyphens; give its lines and where it ends.

    `letters` is the width of the column, in letters. "\u00ad" says where a word may be parted; it may
    be at a real hyphen as well.
    """
    found: list[Text] = []
    line, rest = " " * indent, words.replace("-", "-\u200b").split(" ")
    for word in rest:
        for at, part in enumerate(_split_at_hyphens(word)):
            begins = at == 0 and bool(line.strip())
            if len(line) + begins + len(part.rstrip("\u00ad")) + part.endswith("\u00ad") > letters:
                line = line.removesuffix("\u00ad") + "-" if line.endswith("\u00ad") else line
                found.append(_set_line(line, x, y - 12 * len(found), letters))
                line, begins = "", False
            line = line.removesuffix("\u00ad") + " " * begins + part
    found.append(_set_line(line, x, y - 12 * len(found), 0))
    return found, y - 12 * len(found)


def _split_at_hyphens(word: str) -> list[str]:
    parts = word.replace("\u00ad", "\u00ad\u200b").split("\u200b")
    return [part for part in parts if part]


def _set_line(line: str, x: float, y: float, letters: int) -> Text:
    words = line.lstrip(" ")
    size = 10
    indent = (len(line) - len(words)) * _LETTER_WIDTH * size
    return Text(x + indent, y, words, size, letters * _LETTER_WIDTH * size - indent if letters else None)
