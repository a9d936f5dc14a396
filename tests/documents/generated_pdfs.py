# ruff: noqa: E501  # where words may be parted takes room
"""A book as TeX sets it, and other PDF files that try a reader: each is made anew by the tests."""

import random
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
    """Set a running head and a page number, which are on every page."""
    return [Text(_LEFT, 560, "A Ledger", 8), Text(WIDTH / 2, 25, label, 8)]


def _interleave_columns(left: Sequence[Text], right: Sequence[Text]) -> list[Text]:
    """Return the lines of two columns row by row, as some programs write them."""
    rows = max(len(left), len(right))
    return [text for row in range(rows) for column in (left, right) for text in column[row : row + 1]]


def ledger() -> bytes:
    """Make four pages, i, ii, 1 and 2: contents, parted words, a note, a sentence over pages, two columns."""
    contents = [
        Text(_LEFT, _TOP, TITLE, 22),
        Text(_LEFT, 512, "Contents", _HEADING_POINTS),
        Text(_LEFT, 490, "The light" + " ." * 20 + " 1"),
        Text(_LEFT, 478, "Goats and bees" + " ." * 18 + " 2"),
    ]
    preface, _ = column("This copy was made for the school of Skerry.", _LEFT, _TOP)
    routine, y = column(ROUTINE, _LEFT, 500)
    of_fog = y - 2
    fog, y = column(FOG, _LEFT, y - 12, indent=3)
    crossing, y = column(CROSSING + " " + CROSSED, _LEFT, y - 12, indent=3)
    before, after = crossing[:2], crossing[2:]
    light = [
        Text(_LEFT, _TOP, "1 The light", _HEADING_POINTS),
        *routine,
        *fog,
        *before,
        Text(_LEFT, 60, NOTE, 7),
    ]
    moved = [Text(text.x, _TOP - 12 * at, text.words, 10, text.fill) for at, text in enumerate(after)]
    left, _ = column(LEFT, _LEFT, 420, letters=26)
    right, _ = column(RIGHT, 226, 420, letters=26)
    goats = [*moved, Text(_LEFT, 450, "2 Goats and bees", _HEADING_POINTS), *_interleave_columns(left, right)]
    bodies = (contents, preface, light, goats)
    pages = [[*_page_header(label), *body] for label, body in zip(("i", "ii", "1", "2"), bodies, strict=True)]
    outline = (
        Entry("Contents", 0),
        Entry("The light", 2, below=(Entry("Fog", 2, of_fog),)),
        Entry("Goats and bees", 3),
    )
    return Paper(pages, "ledger.dvi", outline, "0<</S/r>>2<</S/D>>").data()


def rotated(degrees: int = 180) -> bytes:
    """Make a page that is turned when it is shown."""
    lines = [("The rain gauge is read at seven", 240), ("in the morning by the baker.", 228)]
    return Paper([[Text(40, y, words) for words, y in lines]], rotation=degrees).data()


def upright() -> bytes:
    """Make a page whose words run upward in the file, and are upright when it is shown."""
    data = Paper(
        [[Text(0, 24, "The rain gauge is read at seven"), Text(0, 12, "each day.")]], rotation=90
    ).data()
    # The same operators, after a turn of the page; the length of what they stand in grows with it.
    turned = data.replace(b"stream\nBT", b"stream\n0 1 -1 0 200 100 cm BT", 1)
    length = int(data.partition(b"<</Length ")[2].partition(b">>")[0])
    return turned.replace(b"<</Length %d>>" % length, b"<</Length %d>>" % (length + 22), 1)


def pictures() -> bytes:
    """Make a page that is only a picture."""
    return _image_pages(None)


def partly() -> bytes:
    """Make a page that is only a picture, and one of text after it."""
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


def long(pages: int, seed: int = 1) -> bytes:
    """Make a book of so many full pages of words by chance, each with a fact of its own."""
    chance = random.Random(seed)
    words = f"{ROUTINE} {FOG} {CROSSING} {CROSSED} {LEFT} {RIGHT}".replace(".", "").split()
    made = []
    for number in range(1, pages + 1):
        texts, y = _page_header(str(number)), float(_TOP)
        fact = f"Buoy num\u00adber {7 * number} was painted in the year {3000 - number} by its own\u00ader."
        for _ in range(5):
            sentences = [" ".join(chance.choices(words, k=chance.randint(6, 24))) + "." for _ in range(5)]
            lines, y = column(" ".join([fact, *sentences]), _LEFT, y, indent=3)
            texts += lines
            y -= 12
            fact = ""
        made.append([text for text in texts if text.y > 20])
    return Paper(made, "Buoys").data()
