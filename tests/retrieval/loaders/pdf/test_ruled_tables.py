"""Tables on PDF pages with lines around their cells."""

from collections.abc import Sequence

from retrieval.loaders.formats import load_document
from tests.documents.pdf_builder import PdfBuilder, Ruling, TextLine
from tests.retrieval.quote_marks import marked_text

XS = (40, 130, 250, 330)
NOTE = TextLine(40, 300, "The harbour office counts each ship that stays for a night or longer.", 8)


def grid(xs: Sequence[float], ys: Sequence[float]) -> list[Ruling]:
    """Return the lines around all cells between x and y positions."""
    return [
        *((xs[0], y, xs[-1], y) for y in ys),
        *((x, ys[0], x, ys[-1]) for x in xs),
    ]


def words(y: float, *cells: str, xs: Sequence[float] = XS) -> list[TextLine]:
    return [TextLine(x + 4, y, cell, 8) for x, cell in zip(xs, cells, strict=False) if cell]


def read(lines: Sequence[TextLine], rulings: Sequence[Ruling]) -> list[str]:
    document = load_document(PdfBuilder([lines], rulings=[rulings]).build(), "a.pdf")
    return [block.of(document.text) for block in document.blocks]


NAMES = words(508, "Boat", "Home port", "Skipper")
TABLE = [
    *NAMES,
    *words(488, "Seal of the", "Brunoe", "Ada Holm"),
    *words(478, "North"),
    *words(458, "Gannet", "", "Bo Lund"),
    *words(438, "Puffin", "Skerry, by", "Eva Moe"),
    *words(428, "the old pier"),
    NOTE,
]
YS = (520, 500, 470, 450, 420)


def test_cells_of_several_lines_and_empty_cells() -> None:
    """A cell is read whole, and no cell takes the place of an empty one."""
    table = [line for line in TABLE if line.text != "the old pier"] + words(428, "", "the old pier")
    assert [
        "Boat: Seal of the North\nHome port: Brunoe\nSkipper: Ada Holm",
        "Boat: Gannet\nSkipper: Bo Lund",
        "Boat: Puffin\nHome port: Skerry, by the old pier\nSkipper: Eva Moe",
        NOTE.text,
    ] == read(table, grid(XS, YS))


def test_merged_cells() -> None:
    """A cell over several rows is written with each, and one over several columns with the names below it."""
    rulings = [
        *((40, y, 330, y) for y in (520, 480, 440)),
        (130, 500, 330, 500),
        (130, 460, 330, 460),
        *((x, 520, x, 440) for x in (40, 130, 330)),
        (250, 500, 250, 440),
    ]
    lines = [
        *words(498, "Port"),
        *words(508, "", "Guests"),
        *words(488, "", "by boat", "by road"),
        *words(458, "Brunoe"),
        *words(468, "", "of today", "12"),
        *words(448, "", "24", "31"),
        NOTE,
    ]
    assert [
        "Port: Brunoe\nGuests\nby boat: of today\nby road: 12",
        "Port: Brunoe\nGuests\nby boat: 24\nby road: 31",
        NOTE.text,
    ] == read(lines, rulings)


def test_turned_names() -> None:
    """Names that run upwards are read in the order of their lines."""
    names = [
        TextLine(150, 470, "Ships of", 8, is_turned=True),
        TextLine(162, 470, "the year", 8, is_turned=True),
        TextLine(270, 470, "Boats", 8, is_turned=True),
    ]
    rows = [*words(448, "Brunoe", "12", "13"), *words(428, "Skerry", "7", "9")]
    assert [
        "Port: Brunoe\nShips of the year: 12\nBoats: 13",
        "Port: Skerry\nShips of the year: 7\nBoats: 9",
        NOTE.text,
    ] == read([*words(500, "Port"), *names, *rows, NOTE], grid(XS, (520, 460, 440, 420)))


def test_labels_beside_the_lines() -> None:
    """Labels at the left of all lines belong to their rows."""
    rows = [
        *words(508, "", "Ships", "Boats"),
        *words(488, "Brunoe", "12", "13"),
        *words(468, "Skerry", "7", "9"),
        *words(448, "Storholm", "5", "4"),
    ]
    assert [
        "Brunoe\nShips: 12\nBoats: 13",
        "Skerry\nShips: 7\nBoats: 9",
        "Storholm\nShips: 5\nBoats: 4",
        NOTE.text,
    ] == read([*rows, NOTE], grid(XS[1:], (520, 500, 480, 460, 440)))


def test_text_beside_the_lines() -> None:
    """Text in a column next to a table has no labels of its rows."""
    text = "The ferry to Brunoe leaves the old pier at nine"
    beside = [TextLine(40, 512 - 9 * number, f"{text[number:30]}", 6) for number in range(9)]
    rows = [
        *words(508, "", "Ships", "Boats"),
        *words(488, "", "12", "13"),
        *words(468, "", "7", "9"),
        *words(448, "", "5", "4"),
    ]
    found = read([*beside, *rows], grid(XS[1:], (520, 500, 480, 460, 440)))
    assert not any("ferry" in block and "Ships" in block for block in found)


