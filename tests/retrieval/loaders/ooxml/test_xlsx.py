import openpyxl  # type: ignore[import-untyped]  # it has no types
import pytest

from retrieval.errors import DocumentError
from retrieval.loaders.ooxml import xlsx
from retrieval.loaders.ooxml.xlsx import load
from retrieval.model import Document
from tests.documents import samples


def parts(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def test_workbook() -> None:
    """A sheet is a heading and a row a numbered paragraph; hidden sheets and unknown values are omitted."""
    document = load(samples.make_xlsx(), "a.xlsx")
    assert [
        "Prices of the harbour shop",
        "Item: Lamp oil\nPrice: 12.50 kr\nSince: 1 March 2024\nShare: 25.6%",
        "Item: Rope\nPrice: 1,234.00 kr\nSince: 31 December 1999\nShare: 100.0%",
        "The shop closes when the ferry leaves.",
    ] == parts(document)
    assert ["1", "4", "5", "7"] == [page.label for page in document.pages]
    assert ["Prices", "Notes"] == [heading.text for heading in document.headings]
    assert ("a", "row") == (document.title, document.unit)


SPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
TEXTS = (
    '<Relationship Id="rIdTexts" Target="sharedStrings.xml" Type="http://schemas.openxmlformats.org/'
    'officeDocument/2006/relationships/sharedStrings"/></Relationships>'
)


def sheet(cells: str, text: str = "Lamp oil") -> bytes:
    """Return a workbook of one sheet with one shared string, in two runs and with a phonetic guide."""
    book = samples.to_bytes(openpyxl.Workbook())
    relations = samples.read_entry(book, "xl/_rels/workbook.xml.rels").replace("</Relationships>", TEXTS)
    data = f"<sheetData>{cells}</sheetData>"
    shared = f"<si><r><t>{text[:4]}</t></r><r><t>{text[4:]}</t></r><rPh><t>aid</t></rPh></si>"
    return samples.replace_entries(
        book,
        {
            "xl/_rels/workbook.xml.rels": relations,
            "xl/sharedStrings.xml": f'<sst xmlns="{SPACE}">{shared}</sst>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{SPACE}">{data}</worksheet>',
        },
    )


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ('<row r="3"><c r="A3" t="b"><v>1</v></c><c t="inlineStr"><is><t>a</t></is></c></row>', ["TRUE | a"]),
        ('<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>', ["Lamp oil"]),
        ('<row><c t="str"><f>A1</f><v>done</v></c><c><f>B1</f></c></row>', ["done"]),
        (
            '<row><c t="e"><v>#N/A</v></c><c t="s"><v>99</v></c><c><v>x</v></c><c s="9"><v>7</v></c></row>',
            ["7"],
        ),
        ('<row><c r="XFD1"><v>1</v></c><c r="A1"><v>2</v></c><c r="ZZZZ1"><v>3</v></c></row>', ["1 | 2 | 3"]),
        ('<row r="x"><c><v>1e999</v></c><c><v>nan</v></c><c><v>5</v></c></row>', ["5"]),
    ],
)
def test_cells(cells: str, expected: list[str]) -> None:
    """Every kind of cell is read; invalid values are omitted."""
    assert expected == parts(load(sheet(cells), "a.xlsx"))


def test_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workbook with too many rows is rejected, and so is a row with too much text."""
    monkeypatch.setattr(xlsx, "MAX_ROWS", 2)
    with pytest.raises(DocumentError, match=r"^a\.xlsx: has more than 2 rows; split it$"):
        load(samples.make_xlsx(), "a.xlsx")
    data = sheet("<row>" + '<c t="s"><v>0</v></c>' * 2000 + "</row>", text="x" * 30_000)
    with pytest.raises(DocumentError, match=r"^a\.xlsx: row 1 is too long to be read; split it$"):
        load(data, "a.xlsx")


def test_dates_from_1904() -> None:
    """Dates of a workbook with the 1904 date system are right."""
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.active.append([0.5])
    book.active["A1"].number_format = "yyyy-mm-dd hh:mm"
    assert ["1904-01-01 12:00"] == parts(load(samples.to_bytes(book), "a.xlsx"))


def test_cells_without_references() -> None:
    """A cell without a reference is in the column after the cell before it, even if that is empty."""
    row = "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in ("Name", "City", "Sum"))
    values = '<c t="inlineStr"><is><t>Ada</t></is></c><c/><c><v>5</v></c>'
    document = load(sheet(f"<row>{row}</row><row>{values}</row><row>{values}</row>"), "a.xlsx")
    assert ["Name: Ada\nSum: 5"] * 2 == parts(document)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one_x000D_\ntwo", "one\ntwo"),
        ("a_x005F_x000D_b", "a_x000D_b"),
        ("_xD83D__xDE00_", "😀"),
        ("_xD83D_", "\ufffd"),
        ("_x0007_bell, _xylophone_", "bell, _xylophone_"),
    ],
)
def test_escaped_characters(text: str, expected: str) -> None:
    """Escaped characters that XML does not allow are decoded."""
    cell = f'<c t="inlineStr"><is><t>{text}</t></is></c>'
    assert [expected] == parts(load(sheet(f"<row>{cell}</row>"), "a.xlsx"))


def test_merged_cells() -> None:
    """Merged cells name all columns and rows they cover; a merged title is read once."""
    book = openpyxl.Workbook()
    page = book.active
    for row in (
        ["Catch of the harbour"],
        [],
        ["Port", "Year", "Cod", None, "Ling"],
        [None, None, "tons", "crowns", "tons"],
        ["Brunoe", 2023, 12, 340, 5],
        [None, 2024, 14, 390, 6],
    ):
        page.append(row)
    for area in ("A1:E2", "A3:A4", "B3:B4", "C3:D3", "A5:A6"):
        page.merge_cells(area)
    document = load(samples.to_bytes(book), "a.xlsx")
    assert [
        "Catch of the harbour",
        "Port: Brunoe\nYear: 2023\nCod\ntons: 12\ncrowns: 340\nLing, tons: 5",
        "Port: Brunoe\nYear: 2024\nCod\ntons: 14\ncrowns: 390\nLing, tons: 6",
    ] == parts(document)
    assert ["1", "5", "6"] == [place.label for place in document.pages]
