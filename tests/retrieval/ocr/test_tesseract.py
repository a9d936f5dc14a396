"""The engine: what it writes is parsed, and the real one reads pages in several languages if it is there."""

import io

import pytest
from PIL import Image

from retrieval.ocr import tesseract
from retrieval.ocr.scanned_page import ScannedPage, ScannedWord
from retrieval.ocr.tesseract import MissingLanguageError, OcrError, Orientation, read_page
from tests.documents import scans

HOCR = """<html><body><div class='ocr_page' title='image "x"; bbox 0 0 200 100; ppageno 0'>
<p class='ocr_par'><span class='ocr_line' title="bbox 10 20 90 40; baseline 0.1 -4; x_size 18.5">
<span class='ocrx_word' title='bbox 10 20 40 38; x_wconf 91'>Hello,</span>
<span class='ocrx_word' title='bbox 45 20 90 38; x_wconf 42'>w<em>or</em>ld</span>
<span class='ocrx_word' title='bbox 95 20 99 38; x_wconf 10'> </span></span>
<span class='ocr_header' title="bbox 10 50 90 70; baseline 0 0; x_size 18">
<span class='ocrx_word' title='bbox 10 50 40 68; x_wconf 96'>世</span>
<span class='ocrx_word' title='bbox 42 50 60 68; x_wconf 96'>界</span></span>
<span class='ocr_line' title="bbox 10 80 90 90"></span></p></div></body></html>"""
LINES = (
    "The harbour of Nordholm",
    "",
    "The harbour has nine berths and a crane of forty tons. Ships",
    "that stay for more than three days pay a fee of 250 crowns.",
)
needs_engine = pytest.mark.skipif(not tesseract.is_available(), reason="needs Tesseract")


def test_hocr() -> None:
    """Words have their boxes and confidence, lines their base line; blank words and lines are dropped."""
    page = tesseract.parse_hocr(HOCR, "eng")
    assert (200, 100, "eng") == (page.width, page.height, page.language)
    assert ScannedWord("world", 45, 20, 90, 38, 42) == page.words[1]
    assert "Hello, world\n世界" == page.text
    assert (40.0, 18.5) == (page.lines[0].base, page.lines[0].size)
    assert (6 * 91 + 5 * 42 + 2 * 96) / 13 == page.confidence


@pytest.mark.parametrize("output", ["", "<html></html>", "\x00\xff", "<div class='ocr_line'>x</div>"])
def test_no_hocr(output: str) -> None:
    with pytest.raises(OcrError, match="no page"):
        tesseract.parse_hocr(output, "eng")


def test_pages_in_json() -> None:
    page = tesseract.parse_hocr(HOCR, "eng")
    assert page == ScannedPage.from_json(page.to_json())


class Engine:
    """Takes the place of Tesseract: `texts` are what it reads in a language, with a confidence."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, orientation: Orientation | None) -> None:
        self.texts: dict[str, tuple[str, int]] = {}
        self.calls: list[str] = []
        self.sizes: list[tuple[int, int]] = []
        monkeypatch.setattr(tesseract, "languages", lambda: tuple(sorted(self.texts)))
        monkeypatch.setattr(tesseract, "detect_orientation", lambda *_: orientation)
        monkeypatch.setattr(tesseract, "read", self.read)

    def read(self, png: bytes, language: str, _: int) -> ScannedPage:
        self.calls.append(language)
        self.sizes.append(Image.open(io.BytesIO(png)).size)
        text, confidence = self.texts[language]
        return scans.scanned_page([text], confidence).__class__(
            100, 100, scans.scanned_page([text], confidence).lines, language
        )


GERMAN = "Der Hafen hat neun Liegeplätze und einen Kran, der vierzig Tonnen hebt. Die Gebühr beträgt"


def test_the_language_of_the_first_page_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is read in the likeliest language of its script, then in the one that it turns out to be in."""
    engine = Engine(monkeypatch, Orientation("Latin", 9.0, 0, 9.0))
    engine.texts = {"eng": (GERMAN, 80), "deu": (GERMAN, 94), "fra": (GERMAN, 60), "rus": ("", 0)}
    page = read_page(Image.new("L", (50, 80)), 150)
    assert ["eng", "deu"] == engine.calls
    assert "deu" == page.language
    assert "deu" == read_page(Image.new("L", (50, 80)), 150, "deu").language
    assert ["eng", "deu", "deu"] == engine.calls


def test_a_page_on_its_side_is_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch, Orientation("Latin", 9.0, 90, 9.0))
    engine.texts = {"eng": ("The harbour", 90)}
    page = read_page(Image.new("L", (50, 80)), 150)
    assert (90, [(80, 50)]) == (page.turned, engine.sizes)


def test_a_worse_page_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that the language of the page before does not fit is read in its own."""
    engine = Engine(monkeypatch, Orientation("Cyrillic", 9.0, 0, 9.0))
    engine.texts = {"eng": ("TABaHb", 30), "rus": ("Гавань", 92)}
    assert "rus" == read_page(Image.new("L", (50, 80)), 150, "eng").language


def test_a_script_without_a_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the package to install."""
    engine = Engine(monkeypatch, Orientation("Arabic", 9.0, 0, 9.0))
    engine.texts = {"eng": ("", 0)}
    with pytest.raises(MissingLanguageError, match=r"Arabic script.*tesseract-ocr-ara"):
        read_page(Image.new("L", (50, 80)), 150)
    assert [] == engine.calls


def test_few_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page with too few characters to detect its script is read in the first language."""
    engine = Engine(monkeypatch, None)
    engine.texts = {"deu": ("7", 90), "rus": ("", 0)}
    assert "deu" == read_page(Image.new("L", (50, 80)), 150).language


def test_a_language_has_the_package_of_its_script() -> None:
    assert "tesseract-ocr-chi-sim" == tesseract.install_hint("Han")
    assert "tesseract-ocr-eng" == tesseract.install_hint("Fraktur")


def test_without_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    tesseract.languages.cache_clear()
    try:
        assert not tesseract.is_available()
        assert "" == tesseract.version()
        with pytest.raises(OcrError, match="not installed"):
            tesseract.read(b"", "eng", 150)
    finally:
        tesseract.languages.cache_clear()


@pytest.mark.slow
@needs_engine
@pytest.mark.parametrize("turn", [0, 90, 180])
def test_the_engine_reads_a_page(turn: int) -> None:
    """The real engine reads each word, on pages that lie on their side if it can detect that."""
    if turn and not tesseract.can_detect_scripts():
        pytest.skip("needs tesseract-ocr-osd")
    lines = [
        *LINES,
        *(f"Berth {number} has room for ships of {number * 9} metres." for number in range(2, 18)),
    ]
    page = read_page(scans.draw_page(lines, turn=turn), 150)
    assert -turn % 360 == page.turned
    assert [line for line in lines if line] == page.text.splitlines()
    assert page.confidence > 85


@needs_engine
def test_the_engine_refuses_what_is_no_picture() -> None:
    with pytest.raises(OcrError, match="failed"):
        tesseract.read(b"no picture", "eng", 150)


@needs_engine
def test_a_page_takes_a_limited_time() -> None:
    file = io.BytesIO()
    scans.draw_page(LINES).save(file, "PNG")
    with pytest.raises(OcrError, match="more than 0 s"):
        tesseract.read(file.getvalue(), tesseract.languages()[0], 150, seconds=0.01)