def test_rows_without_lines_between_them() -> None:
    """Lines around columns alone make no cells: numbers below each other are rows."""
    rows = [
        *words(508, "Port", "Ships", "Boats"),
        *words(488, "Brunoe", "12", "13"),
        *words(476, "Skerry", "7", "9"),
        *words(464, "Storholm", "5", "4"),
        *words(448, "Total", "24", "26"),
    ]
    assert [
        "Port: Brunoe\nShips: 12\nBoats: 13",
        "Port: Skerry\nShips: 7\nBoats: 9",
        "Port: Storholm\nShips: 5\nBoats: 4",
        "Port: Total\nShips: 24\nBoats: 26",
        NOTE.text,
    ] == read([*rows, NOTE], grid(XS, (520, 500, 460, 440)))


def test_columns_without_lines_between_them() -> None:
    """Two columns in the same cells are separated by their gap, as in tables without lines."""
    cells = ("Port Ships Boats", "Brunoe 12 13", "Skerry 7 9", "Storholm 5 4", "Total 24 26")
    rows = [
        line
        for number, own in enumerate(cells)
        for line in words(508 - 20 * number, *own.split(), xs=(40, 150, 240))
    ]
    assert "Port: Skerry\nShips: 7\nBoats: 9" in read(
        [*rows, NOTE], grid((40, 240, 330), (520, 500, 480, 460, 440, 420))
    )


def test_boxes_around_text() -> None:
    """Boxes around running text are not a table."""
    text = "The ferry to Brunoe leaves the old pier at nine every morning."
    lines = [TextLine(44, 508 - 12 * number, text, 8) for number in range(9)]
    boxes = [TextLine(44, 400 - 20 * number, f"box {number}", 8) for number in range(2)]
    assert not any("|" in block for block in read([*lines, *boxes], grid((40, 400), (520, 410, 390, 370))))


def test_boxes_side_by_side() -> None:
    """Nor are boxes of text side by side, if nothing names the columns."""
    text = ["The ferry to Brunoe leaves", "the old pier at nine in the", "morning, every day but one."]
    lines = [
        line
        for row in range(3)
        for number, part in enumerate(text * 2)
        for line in words(508 - 80 * row - 10 * number, part, part, xs=(40, 220))
    ]
    found = read(lines, grid((40, 220, 400), (520, 440, 360, 280)))
    assert not any(" | " in block for block in found)


def test_table_on_several_pages() -> None:
    """Rows on the next page are written with the names above the first; a picture of the page marks them."""
    second = [
        *words(508, "Tern", "Brunoe", "Liv Dahl"),
        *words(488, "Auk", "Skerry", "Jon Vik"),
        *words(468, "Crane", "Storholm", "Siv Berg"),
    ]
    rulings = [grid(XS, YS), grid(XS, (520, 500, 480, 460))]
    data = PdfBuilder([TABLE[:-1], second], rulings=rulings).build()
    document = load_document(data, "a.pdf")
    last = document.blocks[-1].of(document.text)
    assert "Boat: Crane\nHome port: Storholm\nSkipper: Siv Berg" == last
    assert "Crane Storholm Siv Berg" == marked_text(data, 2, last)


def test_repeated_names() -> None:
    """Names that are repeated on the next page are not a row."""
    second = [*NAMES, *words(488, "Tern", "Brunoe", "Liv Dahl"), *words(468, "Auk", "Skerry", "Jon Vik")]
    rulings = [grid(XS, YS), grid(XS, (520, 500, 480, 460))]
    document = load_document(PdfBuilder([TABLE[:-1], second], rulings=rulings).build(), "a.pdf")
    blocks = [block.of(document.text) for block in document.blocks]
    assert "Boat: Tern\nHome port: Brunoe\nSkipper: Liv Dahl" == blocks[-2]
    assert not any("Home port: Home port" in block for block in blocks)


def test_table_beside_the_lines() -> None:
    """Where rows continue in another table next to the lines, both are separated as without lines."""
    labels = (
        "Port Ships Port Boats",
        "Brunoe 12 Brunoe 31",
        "Skerry 7 Skerry 9",
        "Holm 5 Holm 4",
        "Auken 3 Auken 8",
    )
    rows = [
        line
        for number, own in enumerate(labels)
        for line in words(508 - 20 * number, *own.split(), xs=(40, 130, 240, 330))
    ]
    found = read([*rows, NOTE], grid((40, 125, 200), (520, 500, 480, 460, 440, 420)))
    assert {"Skerry | 7", "Skerry | 9"} <= set(found)


def test_names_of_groups_above_the_first_line() -> None:
    """Years above the lines are names of the columns below them; words elsewhere above are none."""
    xs = (40, 130, 180, 230, 280, 330)
    rulings = grid(xs, (520, 500, 480, 460, 440))
    table = [
        *words(506, "Port", "Boats", "Crew", "Boats", "Crew", xs=xs),
        *words(486, "Skerry", "21", "84", "22", "88", xs=xs),
        *words(466, "Brunoe", "31", "94", "32", "98", xs=xs),
        *words(446, "Nordholm", "41", "74", "42", "78", xs=xs),
    ]
    years = [TextLine(x, 524, year, 8) for x, year in ((170, "2019"), (270, "2020"))]
    assert "Port: Skerry\n2019\nBoats: 21\nCrew: 84\n2020\nBoats: 22\nCrew: 88" in read(
        [*years, *table], rulings
    )
    beside = [TextLine(x, 524, text, 8) for x, text in ((40, "Boats by port"), (270, "2020"))]
    assert "Port: Skerry\nBoats: 21\nCrew: 84\nBoats: 22\nCrew: 88" in read([*beside, *table], rulings)
