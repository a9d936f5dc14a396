"""Pictures of pages: what is marked on them is the quote, and nothing else."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from retrieval.documents.library import Library
from retrieval.errors import DocumentError
from retrieval.loaders.formats import load
from retrieval.page_rendering import MarkedArea, marked_text, marks, render_quote
from tests.documents import generated_pdfs
from tests.documents.pages import HEIGHT, WIDTH, Paper, Text

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
    return generated_pdfs.ledger() if name == "ledger.pdf" else (PRINTED / name).read_bytes()


def letters(text: str) -> str:
    """Take what lines and hyphens at their ends change out of a text."""
    return "".join(text.replace("-", "").split())


def opened(data: bytes | None) -> Image.Image:
    assert data is not None
    image = Image.open(io.BytesIO(data))
    assert "JPEG" == image.format
    assert len(data) <= 5_000_000
    assert max(image.size) <= 2000
    assert max(image.size) <= 20 * min(image.size)
    return image.convert("RGB")


def yellow(image: Image.Image) -> int:
    """Count the pixels in the colour of a mark over white paper."""
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
def test_the_marks_are_the_quote(name: str, page: int, quote: str) -> None:
    """The words under the marks are those of the quote, and the marks can be seen."""
    assert letters(quote) == letters(marked_text(document(name), page, quote))
    assert yellow(opened(render_quote(document(name), page, quote))) > 200


async def test_from_question_to_picture(tmp_path: Path) -> None:
    """The page that a citation names is the one where its quote is marked."""
    (tmp_path / "ledger.pdf").write_bytes(generated_pdfs.ledger())
    answer = await Library.open(tmp_path).answer("How much heather honey did the hives give?")
    cited = answer.citations[0]
    assert cited.locator.page is not None
    assert letters(cited.quote) == letters(
        marked_text(generated_pdfs.ledger(), cited.locator.page, cited.quote)
    )


def test_every_block_can_be_marked() -> None:
    """What the loader makes a paragraph of is found on its page, up to where that ends."""
    for name in ("ledger.pdf", "bath.pdf", "cape.pdf", "well.pdf"):
        read = load(document(name), name)
        for block in read.blocks:
            page = sum(one.start <= block.start for one in read.pages)
            ends = [one.start for one in read.pages if block.start < one.start < block.end]
            first = letters(read.text[block.start : min([block.end, *ends])])
            assert first == letters(marked_text(document(name), page, block.of(read.text)))


def test_over_two_pages() -> None:
    """Of a quote that goes on over the page, each page has its own part."""
    quote = f"{generated_pdfs.CROSSING} {generated_pdfs.CROSSED}".replace("\u00ad", "")
    first, second = (marked_text(generated_pdfs.ledger(), page, quote) for page in (3, 4))
    assert first.endswith("only flour and")
    assert second.startswith("dried cod left")
    assert letters(quote) == letters(first + second)


@pytest.mark.parametrize(
    ("page", "quote"), [(0, "ledger"), (9, "ledger"), (3, "There is no such sentence."), (3, " ")]
)
def test_not_on_the_page(page: int, quote: str) -> None:
    """A page that is not there, or does not hold the quote, has no picture."""
    assert ("", None) == (
        marked_text(generated_pdfs.ledger(), page, quote),
        render_quote(generated_pdfs.ledger(), page, quote),
    )


def test_turned_pages() -> None:
    """A page that is turned when it is shown has its marks where the words are then."""
    data = generated_pdfs.rotated()
    whole = opened(render_quote(data, 1, "rain gauge"))
    (mark,) = marks(data, 1, "rain gauge")
    assert "raingauge" == letters(mark.text)
    scale = whole.width / WIDTH
    middle = whole.getpixel((int((WIDTH - mark.right - 1) * scale) + 3, int((mark.bottom + 3) * scale)))
    assert isinstance(middle, tuple)
    assert middle[2] < 150


def test_words_that_run_upward() -> None:
    """Lines that run upward in the file are lines, and their marks are as long as the words."""
    data = generated_pdfs.upright()
    read = load(data, "a.pdf")
    assert ["The rain gauge is read at seven each day."] == [block.of(read.text) for block in read.blocks]
    first, second = marks(data, 1, read.text)
    assert first.top - first.bottom > 10 * (first.right - first.left)
    assert second.left > first.left
    assert yellow(opened(render_quote(data, 1, read.text))) > 200


@pytest.mark.parametrize("size", [(100, 9000), (9000, 100), (14000, 14000), (3, 3)])
def test_pages_of_any_shape(size: tuple[int, int]) -> None:
    """A long page is drawn around the quote, a large one smaller: each is a photo for Telegram."""
    words = Text(size[0] / 2, size[1] / 2, "Here", min(10, size[0] / 4))
    data = Paper([[words]]).data().replace(b"[0 0 %d %d]" % (WIDTH, HEIGHT), b"[0 0 %d %d]" % size)
    opened(render_quote(data, 1, "Here"))


def test_dark_pages() -> None:
    """Over white letters on black paper the mark lightens the paper."""
    data = Paper([[Text(40, 500, "Stars above")]]).data()
    dark = data.replace(b"BT /F1", b"0 0 420 595 re f 1 g BT /F1")
    dark = dark.replace(b"<</Length %d>>" % _length(data), b"<</Length %d>>" % (_length(data) + 21))
    (mark,) = marks(dark, 1, "Stars")
    image = opened(render_quote(dark, 1, "Stars"))
    scale = image.width / WIDTH
    spot = image.getpixel((int(mark.left * scale), int((HEIGHT - mark.top + 0.5) * scale)))
    assert isinstance(spot, tuple)
    assert spot[0] > 80 > spot[2]


def _length(data: bytes) -> int:
    return int(data.partition(b"<</Length ")[2].partition(b">>")[0])


@pytest.mark.parametrize("draw", [render_quote, marked_text, marks])
def test_what_cannot_be_opened(
    draw: Callable[[bytes, int, str, str], bytes | str | list[MarkedArea] | None],
) -> None:
    """A file that cannot be opened is named."""
    with pytest.raises(DocumentError, match=r"^a\.pdf: needs a password"):
        draw((PRINTED / "locked.pdf").read_bytes(), 1, "key", "a.pdf")
