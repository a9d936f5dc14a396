import pytest

from retrieval.errors import DocumentError
from retrieval.loaders.text import csv
from retrieval.loaders.text.csv import load
from retrieval.model import Document
from tests.documents import samples


def read(text: str) -> Document:
    return load(text.encode(), "folder/a.csv")


def blocks(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def test_rows() -> None:
    """A row is a block of named cells; rows are numbered as in a spreadsheet."""
    document = read(samples.CSV)
    assert [
        'Name: Ada Brandt\nGeboren: 1815\nBeruf: Müllerin\nBemerkung: mahlt "Dinkel"; auch Roggen',
        "Name: Jonas Veit\nGeboren: 1822\nBeruf: Bäcker",
    ] == blocks(document)
    assert ("a", "row", ["2", "4"]) == (
        document.title,
        document.unit,
        [page.label for page in document.pages],
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Name,City\nAda,London\n", ["Name: Ada\nCity: London"]),
        ("Name;Price\nOil;1,50\nRope;2,10\n", ["Name: Oil\nPrice: 1,50", "Name: Rope\nPrice: 2,10"]),
        ("Name\tCity\nAda\tLondon\n", ["Name: Ada\nCity: London"]),
        ("Name|City\nAda|London\n", ["Name: Ada\nCity: London"]),
        ("sep=;\nName;City\nAda, B;London\n", ["Name: Ada, B\nCity: London"]),
        ("1,2\n3,4\n", ["1 | 2", "3 | 4"]),
        ("Item,2023,2024\nOil,1,2\n", ["Item: Oil\n2023: 1\n2024: 2"]),
        (",Monday,Sunday\nOpen,nine,never\n", ["Open\nMonday: nine\nSunday: never"]),
        ("Name,Name\nAda,Bob\n", ["Name | Name", "Ada | Bob"]),
        ("Name,City\n", ["Name | City"]),
        ("Prices,,\n\nItem,Price,Unit\nOil,1,l\n", ["Prices", "Item: Oil\nPrice: 1\nUnit: l"]),
        ("Prices,\n1,2\n3,4\n", ["Prices", "1 | 2", "3 | 4"]),
        ("one\ntwo\n", ["one", "two"]),
        (
            "Table 5;;\nSource: Port;;\n;2023;2023\nShip;Crew;Length (m)\nTern;3;12,5\nAuk;4;9\n(a) Guess\n",
            [
                "Source: Port",
                "Ship: Tern\n2023\nCrew: 3\nLength (m): 12,5",
                "Ship: Auk\n2023\nCrew: 4\nLength (m): 9",
                "(a) Guess",
            ],
        ),
        ("Name,City\nAda,London,1815\n", ["Name: Ada\nCity: London\n1815"]),
        ('Name,City\n"Ada\nB",London\n', ["Name: Ada\nB\nCity: London"]),
        ('A,B\n"c,d\ne,f\ng,h\ni,j\n', ['A: "c\nB: d', "A: e\nB: f", "A: g\nB: h", "A: i\nB: j"]),
    ],
)
def test_variants(text: str, expected: list[str]) -> None:
    """Delimiters and column names are detected, and an unclosed quotation mark swallows nothing."""
    assert expected == blocks(read(text))


@pytest.mark.parametrize("limit", ["MAX_ROWS", "MAX_CELLS"])
def test_too_large(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table with too many rows or cells is rejected with advice."""
    monkeypatch.setattr(csv, limit, 2)
    with pytest.raises(DocumentError, match=r"has more than 2 (rows|cells); split it$"):
        read("1,2\n3,4\n5,6\n")


def test_long_cell() -> None:
    """A cell may have a million characters."""
    assert ["a | " + "x" * 10**6] == blocks(read("a," + "x" * 10**6))
