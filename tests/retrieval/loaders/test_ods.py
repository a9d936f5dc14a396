import pytest

from retrieval.errors import DocumentError
from retrieval.loaders import opendocument
from retrieval.loaders.opendocument import load_ods
from retrieval.model import Document
from tests.documents import samples

CALC = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"


def parts(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def read(rows: str) -> Document:
    return load_ods(
        samples.make_odf("spreadsheet", f'<table:table table:name="A">{rows}</table:table>'), "a.ods"
    )


def test_workbook() -> None:
    """A sheet is a heading and a row a numbered paragraph; hidden sheets and empty rows are omitted."""
    document = load_ods(samples.make_ods(), "a.ods")
    assert [
        "Marées du port de Brelidy",
        "Jour: 12 août\nPleine mer: 06:42\nHauteur: 9,80 m",
        "Jour: 13 août\nPleine mer: fermé\nHauteur: fermé",
        "Jour: 13 août\nPleine mer: fermé\nHauteur: fermé",
        "Le phare est gardé par\nAnaïs Kerbrat.",
    ] == parts(document)
    assert ["1", "5", "6", "7", "2"] == [page.label for page in document.pages]
    assert ["Marées", "Notes"] == [heading.text for heading in document.headings]
    assert ("a", "row") == (document.title, document.unit)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('office:value-type="float" office:value="12.5"', "12.5"),
        ('office:value-type="float" office:value="1e999"', ""),
        ('office:value-type="float" office:value="x"', ""),
        ('office:value-type="float" office:string-value="OK"', "OK"),
        ('office:value-type="percentage" office:value="0.255"', "25.5%"),
        ('office:value-type="currency" office:value="3" office:currency="EUR"', "3 EUR"),
        ('office:value-type="boolean" office:boolean-value="true"', "TRUE"),
        ('office:value-type="date" office:date-value="2024-03-01"', "2024-03-01"),
        ('office:value-type="string" office:string-value="Reval"', "Reval"),
        (f'xmlns:c="{CALC}" c:value-type="error" office:value-type="string" office:string-value="#N/A"', ""),
    ],
)
def test_cells_without_displayed_text(cell: str, expected: str) -> None:
    """A cell without displayed text shows its value; errors and infinite numbers are empty."""
    first = "<table:table-cell><text:p>a</text:p></table:table-cell>"
    document = read(f"<table:table-row>{first}<table:table-cell {cell}/></table:table-row>")
    assert [f"a | {expected}".rstrip(" |")] == parts(document)


@pytest.mark.parametrize(
    ("row", "cell", "reason"),
    [
        ('table:number-rows-repeated="1048576"', "", "has more than 100000 rows; split it"),
        (
            'table:number-rows-repeated="1000"',
            'table:number-columns-repeated="16384"',
            "has more than 5000000",
        ),
        ("", 'table:number-columns-repeated="999999999"', "row 1 is too long to be read"),
    ],
)
def test_repetition_bombs(row: str, cell: str, reason: str) -> None:
    """Repeated rows and columns with text count as often as they are repeated."""
    text = "ha" * (2000 if "row 1" in reason else 1)
    cells = f"<table:table-cell {cell}><text:p>{text}</text:p></table:table-cell>"
    with pytest.raises(DocumentError, match=reason):
        read(f"<table:table-row {row}>{cells}</table:table-row>")


def test_limit_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of rows is for all sheets together."""
    monkeypatch.setattr(opendocument, "MAX_ROWS", 2)
    with pytest.raises(DocumentError, match="has more than 2 rows; split it"):
        read(samples.odf_row("a") * 3)


def test_merged_cells_and_groups() -> None:
    """Rows in groups are read; what lies under a merged cell is not displayed."""
    hidden = "<table:covered-table-cell><text:p>under</text:p></table:covered-table-cell>"
    wide = '<table:table-cell table:number-columns-spanned="2"><text:p>wide</text:p></table:table-cell>'
    last = "<table:table-cell><text:p>last</text:p></table:table-cell>"
    rows = f"<table:table-row>{wide}{hidden}{last}</table:table-row>"
    assert ["wide | last"] == parts(read(f"<table:table-row-group>{rows}</table:table-row-group>"))


def test_merged_cells() -> None:
    """Merged cells name all columns and rows they cover."""
    port = '<table:table-cell table:number-rows-spanned="2"><text:p>Brunoe</text:p></table:table-cell>'
    cod = '<table:table-cell table:number-columns-spanned="2"><text:p>Cod</text:p></table:table-cell>'
    under = "<table:covered-table-cell/>"
    head = samples.odf_row("Port", "Year").replace("</table:table-row>", f"{cod}{under}</table:table-row>")
    years = samples.odf_row("2023", "12", "340").replace("<table:table-row>", f"<table:table-row>{port}")
    later = samples.odf_row("2024", "14", "390").replace("<table:table-row>", f"<table:table-row>{under}")
    document = read(f"{head}{samples.odf_row('', '', 'tons', 'crowns')}{years}{later}")
    assert [
        "Port: Brunoe\nYear: 2023\nCod\ntons: 12\ncrowns: 340",
        "Port: Brunoe\nYear: 2024\nCod\ntons: 14\ncrowns: 390",
    ] == parts(document)
