"""Rows of tables as text."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.loaders.chunking import split_passages
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.table_rows import MAX_PART_CHARS, Header, TableRow, add_sheet, add_table, lay_out


def table(*rows: str, headers: int = 0) -> list[TableRow]:
    """Return rows from texts with cells between bars; `<` is under the cell to its left, `*` emphasizes."""
    result = []
    for number, row in enumerate(rows):
        cells = [cell.strip() for cell in row.split("|")]
        covered = frozenset(column for column, cell in enumerate(cells) if cell == "<")
        texts = tuple("" if cell == "<" else cell.strip("*") for cell in cells)
        result.append(TableRow(texts, number < headers, covered, is_strong=cells[0].startswith("*")))
    return result


def parts(rows: Sequence[TableRow], header: Header = "evident") -> list[str]:
    return [part for text in lay_out(rows, header) for part in text.parts]


def test_empty_cells_of_rows_without_names() -> None:
    """They keep their place; the first ones, those under a wide cell, and many of them are dropped."""
    rows = table(
        "Mon | | 9 to 17", "Tue | 9 to 12 |", "Wed | < | closed", "Thu | | | | 9 to 12", "| by day | by night"
    )
    assert [
        "Mon |  | 9 to 17",
        "Tue | 9 to 12",
        "Wed | closed",
        "Thu | 9 to 12",
        "by day | by night",
    ] == [part.strip() for part in parts(rows)]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # Names above values.
        (["Item | Price", "Oil | 12.50", "Rope | 9"], ["Item: Oil\nPrice: 12.50", "Item: Rope\nPrice: 9"]),
        (["Item: | Price:", "Oil | 12.50"], ["Item: Oil\nPrice: 12.50"]),
        (["Fahrgast | Preis", "Kinder | 45 Kronen"], ["Fahrgast: Kinder\nPreis: 45 Kronen"]),
        (["| 2019 | 2020", "Births | 12 | 14"], ["Births\n2019: 12\n2020: 14"]),
        # Names below a title, notes and a row of two cells.
        (
            ["Table 1", "Source: | the harbour", "Item | 2023 | 2024 | Unit", "Oil | 1 | 2 | l"],
            ["Table 1", "Source: | the harbour", "Item: Oil\n2023: 1\n2024: 2\nUnit: l"],
        ),
        # Names below notes of several cells, and dates as names.
        (
            [
                "at | the | top | are | some | notes",
                "on | the | table",
                "Item | City | Unit | Age | Sum | Tax",
                "Oil | Bern | l | 3 | 2 | 1",
            ],
            [
                "at | the | top | are | some | notes",
                "on | the | table",
                "Item: Oil\nCity: Bern\nUnit: l\nAge: 3\nSum: 2\nTax: 1",
            ],
        ),
        (["Item | 01/02/2024 | Sum", "Oil | 5 | 7"], ["Item: Oil\n01/02/2024: 5\nSum: 7"]),
        (["Ada | 12.03.2024", "Bo | 13.04.2024"], ["Ada | 12.03.2024", "Bo | 13.04.2024"]),
        # Two levels of names, over merged cells or over empty ones, and their units.
        (
            ["Area | Yes | < | No | <", " | no. | % | no. | %", "North | 5 | 50 | 5 | 50"],
            ["Area: North\nYes\nno.: 5\n%: 50\nNo\nno.: 5\n%: 50"],
        ),
        (
            ["Year | Share |  ", " | old | new", "2032 | 60% | 40%"],
            ["Year: 2032\nShare\nold: 60%\nnew: 40%"],
        ),
        (
            ["Area | Robbery | < | Arson | <", " |  | Rate |  | Rate", "North | 5 | 0.1 | 6 | 0.2"],
            ["Area: North\nRobbery: 5\nRobbery, Rate: 0.1\nArson: 6\nArson, Rate: 0.2"],
        ),
        # A second table below the first.
        (
            ["Item | Price", "Oil | 12", "Depth of ports at low tide", "Port | Depth", "Brunoe | 4"],
            ["Item: Oil\nPrice: 12", "Depth of ports at low tide", "Port: Brunoe\nDepth: 4"],
        ),
        # No names.
        (["Ada | London", "Jonas | Bern"], ["Ada | London", "Jonas | Bern"]),
        (["1 | 2", "3 | 4"], ["1 | 2", "3 | 4"]),
        (["N/A | NA", "Oil | 5"], ["N/A | NA", "Oil | 5"]),
        (["Item | Price"], ["Item | Price"]),
        ([], []),
    ],
)
def test_column_names(rows: Sequence[str], expected: Sequence[str]) -> None:
    """Rows of texts above values name the columns, wherever they are."""
    assert expected == parts(table(*rows))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["Name | City", "Ada | London"], ["Name: Ada\nCity: London"]),
        (["Item | 12.03.2024", "Oil | rope"], ["Item | 12.03.2024", "Oil | rope"]),
        (["Name | Name", "Ada | Bob"], ["Name | Name", "Ada | Bob"]),
        # Two levels of names above texts; a cell merged over both rows has its text in each.
        (
            ["Name | Open | <", "Name | at noon | at night", "Ada | yes | no"],
            ["Name: Ada\nOpen\nat noon: yes\nat night: no"],
        ),
        # A cell over several columns names each.
        (["Name | Open | <", "Ada | yes | no"], ["Name: Ada\nOpen: yes\nOpen: no"]),
        (["Table 1 | States", "Table 2 | Divisions"], ["Table 1 | States", "Table 2 | Divisions"]),
    ],
)
def test_expected_column_names(rows: Sequence[str], expected: Sequence[str]) -> None:
    """In a file of a table, a first row of different texts names the columns, unless the next is like it."""
    assert expected == parts(table(*rows), "expected")


def test_marked_header() -> None:
    """A row that the document marks as a header names the columns, whatever is in it."""
    rows = table("12.50 | Name | ", "Oil | Ada | x", headers=1)
    assert ["12.50: Oil\nName: Ada\nx"] == parts(rows)
    rows = table("Year | Share |  ", " | old | new", "2032 | much | little", headers=1)
    assert ["Year: 2032\nShare\nold: much\nnew: little"] == parts(rows)
    assert ["Name | City"] == parts(table("Name | City", headers=1))


def test_long_names() -> None:
    """A name longer than 200 characters is dropped."""
    assert ["Ada\nB: 5"] == parts(table(f"{'x' * 201} | B", "Ada | 5", headers=1))


def test_groups_of_rows() -> None:
    """A row of one short cell names those below; a long one is a note. An emphasized row ends the group."""
    rows = table("Item | Fee", "*Rezoning* |", "R-A | 100", "R-B | 200", "*Variance* | 50", headers=1)
    assert [
        "Rezoning\nItem: R-A\nFee: 100",
        "Rezoning\nItem: R-B\nFee: 200",
        "Item: Variance\nFee: 50",
    ] == parts(rows)
    note = "(a) Without the harbour, which has fees of its own."
    assert ["Item: Oil\nFee: 5", note] == parts(table("Item | Fee", "Oil | 5", note))
    assert ["Item: Oil\nFee: 5", "Item: Rope"] == parts(table("Item | Fee", "Oil | 5", "Rope |"))


def test_rows_in_one_cell_name_no_others() -> None:
    """A row whose columns were not found is read as it is, not taken for the name of the rows below it."""
    rows = table("State | Boats | Crew", "Alba | 1 | 2", "Guam 0 100 55 12 30 171", "Idaho | 3 | 4")
    assert ["State: Alba\nBoats: 1\nCrew: 2", "State: Idaho\nBoats: 3\nCrew: 4"] == parts(rows)[::2]


def test_rows_without_label() -> None:
    """A row that begins with a name or a year has the cells before it in common with the row above."""
    rows = table("State | Year | Sum", "Maine | 2015 | 5", " | 2016 | 7", " | Change | 2", " |  | 14")
    assert [
        "State: Maine\nYear: 2015\nSum: 5",
        "State: Maine\nYear: 2016\nSum: 7",
        "State: Maine\nYear: Change\nSum: 2",
        "Sum: 14",
    ] == parts(rows)


def test_wide_rows() -> None:
    """A row longer than a quote is split; each part names its row, and a number keeps its rate."""
    names = [f"Column number {number}" for number in range(1, 21)]
    rows = table(
        " | ".join(["State", "Year", *names]),
        *(" | ".join(["Maine", year, *["1,234"] * 20]) for year in ("2015", "2016")),
    )
    found = parts(rows)
    assert 4 == len(found)
    assert all(len(part) <= MAX_PART_CHARS and part.startswith("State: Maine\nYear: 201") for part in found)
    assert max(map(len, found)) - min(map(len, found)) < 60
    pairs = [text for number in range(6) for text in (f"Kind of crime number {number}", "<")]
    rates = ["Rate per 100,000" if number % 2 else "" for number in range(12)]
    rows = table(
        " | ".join(["Area", *pairs]), " | ".join(["", *rates]), " | ".join(["North", *["12,345"] * 12])
    )
    for part in parts(rows):
        assert part.count("Kind of crime") == 2 * part.count("Rate per")


def test_groups_in_wide_rows() -> None:
    """A row is divided between groups of columns if these fit, even if parts are less even then."""
    rows = table(
        "Area | In the old harbour of the town | < | < | < | In the new harbour of the town | <",
        " | ships of all kinds | boats | guests | crews | ships of all kinds | boats",
        " | ".join(["North", *["1,234,567,890 of all people"] * 6]),
        headers=2,
    )
    first, second = parts(rows)
    assert "In the old harbour of the town" in first
    assert "In the new harbour of the town" not in first
    assert second.startswith("Area: North\nIn the new harbour of the town\nships of all kinds: ")


def test_groups_of_several_levels_in_wide_rows() -> None:
    """Groups of the highest level stay whole before those below them."""
    rows = table(
        "Area | Clear answers to the letter | < | < | < | All who were asked by the harbour | <",
        " | Yes | < | No | < | Yes | <",
        " | no. | % | no. | % | no. | %",
        " | ".join(["North", *["1,234,567,890 of all the people"] * 6]),
        headers=3,
    )
    first, second = parts(rows)
    assert [True, False] == ["Clear answers" in first, "All who" in first]
    assert [False, True] == ["Clear answers" in second, "All who" in second]


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "by day", "by night"]), st.integers(0, 150)), min_size=1, max_size=12
    )
)
def test_parts_of_wide_rows(columns: list[tuple[str, int]]) -> None:
    """Every cell is in one part, in order, and a part of several cells fits into a quote."""
    names = [f"column {number}" for number in range(len(columns))]
    cells = [str(number) * length or "-" for number, (_, length) in enumerate(columns)]
    rows = [
        TableRow(("Area", *(group for group, _ in columns)), is_header=True),
        TableRow(("", *names), is_header=True),
        TableRow(("North", *cells)),
    ]
    found = parts(rows)
    told = [line for part in found for line in part.split("\n") if "column" in line]
    assert names == [line.partition(":")[0].rpartition(", ")[2] for line in told]
    assert all(len(part) <= MAX_PART_CHARS or part.count("column") == 1 for part in found)


def test_numbered_rows() -> None:
    """The number of a row does not identify it; the cell after it does."""
    rows = table(
        "No. | Name | Text", *(f"{number} | Name {number} | {'word ' * 60}" for number in (1, 2)), headers=1
    )
    assert all(part.startswith("No.: ") and "\nName: Name " in part for part in parts(rows))


def test_rows_that_begin_with_a_number() -> None:
    """Other numbers than those of rows, such as codes, name no row either."""
    rows = table(
        "Code | Name | Text", *(f"{code} | Name {code} | {'word ' * 60}" for code in (310, 27)), headers=1
    )
    assert all(part.startswith("Code: ") and "\nName: Name " in part for part in parts(rows))


def test_table_in_text() -> None:
    """Rows are passages of their own, under the title of the table, which is not a quote."""
    builder = DocumentBuilder("a.x")
    builder.add_heading("Prices", 1)
    builder.add_block("Table 2: Prices of the harbour shop")
    builder.add_block("In crowns.")
    add_table(builder, table("Item | Price", "Oil | 12", f"Rope of {'good ' * 50} hemp | 9"))
    builder.add_block("Closed on Sunday.")
    document = builder.build()
    passages = list(split_passages(document))
    assert ["In crowns.", "Item: Oil\nPrice: 12", "Item: Rope of good g", "Closed on Sunday."] == [
        passage.text[:20] for passage in passages
    ]
    assert ("Prices", "Table 2: Prices of the harbour shop") == passages[1].heading == passages[2].heading
    assert ("Prices",) == passages[3].heading
    assert "Table 2: Prices of the harbour shop" in document.text


def test_lead_in() -> None:
    """The text that leads in a table is its title, and can still be quoted."""
    builder = DocumentBuilder("a.x")
    builder.add_block("The fees are:")
    add_table(builder, table("Item | Price", "Oil | 12"))
    passages = list(split_passages(builder.build()))
    assert [((), "The fees are:"), (("The fees are",), "Item: Oil\nPrice: 12")] == [
        (passage.heading, passage.text) for passage in passages
    ]


def test_sheet() -> None:
    """Rows of a sheet keep their labels, also in parts."""
    builder = DocumentBuilder("a.x")
    rows = table("Table 1 of the harbour", "Item | Text", f"Oil | {'word ' * 40}", "Rope | 9", "Tar | 8")
    add_sheet(builder, "Sheet", [(str(number), row) for number, row in enumerate(rows, 1)])
    passages = list(split_passages(builder.build(unit="row")))
    assert ["3", "4", "5"] == [passage.label for passage in passages]
    assert all(("Sheet", "Table 1 of the harbour") == passage.heading for passage in passages)
    assert all(passage.section == "Sheet" for passage in passages)


def test_title_of_a_sheet() -> None:
    """The text above the names, perhaps after a number, is the title of the rows, and can be quoted."""
    builder = DocumentBuilder("a.x")
    rows = table("1 | Visits by month", "in thousands", "Month | 2024", "Jan | 7", "Feb | 8")
    add_sheet(builder, "Sheet", [(str(number), row) for number, row in enumerate(rows, 1)])
    passages = list(split_passages(builder.build(unit="row")))
    assert ("Sheet", "1 | Visits by month") == passages[-1].heading
    assert "1 | Visits by month" in passages[0].text


CELLS = st.lists(st.sampled_from(["", "a", "Total", "12", "2019", "n/a", "x" * 150, "a\nb"]), max_size=9)


ROWS = st.builds(
    TableRow,
    CELLS.map(tuple),
    is_header=st.booleans(),
    covered=st.frozensets(st.integers(0, 9)),
    is_strong=st.booleans(),
)


@given(st.lists(ROWS, max_size=9))
def test_any_rows(rows: list[TableRow]) -> None:
    """Whatever the rows, their values are in the text, in order, and quotes are slices of the text."""
    for texts in (list(lay_out(rows, "expected")), list(lay_out(rows, "evident"))):
        assert [text.row for text in texts] == sorted(text.row for text in texts)
        assert all(part and part.strip() == part for text in texts for part in text.parts)
        for text in texts:
            whole = "\n".join(text.parts)
            assert all(cell in whole for cell in rows[text.row].cells)
        assert all(
            "12" not in row.cells
            for number, row in enumerate(rows)
            if number not in {text.row for text in texts}
        ) or any(row.is_header for row in rows)
    builder = DocumentBuilder("a.x")
    add_table(builder, rows)
    document = builder.build()
    for passage in split_passages(document):
        assert passage.text == document.text[passage.span.start : passage.span.end]
