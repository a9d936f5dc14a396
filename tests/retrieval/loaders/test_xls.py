import random
from contextlib import suppress
from pathlib import Path

import pytest

from retrieval.errors import DocumentError
from retrieval.loaders import xls
from retrieval.loaders.formats import load_document
from retrieval.loaders.xls import load
from retrieval.model import Document
from tests.documents import samples
from tests.retrieval.loaders.test_damaged import check_spans

YARD = (Path(__file__).parents[2] / "documents" / "sheets" / "boatyard.xls").read_bytes()


def parts(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def test_workbook() -> None:
    """Rows are written as those of .xlsx files: formats, dates, merged cells; hidden sheets are omitted."""
    document = load(YARD, "folder/boatyard.xls")
    assert [
        "Fees of the boatyard",
        "Dock: North\nWork: Scraping the hull\nFee: 12.50 kr\nSince: 1 March 2024\nTax: 25.6%\nBooked: TRUE",
        (
            "Dock: North\nWork: Mending a mast\nFee: 1,234.00 kr\nSince: 31 December 1999\nTax: 100.0%\n"
            "Booked: FALSE"
        ),
        "Dock: South\nWork: Окраска мачты",
        "The yard rests at neap tide.",
    ] == parts(document)
    assert ["1", "4", "5", "6", "1"] == [page.label for page in document.pages]
    assert ["Fees", "Notes"] == [heading.text for heading in document.headings]
    assert ("boatyard", "row") == (document.title, document.unit)
    check_spans(document)


def test_other_formats_with_this_suffix() -> None:
    """Newer workbooks and web pages that programs save as .xls are read."""
    assert parts(load_document(samples.make_xlsx(), "a.xlsx")) == parts(load(samples.make_xlsx(), "a.xls"))
    page = b"<html><table><tr><th>Item<th>Price</tr><tr><td>Rope<td>1,234</tr></table></html>"
    assert ["Item: Rope\nPrice: 1,234"] == parts(load(page, "a.xls"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is damaged; save it again in Excel, or as .xlsx"),
        (b"Item\tPrice\nRope\t4\n", "is damaged"),
        (YARD[:3000], "is damaged"),
    ],
)
def test_what_cannot_be_read(data: bytes, reason: str) -> None:
    """A file that is not a workbook, or cut short, is rejected with what to do."""
    with pytest.raises(DocumentError, match=f"^a.xls: {reason}"):
        load(data, "a.xls")


def test_a_workbook_with_another_suffix() -> None:
    """A workbook that is named .xlsx is rejected with its real suffix."""
    with pytest.raises(DocumentError, match=r"is a \.xls file, not what its suffix says; give it the suffix"):
        load_document(YARD, "a.xlsx")


def test_too_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than the limit in all sheets together are rejected."""
    monkeypatch.setattr(xls, "MAX_ROWS", 4)
    with pytest.raises(DocumentError, match=r"has more than 4 rows; split it"):
        load(YARD, "a.xls")


def test_any_damage() -> None:
    """A workbook with any bytes changed is read or rejected."""
    for seed in range(60):
        chance = random.Random(seed)
        data = bytearray(YARD)
        for _ in range(chance.randint(1, 30)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with suppress(DocumentError):
            check_spans(load(bytes(data), "a.xls"))
