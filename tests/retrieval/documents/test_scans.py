"""Scanned documents: their pages wait for OCR, are indexed when it has read them, and not read again."""

import asyncio
import io
import os
from pathlib import Path

import pytest
from PIL import Image

from retrieval.documents import scan_reading
from retrieval.documents.file_records import UnreadFile, digest_of, shortest_first
from retrieval.documents.ingestion import WAITS_FOR_OCR
from retrieval.documents.local_library import LocalLibrary
from retrieval.documents.page_pictures import render_page_picture
from retrieval.loaders.formats import load_document
from retrieval.model import ScanMark
from retrieval.ocr import tesseract
from retrieval.ocr.scanned_page import ScannedPage
from retrieval.ocr.tesseract import MissingLanguageError
from tests.documents import samples, scans
from tests.documents.mail_samples import mail_with
from tests.documents.pdf_builder import PdfBuilder, TextLine

pytestmark = pytest.mark.slow

FIRST = [
    "The harbour of Nordholm",
    "",
    "The harbour has nine berths and a crane of forty tons.",
    "It is open",
]
SECOND = ["all year, and ships that stay for more than three", "days pay a fee of 250 crowns."]
FEE = ["Ships that stay for more than three", "days pay a fee of 250 crowns."]
QUESTION, ANSWER = "How many berths does the harbour have?", "nine berths"
PAGES = {0: scans.scanned_page(FIRST), 1: scans.scanned_page(SECOND, 60)}
PDF = scans.make_scanned_pdf([FIRST, SECOND])


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that an engine is there. It is not called."""
    monkeypatch.setattr(tesseract, "is_available", lambda: True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "scan.pdf").write_bytes(PDF)
    (folder / "a.txt").write_text("The mill was built in 1790.\n")
    # Files that were written just now are read again by the next update.
    os.utime(folder / "scan.pdf", (0, 0))
    return folder


def _open(folder: Path, *, ocr: bool = True) -> LocalLibrary:
    return LocalLibrary.open(folder, index_dir=folder.parent / "index", ocr=ocr)


def _read(library: LocalLibrary, pages: dict[int, ScannedPage] = PAGES) -> None:
    """Do as if OCR had read pages of the only scan."""
    assert library.scans
    (unread,) = library.unread_scans
    library.scans.add(unread.digest, pages)


def test_pages_become_paragraphs_with_marks() -> None:
    """The text of both pages is joined, each word has its confidence, and the places are pages."""
    document = load_document(PDF, "scan.pdf", PAGES)
    assert "It is open all year, and ships that stay" in document.text
    assert ["1", "2"] == [page.label for page in document.pages]
    assert (2, ()) == (document.scanned_pages, document.unread_pages)
    at = document.text.index("all year")
    assert ScanMark(at, 60) in document.scan
    assert ScanMark(0, 95) == document.scan[0]
    assert [ScanMark(document.text.index(word), 95) for word in ("berths", "crane")] == [
        mark for mark in document.scan if document.text[mark.start :].startswith(("berths", "crane"))
    ]


def test_noise_is_left_out() -> None:
    """Lines that OCR is not sure of, and lone signs, are not text."""
    noise = scans.scanned_page(["| The mill | was built ~ in 1790.", "iiil ~l1"], 50)
    words = tuple(
        word._replace(confidence=96) if word.text.isalnum() else word for word in noise.lines[0].words
    )
    page = ScannedPage(
        noise.width,
        noise.height,
        (
            noise.lines[0].__class__(words, noise.lines[0].base, 30),
            scans.scanned_page(["iiil ~l1"], 20).lines[0],
        ),
        "eng",
    )
    document = load_document(scans.make_png(["x"]), "a.png", {0: page})
    assert "The mill was built in 1790." == document.text


def test_a_page_with_text_is_not_scanned() -> None:
    """Text is taken from the file, whatever OCR has read."""
    text = PdfBuilder([[TextLine(72, 700, "A page of the file that has its own text.")]]).build()
    assert () == load_document(text, "a.pdf", {}).unread_pages
    assert () == load_document(text, "a.pdf", PAGES).scan


def test_large_lines_are_headings() -> None:
    lines = [*scans.scanned_page(["Harbour fees"], size=48).lines, *scans.scanned_page(FIRST).lines]
    document = load_document(PDF, "scan.pdf", {0: ScannedPage(1240, 1754, tuple(lines), "eng"), 1: PAGES[1]})
    assert ["Harbour fees"] == [heading.text for heading in document.headings]


@pytest.mark.usefixtures("engine")
def test_a_scan_waits_and_is_indexed_later(folder: Path) -> None:
    """Other documents are answered from at once; the next update after OCR has the scan."""
    library = _open(folder)
    assert ["a.txt"] == [source.name for source in library.sources]
    assert [WAITS_FOR_OCR] == [problem.reason for problem in library.problems]
    assert [UnreadFile("scan.pdf", digest_of(PDF), (0, 1))] == library.unread_scans
    pages = {0: scans.scanned_page([*FIRST[:3], "It is open all year."]), 1: scans.scanned_page(FEE, 60)}
    _read(library, {0: pages[0]})
    assert library.version == LocalLibrary.open(folder, before=library).version
    _read(library, {1: pages[1]})
    updated = LocalLibrary.open(folder, before=library)
    assert updated.version != library.version
    assert () == updated.problems
    citation = asyncio.run(updated.answer(QUESTION)).citations[0]
    assert ANSWER in citation.quote
    assert citation.is_verbatim
    assert (True, True, 1) == (citation.locator.is_scanned, citation.is_legible, citation.locator.page)
    weak = asyncio.run(updated.answer("What is the fee in crowns?")).citations[0]
    assert "250 crowns" in weak.quote
    assert not weak.is_legible


@pytest.mark.usefixtures("engine")
def test_unchanged_scans_are_not_read_again(folder: Path) -> None:
    """What OCR has read is kept for the file's bytes, also for a copy, and deleted with the file."""
    library = _open(folder)
    _read(library)
    library = _open(folder)
    assert () == library.problems
    assert (
        [] == LocalLibrary.open(folder, index_dir=folder.parent / "index", ocr=True, fresh=True).unread_scans
    )
    (folder / "copy.pdf").write_bytes(PDF)
    library = _open(folder)
    assert ([], ()) == (library.unread_scans, library.problems)
    for name in ("scan.pdf", "copy.pdf"):
        (folder / name).unlink()
    library = _open(folder)
    assert library.scans
    assert [] == list(library.scans.folder.iterdir())


