"""The marks on a rendered page cover the quote and nothing else."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from retrieval.documents.local_library import LocalLibrary
from retrieval.errors import DocumentError
from retrieval.loaders.formats import load_document
from retrieval.page_rendering import MarkedArea, render_quote_picture
from tests.documents import generated_pdfs
from tests.documents.pdf_builder import PAGE_HEIGHT, PAGE_WIDTH, PdfBuilder, TextLine
from tests.retrieval.quote_marks import find_marks, marked_text

pytestmark = pytest.mark.slow

PRINTED = Path(__file__).parents[1] / "documents" / "printed"
QUOTES = [
    ("ledger.pdf", 3, "The lighthouse keeper of Skerry had an extraordinary routine: before sunset"),
    ("ledger.pdf", 3, "noted the barometer in a state-of-the-art ledger."),
    ("ledger.pdf", 4, "island was too quiet. They ate the washing and one volume of the ledger."),
    ("bath.pdf", 1, "Kinder 1,20 Euro 15 Euro"),
    ("bath.pdf", 1, "zieht die rote Fahne auf, sobald es donnert, und läutet dazu die alte Schiffsglocke"),
    ("bath.pdf", 2, "den Kindern als Rollschuhbahn. 😀"),
    ("cape.pdf", 3, "Последнюю керосиновую лампу погасили в 1961 году, и с тех пор свет электрический."),
    ("well.pdf", 1, "عمقه 42.5 مترا، ولا يجف الماء فيه إلى الآن (حتى في الصيف)."),
    ("well.pdf", 1, "הגשר מעל הוואדי נבנה בשנת 1934 על ידי המהנדסת רבקה שטרן (Stern) ואורכו 120 מטר."),
]  # fmt: skip


def document(name: str) -> bytes:
    return generated_pdfs.make_book() if name == "ledger.pdf" else (PRINTED / name).read_bytes()


def without_breaks(text: str) -> str:
    """Return a text without whitespace and hyphens, which line breaks change."""
    return "".join(text.replace("-", "").split())


def open_jpeg(data: bytes | None) -> Image.Image:
    """Open a rendered page, and check that Telegram shows it as a photo."""
    assert data is not None
    image = Image.open(io.BytesIO(data))
    assert "JPEG" == image.format
    assert len(data) <= 5_000_000
    assert max(image.size) <= 2000
    assert max(image.size) <= 20 * min(image.size)
    return image.convert("RGB")


def count_yellow(image: Image.Image) -> int:
    """Return how many of every fourth pixel have the colour of a mark on white."""
    pixels = image.load()
    assert pixels is not None
    count = 0
    for x in range(0, image.width, 2):
        for y in range(0, image.height, 2):
            colour = pixels[x, y]
            assert isinstance(colour, tuple)
            count += colour[0] > 230 and colour[1] > 200 and colour[2] < 120
    return count


@pytest.mark.parametrize(("name", "page", "quote"), QUOTES)
def test_marked_text(name: str, page: int, quote: str) -> None:
    """The marked text is the quote, and the marks are visible."""
    assert without_breaks(quote) == without_breaks(marked_text(document(name), page, quote))
    assert count_yellow(open_jpeg(render_quote_picture(document(name), page, quote))) > 200


async def test_cited_page(tmp_path: Path) -> None:
    """The quote of a citation is marked on the page that the citation names."""
    (tmp_path / "ledger.pdf").write_bytes(generated_pdfs.make_book())
    answer = await LocalLibrary.open(tmp_path).answer("How much heather honey did the hives give?")
    citation = answer.citations[0]
    assert citation.locator.page is not None
    assert without_breaks(citation.quote) == without_breaks(
        marked_text(generated_pdfs.make_book(), citation.locator.page, citation.quote)
    )


def test_every_paragraph() -> None:
    """The part of each paragraph that is on its first page can be marked there."""
    for name in ("ledger.pdf", "bath.pdf", "cape.pdf", "well.pdf"):
        loaded = load_document(document(name), name)
        for block in loaded.blocks:
            number = sum(page.start <= block.start for page in loaded.pages)
            ends = [page.start for page in loaded.pages if block.start < page.start < block.end]
            first = without_breaks(loaded.text[block.start : min([block.end, *ends])])
            assert first == without_breaks(marked_text(document(name), number, block.of(loaded.text)))


def test_quote_on_two_pages() -> None:
    """If a quote continues on the next page, its part of each page is marked."""
    quote = f"{generated_pdfs.SENTENCE_BEFORE_BREAK} {generated_pdfs.SENTENCE_AFTER_BREAK}".replace(
        "\u00ad", ""
    )
    first, second = (marked_text(generated_pdfs.make_book(), page, quote) for page in (3, 4))
    assert first.endswith("only flour and")
    assert second.startswith("dried cod left")
    assert without_breaks(quote) == without_breaks(first + second)


@pytest.mark.parametrize(
    ("page", "quote"), [(0, "ledger"), (9, "ledger"), (3, "There is no such sentence."), (3, " ")]
)
def test_quote_not_on_page(page: int, quote: str) -> None:
    """A missing page, or one without the quote, is not rendered."""
    assert ("", None) == (
        marked_text(generated_pdfs.make_book(), page, quote),
        render_quote_picture(generated_pdfs.make_book(), page, quote),
    )


def test_rotated_page() -> None:
    """On a page that is rotated for display, the marks are at the words as displayed."""
    data = generated_pdfs.make_rotated_page()
    image = open_jpeg(render_quote_picture(data, 1, "rain gauge"))
    (mark,) = find_marks(data, 1, "rain gauge")
    assert "raingauge" == without_breaks(mark.text)
    scale = image.width / PAGE_WIDTH
    middle = image.getpixel((int((PAGE_WIDTH - mark.right - 1) * scale) + 3, int((mark.bottom + 3) * scale)))
    assert isinstance(middle, tuple)
    assert middle[2] < 150


def test_vertical_text() -> None:
    """Text that runs upward is read as lines, and its marks are as long as the words."""
    data = generated_pdfs.make_rotated_text()
    loaded = load_document(data, "a.pdf")
    assert ["The rain gauge is read at seven each day."] == [block.of(loaded.text) for block in loaded.blocks]
    first, second = find_marks(data, 1, loaded.text)
    assert first.top - first.bottom > 10 * (first.right - first.left)
    assert second.left > first.left
    assert count_yellow(open_jpeg(render_quote_picture(data, 1, loaded.text))) > 200


@pytest.mark.parametrize("size", [(100, 9000), (9000, 100), (14000, 14000), (3, 3)])
def test_page_sizes(size: tuple[int, int]) -> None:
    """A long page is cropped around the quote and a large one scaled, so that Telegram shows either."""
    words = TextLine(size[0] / 2, size[1] / 2, "Here", min(10, size[0] / 4))
    data = (
        PdfBuilder([[words]])
        .build()
        .replace(b"[0 0 %d %d]" % (PAGE_WIDTH, PAGE_HEIGHT), b"[0 0 %d %d]" % size)
    )
    open_jpeg(render_quote_picture(data, 1, "Here"))


def test_dark_page() -> None:
    """On a black background the mark lightens the background."""
    data = PdfBuilder([[TextLine(40, 500, "Stars above")]]).build()
    dark = data.replace(b"BT /F1", b"0 0 420 595 re f 1 g BT /F1")
    dark = dark.replace(
        b"<</Length %d>>" % _content_length(data), b"<</Length %d>>" % (_content_length(data) + 21)
    )
    (mark,) = find_marks(dark, 1, "Stars")
    image = open_jpeg(render_quote_picture(dark, 1, "Stars"))
    scale = image.width / PAGE_WIDTH
    pixel = image.getpixel((int(mark.left * scale), int((PAGE_HEIGHT - mark.top + 0.5) * scale)))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 80 > pixel[2]


def _content_length(data: bytes) -> int:
    return int(data.partition(b"<</Length ")[2].partition(b">>")[0])


@pytest.mark.parametrize("call", [render_quote_picture, marked_text, find_marks])
def test_unreadable_file(
    call: Callable[[bytes, int, str, str], bytes | str | list[MarkedArea] | None],
) -> None:
    """The error for a file that cannot be opened names the file."""
    with pytest.raises(DocumentError, match=r"^a\.pdf: needs a password"):
        call((PRINTED / "locked.pdf").read_bytes(), 1, "key", "a.pdf")
