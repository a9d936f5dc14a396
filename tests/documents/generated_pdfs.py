# ruff: noqa: E501  # soft hyphens make lines long
"""PDF files that are hard to read, such as a book as TeX sets it. The tests generate them."""

from collections.abc import Sequence

from tests.documents.pages import WIDTH, Entry, Paper, Text, column, written

TITLE = "The Ledger of Skerry"
_HEADING_POINTS = 15
_TOP, _LEFT = 530, 40

ROUTINE = (
    "The light\u00adhouse keep\u00ader of Skerry had an extra\u00ador\u00addi\u00adnary rou\u00adtine: be\u00adfore "
    "sun\u00adset she trimmed the wick, wound the clock\u00adwork, and noted the ba\u00adro\u00adme\u00adter in a "
    "state-of-the-art ledger."
)
FOG = (
    "Fog came on two hun\u00addred and four\u00adteen days of 1889. On such days the horn was blown ev\u00ader\u00ady "
    "nine\u00adty sec\u00adonds by her daugh\u00adter Agnes, who was paid in can\u00addles."
)
NOTE = "1 A state-of-the-art ledger had numbered pages."
CROSSING = (
    "In the win\u00adter of 1891 the sup\u00adply boat could not land for elev\u00aden weeks, and the keep\u00ader, who "
    "had only flour and dried"
)
CROSSED = (
    "cod left, trad\u00aded a bar\u00adrel of lamp oil for po\u00adta\u00adtoes. The oil was nev\u00ader missed by "
    "the har\u00adbour of\u00adfice."
)
LEFT = (
    "The goats were brought in 1890 by the pas\u00adtor Ei\u00adrik Sund, who thought that the is\u00adland was too "
    "qui\u00adet. They ate the wash\u00ading and one vol\u00adume of the led\u00adger."
)
RIGHT = (
    "Bees came lat\u00ader. The hives stood be\u00adhind the oil store, out of the wind, and gave for\u00adty "
    "pounds of heath\u00ader hon\u00adey in a good sum\u00admer."
)


def _page_header(label: str) -> list[Text]:
    """Return the running head and the page number of a page."""
    return [Text(_LEFT, 560, "A Ledger", 8), Text(WIDTH / 2, 25, label, 8)]


def _interleave_columns(left: Sequence[Text], right: Sequence[Text]) -> list[Text]:
    """Return the lines of two columns row by row, in the order in which some programs write them."""
    rows = max(len(left), len(right))
    return [text for row in range(rows) for column in (left, right) for text in column[row : row + 1]]


def ledger() -> bytes:
    """Return a book of pages i, ii, 1 and 2.

    It has contents, hyphenated words, a footnote, a sentence over two pages and two columns.
    """
    contents = [
        Text(_LEFT, _TOP, TITLE, 22),
        Text(_LEFT, 512, "Contents", _HEADING_POINTS),
        Text(_LEFT, 490, "The light" + " ." * 20 + " 1"),
        Text(_LEFT, 478, "Goats and bees" + " ." * 18 + " 2"),
    ]
    preface, _ = column("This copy was made for the school of Skerry.", _LEFT, _TOP)
    routine, y = column(ROUTINE, _LEFT, 500)
    fog_y = y - 2
    fog, y = column(FOG, _LEFT, y - 12, indent=3)
    crossing, y = column(CROSSING + " " + CROSSED, _LEFT, y - 12, indent=3)
    before_break, after_break = crossing[:2], crossing[2:]
    light = [
        Text(_LEFT, _TOP, "1 The light", _HEADING_POINTS),
        *routine,
        *fog,
        *before_break,
        Text(_LEFT, 60, NOTE, 7),
    ]
    continued = [
        Text(text.x, _TOP - 12 * row, text.words, 10, text.fill) for row, text in enumerate(after_break)
    ]
    left, _ = column(LEFT, _LEFT, 420, letters=26)
    right, _ = column(RIGHT, 226, 420, letters=26)
    goats = [
        *continued,
        Text(_LEFT, 450, "2 Goats and bees", _HEADING_POINTS),
        *_interleave_columns(left, right),
    ]
    bodies = (contents, preface, light, goats)
    pages = [[*_page_header(label), *body] for label, body in zip(("i", "ii", "1", "2"), bodies, strict=True)]
    outline = (
        Entry("Contents", 0),
        Entry("The light", 2, below=(Entry("Fog", 2, fog_y),)),
        Entry("Goats and bees", 3),
    )
    return Paper(pages, "ledger.dvi", outline, "0<</S/r>>2<</S/D>>").data()


def rotated(degrees: int = 180) -> bytes:
    """Return a page that viewers rotate."""
    lines = [("The rain gauge is read at seven", 240), ("in the morning by the baker.", 228)]
    return Paper([[Text(40, y, words) for words, y in lines]], rotation=degrees).data()


def upright() -> bytes:
    """Return a page whose text runs upward in the file and is upright in a viewer, which rotates it."""
    data = Paper(
        [[Text(0, 24, "The rain gauge is read at seven"), Text(0, 12, "each day.")]], rotation=90
    ).data()
    # Rotate the coordinate system before the text. The stream becomes longer by the inserted operator.
    rotated_text = data.replace(b"stream\nBT", b"stream\n0 1 -1 0 200 100 cm BT", 1)
    length = int(data.partition(b"<</Length ")[2].partition(b">>")[0])
    return rotated_text.replace(b"<</Length %d>>" % length, b"<</Length %d>>" % (length + 22), 1)


def pictures() -> bytes:
    """Return a file that has an image on its first page and no text."""
    return _image_pages(None)


def partly() -> bytes:
    """Return a page with only an image, followed by a page of text."""
    return _image_pages(Text(40, 500, "Page two can be read."))


def _image_pages(text: Text | None) -> bytes:
    paint = b"q 300 0 0 300 40 200 cm /I Do Q"
    words = text.operators() if text else b""
    page = (
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 420 595]/Contents %d 0 R"
        b"/Resources<</Font<</F1 3 0 R>>/XObject<</I 4 0 R>>>>>>"
    )
    image = (
        b"<</Type/XObject/Subtype/Image/Width 2/Height 2/ColorSpace/DeviceGray/BitsPerComponent 8/Length 4>>"
    )
    return written(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 2/Kids[5 0 R 6 0 R]>>",
            b"<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>",
            image + b"stream\n\x00\x80\xff\x40\nendstream",
            page % 7,
            page % 8,
            b"<</Length %d>>stream\n%s\nendstream" % (len(paint), paint),
            b"<</Length %d>>stream\n%s\nendstream" % (len(words), words),
        ]
    )