@pytest.mark.usefixtures("engine")
def test_ocr_can_be_turned_off(folder: Path) -> None:
    """Nothing that OCR has read stays in the index, and the reason says what to do."""
    _read(_open(folder))
    assert 2 == len(_open(folder).sources)
    library = _open(folder, ocr=False)
    assert ["a.txt"] == [source.name for source in library.sources]
    assert "install Tesseract" in library.problems[0].reason
    assert [] == list(library.index.segments[0].segment.path.parent.glob("scans/*"))
    assert [WAITS_FOR_OCR] == [problem.reason for problem in _open(folder).problems]


def test_without_an_engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tesseract, "is_available", lambda: False)
    (problem,) = _open(folder).problems
    assert tesseract.MISSING == problem.reason
    assert not _open(folder).read_scan(UnreadFile("scan.pdf", "", (0,)))


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("name", ["page.png", "page.tif"])
def test_pictures_are_documents(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    data = scans.make_png(FIRST) if name.endswith("png") else scans.make_tiff([FIRST, SECOND])
    (folder / name).write_bytes(data)
    (folder / "icon.png").write_bytes(_icon())
    library = _open(folder)
    pages = (0,) if name.endswith("png") else (0, 1)
    assert [pages] == [file.pages for file in library.unread_scans]
    _read(library, {number: PAGES[number] for number in pages})
    library = LocalLibrary.open(folder, before=library)
    assert [(name, "page")] == [(source.name, source.title) for source in library.sources]
    assert ["icon.png"] == [problem.name for problem in library.problems]
    assert "too small" in library.problems[0].reason
    assert not _open(folder, ocr=False).sources


def _icon() -> bytes:
    file = io.BytesIO()
    Image.new("L", (64, 64)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("turned", [0, 90])
def test_the_words_of_a_quote_are_marked(folder: Path, turned: int) -> None:
    """The picture of a scanned page has the quote in yellow, and is upright."""
    if turned:
        page = scans.draw_page(FIRST, turn=-turned)
        page.save(folder / "scan.pdf", "PDF", resolution=150)
    library = _open(folder)
    pages = {number: PAGES[number] for number in library.unread_scans[0].pages}
    _read(library, {0: _turned(PAGES[0], turned), **{n: page for n, page in pages.items() if n}})
    library = LocalLibrary.open(folder, before=library)
    citation = asyncio.run(library.answer(QUESTION)).citations[0]
    picture = library.picture(citation)
    assert picture is not None
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    assert image.height > image.width
    across, down = image.width / 1240, image.height / 1754
    # Between the words of the quote's line, and on the line above it.
    assert _is_yellow(image, 130 * across, 240 * down)
    assert not _is_yellow(image, 130 * across, 330 * down)
    assert render_page_picture(folder, citation, None) is None


def _turned(page: ScannedPage, degrees: int) -> ScannedPage:
    return ScannedPage(page.width, page.height, page.lines, page.language, degrees)


def _is_yellow(image: Image.Image, left: float, top: float) -> bool:
    red, _, blue = image.getpixel((round(left), round(top)))  # type: ignore[misc]
    return bool(red - blue > 100)


def _fail(error: Exception) -> object:
    def read(*_: object) -> ScannedPage:
        raise error

    return read


@pytest.mark.usefixtures("engine")
def test_a_language_that_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names it, and the file is tried again by the next process."""
    monkeypatch.setattr(scan_reading, "_read_in_worker", _fail(MissingLanguageError("is in Arabic script")))
    library = _open(folder)
    assert not library.read_scan(library.unread_scans[0])
    assert ["is in Arabic script"] == [problem.reason for problem in _open(folder).problems]
    assert 1 == len(_open(folder).unread_scans)


@pytest.mark.usefixtures("engine")
def test_stopping_and_going_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is stopped keeps the pages that it has read; the next one reads the others only."""
    read: list[int] = []

    def page(
        _: object, arguments: tuple[Path, UnreadFile, int, str | None], stop: object
    ) -> ScannedPage | None:
        assert callable(stop)
        if stop():
            return None
        read.append(arguments[2])
        return PAGES[arguments[2]]

    monkeypatch.setattr(scan_reading, "_read_in_worker", page)
    library = _open(folder)
    (file,) = library.unread_scans
    assert not library.read_scan(file, stop=lambda: len(read) == 1)
    counts: list[tuple[int, int]] = []
    assert library.read_scan(file, lambda done, total: counts.append((done, total)))
    assert [0, 1] == read
    assert [(1, 2), (2, 2)] == counts


@pytest.mark.skipif(not tesseract.is_available(), reason="needs Tesseract")
def test_the_engine_in_a_process_of_its_own(folder: Path) -> None:
    """A real scan is read in a worker process; one that has changed in the meantime is not."""
    library = _open(folder)
    (file,) = library.unread_scans
    assert library.read_scan(file)
    library = LocalLibrary.open(folder, before=library)
    citation = asyncio.run(library.answer(QUESTION)).citations[0]
    assert ANSWER in citation.quote
    assert citation.scan_confidence is not None
    assert not library.read_scan(UnreadFile("scan.pdf", "another digest", (0,)))


@pytest.mark.skipif(not tesseract.is_available(), reason="needs Tesseract")
def test_a_page_that_takes_too_long_is_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as read, without text, so that the others are indexed."""
    monkeypatch.setattr(scan_reading, "_PAGE_TIMEOUT_SECONDS", 0.01)
    library = _open(folder)
    (file,) = library.unread_scans
    assert library.read_scan(file)
    assert ["pictures without text" in problem.reason for problem in _open(folder).problems] == [True]


@pytest.mark.skipif(not tesseract.is_available(), reason="needs Tesseract")
def test_scans_in_archives_and_mails(tmp_path: Path) -> None:
    """Scans in a ZIP file, attached to a mail, and in a mail in a ZIP file are read as others are."""
    folder = tmp_path / "docs"
    folder.mkdir()
    mill, ferry = ["The old mill was built by monks in 1790."], ["The last ferry departs at 17:45 on Sunday."]
    inner = mail_with({"ferry.tif": scans.make_tiff([ferry])})
    packed = samples.make_zip({"scan.png": scans.make_png(FIRST), "inner.eml": inner})
    (folder / "pack.zip").write_bytes(packed)
    (folder / "post.eml").write_bytes(mail_with({"mill.pdf": scans.make_scanned_pdf([mill])}))
    library = _open(folder)
    names = ["pack.zip/inner.eml/ferry.tif", "pack.zip/scan.png", "post.eml/mill.pdf"]
    assert names == sorted(file.name for file in library.unread_scans)
    assert all(library.read_scan(file) for file in library.unread_scans)
    library = LocalLibrary.open(folder, before=library)
    assert () == tuple(library.unread_scans)
    for question, name, words in (
        (QUESTION, "pack.zip/scan.png", ANSWER),
        ("When was the old mill built?", "post.eml/mill.pdf", "1790"),
        ("When does the last ferry depart?", "pack.zip/inner.eml/ferry.tif", "17:45"),
    ):
        citation = asyncio.run(library.answer(question)).citations[0]
        assert (name, True) == (citation.document_name, words in citation.quote)
        assert library.picture(citation)


def test_the_shortest_is_read_first() -> None:
    files = [UnreadFile("a", "1", (0, 1)), UnreadFile("c", "2", (3,)), UnreadFile("b", "3", (9,))]
    assert ["b", "c", "a"] == [file.name for file in shortest_first(files)]
