"""Tables of numbers on PDF pages, whose cells are only aligned."""

from collections.abc import Sequence

import pytest

from retrieval.loaders.chunking import split_passages
from retrieval.loaders.formats import load_document
from retrieval.model import Document
from tests.documents.pdf_builder import PdfBuilder, TextLine
from tests.retrieval.quote_marks import marked_text

# Right edges of three columns of numbers.
EDGES = (220, 300, 380)
NOTE = "The harbour office counts each ship that stays for a night or longer."


def row(y: float, label: str, *cells: str, edges: Sequence[float] = EDGES) -> list[TextLine]:
    """Return the label of a row and its cells, which end at the edges of the columns."""
    ends = [TextLine(edge - 6 * len(cell), y, cell) for edge, cell in zip(edges, cells, strict=False) if cell]
    return [TextLine(40, y, label), *ends] if label else ends


def read(*lines: Sequence[TextLine]) -> Document:
    page = [line for group in lines for line in group]
    return load_document(PdfBuilder([page]).build(), "a.pdf")


def blocks(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


TABLE = [
    [TextLine(40, 520, "Table 7. Ships in the harbours")],
    row(490, "Harbour", "2022", "2023", "2024"),
    row(474, "Brunoe", "1,204", "1,310", "1,422"),
    row(460, "Storholm", "88", "91", "103"),
    row(446, "Skerry", "7", "-", "12"),
    row(432, "Total", "1,299", "1,401", "1,537"),
    [TextLine(40, 380, NOTE)],
]


def test_table() -> None:
    """Each row is a paragraph with the names of its columns; the title is a heading of the rows."""
    document = read(*TABLE)
    assert [
        "Harbour: Brunoe\n2022: 1,204\n2023: 1,310\n2024: 1,422",
        "Harbour: Storholm\n2022: 88\n2023: 91\n2024: 103",
        "Harbour: Skerry\n2022: 7\n2023: -\n2024: 12",
        "Harbour: Total\n2022: 1,299\n2023: 1,401\n2024: 1,537",
        NOTE,
    ] == blocks(document)
    passages = list(split_passages(document))
    assert ("Table 7. Ships in the harbours",) == passages[0].heading
    assert () == passages[-1].heading
    assert all(passage.text == passage.span.of(document.text) for passage in passages)


def test_names_of_several_columns() -> None:
    """Words over the middle of several columns name each of them, and lines below the names the rows."""
    edges = (190, 230, 300, 340)
    document = read(
        [TextLine(186, 520, "Summer"), TextLine(296, 520, "Winter")],
        row(506, "Boat", "days", "km", "days", "km", edges=edges),
        [TextLine(40, 492, "Ferries")],
        row(478, "Tern", "90", "812", "60", "544", edges=edges),
        row(464, "Auk", "88", "790", "12", "101", edges=edges),
        [TextLine(40, 450, "Boats with")],
        row(436, "sails", "70", "311", "9", "77", edges=edges),
    )
    assert [
        "Ferries\nBoat: Tern\nSummer\ndays: 90\nkm: 812\nWinter\ndays: 60\nkm: 544",
        "Ferries\nBoat: Auk\nSummer\ndays: 88\nkm: 790\nWinter\ndays: 12\nkm: 101",
        "Ferries\nBoat: Boats with sails\nSummer\ndays: 70\nkm: 311\nWinter\ndays: 9\nkm: 77",
    ] == blocks(document)


def test_wide_names_of_several_columns() -> None:
    """Names wider than the numbers below them name these; names of columns without numbers name no other."""
    edges = (200, 240, 320, 360)
    groups = [TextLine(176, 520, "Season of suns"), TextLine(296, 520, "Season of snow")]
    names = row(506, "Boat", "days", "km", "days", "km", edges=edges)
    rows = [
        row(490 - 14 * n, f"Ferry {'ABC'[n]}", f"{n}1", f"{n}2", f"{n}3", f"{n}4", edges=edges)
        for n in range(3)
    ]
    assert "Boat: Ferry B\nSeason of suns\ndays: 11\nkm: 12\nSeason of snow\ndays: 13\nkm: 14" in blocks(
        read(groups, names, *rows)
    )
    rows = [row(490 - 14 * n, f"Ferry {'ABC'[n]}", f"{n}1", f"{n}2", edges=edges) for n in range(3)]
    assert "Boat: Ferry B\ndays: 11\nkm: 12" in blocks(read(names, *rows))


def test_wide_name_of_the_last_column() -> None:
    """A name that is wider than its column is read to its end."""
    names = [*row(490, "Harbour", "2022", "2023"), TextLine(330, 490, "Ships of all")]
    more = [TextLine(330, 502, "Number of")]
    found = blocks(read(more, names, *TABLE[2:6]))
    assert "Harbour: Brunoe\n2022: 1,204\n2023: 1,310\nNumber of Ships of all: 1,422" in found


def test_missing_numbers() -> None:
    """Three dots between numbers represent a missing one."""
    rows = [row(474, "Brunoe", "1,204", "...", "1,422"), row(460, "Storholm", "88", "...", "...")]
    assert ["Harbour: Brunoe\n2022: 1,204\n2023: ...\n2024: 1,422"] == blocks(
        read(row(490, "Harbour", "2022", "2023", "2024"), *rows, *TABLE[4:6])
    )[:1]


def test_marks_of_numbers() -> None:
    """Asterisks before a number mark it, and several alone represent one."""
    rows = [row(474, "Brunoe", "1,204", "*****", "**1,422"), row(460, "Storholm", "88", "(X)", "*-9")]
    assert "Harbour: Brunoe\n2022: 1,204\n2023: *****\n2024: **1,422" in blocks(
        read(row(490, "Harbour", "2022", "2023", "2024"), *rows, *TABLE[4:6])
    )


def test_rows_below_a_heading() -> None:
    """One or two rows below a heading in a table have the names of its columns."""
    more = [[TextLine(40, 394, "Harbours in the north")], row(380, "Auken", "5", "6", "7")]
    assert "Harbours in the north\nHarbour: Auken\n2022: 5\n2023: 6\n2024: 7" in blocks(
        read(*TABLE[1:6], *more)
    )


def test_numbers_of_columns() -> None:
    """A row that numbers the columns is none of the table."""
    numbers = row(474, "1", "2", "3", "4")
    found = blocks(read(TABLE[1], numbers, *(_lower(line) for line in (*TABLE[2:4], TABLE[5]))))
    assert "Harbour: Brunoe\n2022: 1,204\n2023: 1,310\n2024: 1,422" == found[0]
    assert 3 == len(found)


def test_names_far_above() -> None:
    """Names over every column may be further from the first row than others."""
    found = blocks(read(row(512, "Harbour", "2022", "2023", "2024"), *TABLE[2:6]))
    assert "Harbour: Brunoe\n2022: 1,204\n2023: 1,310\n2024: 1,422" == found[0]


def test_larger_type_is_no_name() -> None:
    """Words in larger type above the columns are a title, also with wide gaps."""
    title = [TextLine(40, 506, "Ships", 13), TextLine(196, 506, "By year", 13), TextLine(300, 506, "All", 13)]
    found = blocks(read(title, *TABLE[1:6]))
    assert "Harbour: Brunoe\n2022: 1,204\n2023: 1,310\n2024: 1,422" in found


def test_wide_table_is_no_text_in_columns() -> None:
    """A wide gap in a table of many numbers does not divide the page."""
    edges = [110 + 22 * column for column in range(6)] + [280 + 22 * column for column in range(6)]
    rows = [
        row(
            490 - 12 * n,
            f"Pier {'ABCDEFGHIJ'[n]}",
            *(str(10 + n + column) for column in range(12)),
            edges=edges,
        )
        for n in range(10)
    ]
    assert "Pier D | " + " | ".join(str(13 + column) for column in range(12)) in blocks(read(*rows))


def _lower(lines: Sequence[TextLine]) -> list[TextLine]:
    return [TextLine(line.x, line.y - 14, line.text) for line in lines]


def test_leaders() -> None:
    """Dots between a label and its numbers are dropped."""
    rows = [
        row(500 - 14 * n, f"Ship {letter} . . . . .", f"{n}10", f"{n}20")
        for n, letter in enumerate("ABCD", 1)
    ]
    assert "Ship A | 110 | 120" == blocks(read(*rows))[0]


@pytest.mark.parametrize(
    "lines",
    [
        [TextLine(40, 500 - 14 * n, f"The ferry leaves at noon on 12 {n}") for n in range(5)],
        [TextLine(40, 500 - 14 * n, f"{'word ' * n}in 1990 and 1991") for n in range(1, 6)],
        [TextLine(40, 500 - 14 * n, f"Chapter of the book . . . . . . . {n}") for n in range(1, 6)],
    ],
)
def test_no_table(lines: list[TextLine]) -> None:
    """Sentences that end in numbers and tables of contents are not tables."""
    assert () == read(lines, [TextLine(40, 300, NOTE)]).tables


def test_picture_of_row() -> None:
    """The picture of a page marks the line of a quoted row."""
    page = [line for group in TABLE for line in group]
    quote = "Harbour: Storholm\n2022: 88\n2023: 91\n2024: 103"
    assert "Storholm 88 91 103" == " ".join(marked_text(PdfBuilder([page]).build(), 1, quote).split())


WIDE_LABELS = [
    [TextLine(40, 520, "Topic"), TextLine(330, 520, "Letters")],
    [TextLine(40, 500, "Fees for berths"), TextLine(340, 500, "119")],
    [TextLine(40, 480, "Complaints, lost pro-"), TextLine(40, 467, "perty and requests for")],
    [TextLine(40, 454, "the address of an"), TextLine(40, 441, "office"), TextLine(340, 460.5, "2417")],
    [TextLine(40, 421, "Tides"), TextLine(340, 421, "86")],
    [TextLine(40, 401, "Total"), TextLine(340, 401, "2622")],
]


def test_label_over_several_lines() -> None:
    """A number next to the middle of several lines belongs to all of them."""
    document = read(*WIDE_LABELS)
    assert [
        "Topic: Fees for berths\nLetters: 119",
        "Topic: Complaints, lost property and requests for the address of an office\nLetters: 2417",
        "Topic: Tides\nLetters: 86",
        "Topic: Total\nLetters: 2622",
    ] == blocks(document)


def test_picture_of_row_with_several_lines() -> None:
    """The picture of a page marks all lines of a quoted row, but no hyphens at their ends."""
    page = [line for group in WIDE_LABELS for line in group]
    quote = "Topic: Complaints, lost property and requests for the address of an office\nLetters: 2417"
    marked = marked_text(PdfBuilder([page]).build(), 1, quote)
    assert "Complaints, lost pro perty and requests for 2417 the address of an office" == " ".join(
        marked.split()
    )


def test_lines_between_sections() -> None:
    """Lines above and below a row, as far from it as from other rows, name the rows below them."""
    document = read(
        row(500, "Harbour", "2022", "2023", "2024"),
        [TextLine(40, 486, "North")],
        row(472, "Brunoe", "1,204", "1,310", "1,422"),
        [TextLine(40, 458, "South")],
        row(444, "Storholm", "88", "91", "103"),
        row(430, "Skerry", "7", "8", "12"),
        [TextLine(40, 380, NOTE)],
    )
    assert [
        "North\nHarbour: Brunoe\n2022: 1,204\n2023: 1,310\n2024: 1,422",
        "South\nHarbour: Storholm\n2022: 88\n2023: 91\n2024: 103",
        "South\nHarbour: Skerry\n2022: 7\n2023: 8\n2024: 12",
        NOTE,
    ] == blocks(document)


def test_chart_beside_table() -> None:
    """The labels of a chart at the right of a table do not divide it."""
    # Lines drawn in between keep PDFium from joining the labels.
    labels = [
        [TextLine(460, 470 - 3 * at, f"chart {'abc'[at]}"), TextLine(40, 380 - 20 * at, NOTE)]
        for at in range(3)
    ]
    document = read(*TABLE[:-1], *labels)
    assert [
        "Harbour: Brunoe\n2022: 1,204\n2023: 1,310\n2024: 1,422",
        "Harbour: Storholm\n2022: 88\n2023: 91\n2024: 103",
        "Harbour: Skerry\n2022: 7\n2023: -\n2024: 12",
        "Harbour: Total\n2022: 1,299\n2023: 1,401\n2024: 1,537",
    ] == blocks(document)[:4]


def test_values_are_no_names() -> None:
    """The values of a row above, which is not aligned with the others, do not name columns."""
    document = read(
        [TextLine(40, 488, "World"), *(TextLine(edge - 80, 488, "3.5 4.25%") for edge in EDGES)],
        *TABLE[2:6],
    )
    assert "Brunoe | 1,204 | 1,310 | 1,422" in blocks(document)


def pair(y: float, *cells: str) -> list[TextLine]:
    """Return the cells of a row in four columns: words, numbers, words, numbers."""
    starts = [40, 190 - 6 * len(cells[1]), 240, 390 - 6 * len(cells[3])]
    return [TextLine(x, y, cell) for x, cell in zip(starts, cells, strict=True) if cell]


def test_tables_side_by_side() -> None:
    """Tables side by side whose columns have the same name are read one after the other."""
    document = read(
        pair(500, "Harbours", "Ships", "Lakes of the", "Ships"),
        pair(484, "Brunoe", "120", "Grey Lake", "11"),
        pair(470, "Storholm", "88", "Long Lake", "9"),
        pair(456, "Skerry", "7", "Deep Lake", "8"),
        pair(442, "Total", "215", "Upper Lake", "4"),
        pair(428, "", "", "Total", "32"),
        [TextLine(40, 380, NOTE)],
    )
    assert [
        "Harbours: Brunoe\nShips: 120",
        "Harbours: Storholm\nShips: 88",
        "Harbours: Skerry\nShips: 7",
        "Harbours: Total\nShips: 215",
        "Lakes of the: Grey Lake\nShips: 11",
        "Lakes of the: Long Lake\nShips: 9",
        "Lakes of the: Deep Lake\nShips: 8",
        "Lakes of the: Upper Lake\nShips: 4",
        "Lakes of the: Total\nShips: 32",
    ] == [text for text in blocks(document) if ":" in text]
    assert NOTE in blocks(document)


def test_name_over_two_lines() -> None:
    """The name of the labels may begin in a line above that a small letter or a sign continues."""
    document = read(
        [TextLine(40, 502, "Harbours of the")],
        row(490, "free islands", "Spring", "Summer", "Autumn"),
        *TABLE[2:],
    )
    assert "Harbours of the free islands: Brunoe\nSpring: 1,204\nSummer: 1,310\nAutumn: 1,422" in blocks(
        document
    )


def test_words_between_numbers() -> None:
    """A column of words between numbers does not begin another table, which would lose the first column."""
    document = read(
        pair(500, "Harbour", "Ships", "Owner", "Since"),
        pair(484, "Brunoe", "120", "Town", "1911"),
        pair(470, "Storholm", "88", "Town", "1934"),
        pair(456, "Skerry", "7", "Private", "1987"),
        pair(442, "Leirvik", "21", "State", "1956"),
    )
    assert () == document.tables


def words(y: float, *cells: str) -> list[TextLine]:
    return [TextLine(x, y, cell) for x, cell in zip((40, 220, 360), cells, strict=True)]


SHOPS = [
    words(474, "Grey Baker", "Long Street", "Bread, rolls"),
    words(460, "Storholm Tools", "Pier 7", "Ropes and sails"),
    words(446, "Skerry Books", "Old Market", "Maps of the sea"),
    words(432, "Net and Hook", "Pier 2", "Nets"),
]


def test_table_of_words() -> None:
    """Rows of words, one line each, are written with the names above their columns."""
    document = read(words(490, "Shop", "Place", "Sells"), *SHOPS, [TextLine(40, 380, NOTE)])
    assert [
        "Shop: Grey Baker\nPlace: Long Street\nSells: Bread, rolls",
        "Shop: Storholm Tools\nPlace: Pier 7\nSells: Ropes and sails",
        "Shop: Skerry Books\nPlace: Old Market\nSells: Maps of the sea",
        "Shop: Net and Hook\nPlace: Pier 2\nSells: Nets",
        NOTE,
    ] == blocks(document)


def test_names_of_words_over_several_lines() -> None:
    """The names of columns of words may have several lines, and not all of them the same number."""
    names = [
        TextLine(52, 504, "Shop in"),
        TextLine(372, 504, "Goods"),
        *(TextLine(x, 490, name) for x, name in ((52, "the town"), (250, "Place"), (366, "for sale"))),
    ]
    assert "Shop in the town: Net and Hook\nPlace: Pier 2\nGoods for sale: Nets" in blocks(
        read(names, *SHOPS)
    )


@pytest.mark.parametrize(
    "lines",
    [
        SHOPS,
        [words(490, "Shop of the town", "Place in 12 streets", "Sells"), *SHOPS],
        [
            words(490, "The harbour has", "Each ship pays", "The market is"),
            words(474, "been open since", "the fee for one", "held in spring"),
            words(460, "the old days of", "night when it", "and in autumn."),
            words(446, "the first king,", "arrives. Ships", "Farmers bring"),
            words(432, "who built it.", "that stay pay", "cheese and wool"),
            words(418, "Today it has a", "again at noon.", "to it each year."),
        ],
        [words(490, "Shop", "Place", "Sells"), *SHOPS, [TextLine(220, 420, "at the harbour")]],
    ],
    ids=["no names", "number in a name", "prose in columns", "cell of two lines"],
)
def test_no_table_of_words(lines: list[list[TextLine]]) -> None:
    """Rows without names, text in columns, and rows of which too few are surely whole are not tables."""
    assert () == read(*lines, [TextLine(40, 300, NOTE)]).tables


def grouped(y: float, label: str, *cells: str) -> list[TextLine]:
    """Return a row whose numbers have narrow spaces between groups of digits."""
    lines = [TextLine(40, y, label)]
    for edge, cell in zip(EDGES, cells, strict=True):
        right = float(edge)
        own: list[TextLine] = []
        for group in reversed(cell.split()):
            own.insert(0, TextLine(right - 6 * len(group), y, group))
            right -= 6 * len(group) + 3
        lines += own
    return lines


def test_spaces_in_numbers() -> None:
    """Digits with narrow spaces between groups are one number; cells are further apart."""
    document = read(
        row(490, "Harbour", "2022", "2023", "2024"),
        grouped(474, "Brunoe", "1 204.5", "1 310 000", "422"),
        grouped(460, "Storholm", "88.0", "12 991", "103"),
        grouped(446, "Skerry", "17 000", "512", "912"),
        [TextLine(40, 380, NOTE)],
    )
    assert [
        "Harbour: Brunoe\n2022: 1 204.5\n2023: 1 310 000\n2024: 422",
        "Harbour: Storholm\n2022: 88.0\n2023: 12 991\n2024: 103",
        "Harbour: Skerry\n2022: 17 000\n2023: 512\n2024: 912",
        NOTE,
    ] == blocks(document)


def test_title_with_wide_spaces() -> None:
    """A title of a table is not a name of its columns, though its words are above them."""
    title = [
        TextLine(40, 504, "Table 7. Ships"),
        TextLine(200, 504, "in the"),
        TextLine(280, 504, "harbours"),
    ]
    document = read(title, row(490, "Harbour", "Spring", "Summer", "Autumn"), *TABLE[2:])
    assert "Harbour: Brunoe\nSpring: 1,204\nSummer: 1,310\nAutumn: 1,422" in blocks(document)
    assert {"Table 7. Ships in the harbours"} == {table.title for table in document.tables}
