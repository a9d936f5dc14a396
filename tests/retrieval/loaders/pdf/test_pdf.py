"""PDF files: those that Chromium and LibreOffice have printed, and those that are set by hand."""

import random
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.i18n.messages import speaking
from bot.views.locations import location_text
from retrieval.documents.file_listing import list_files
from retrieval.documents.ingestion import FailedFile, ingest
from retrieval.documents.library import Library
from retrieval.errors import DocumentError
from retrieval.index.segment import Segment
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.formats import load
from retrieval.loaders.pdf.paragraphs import Dehyphenator
from retrieval.model import Document
from tests.documents import generated_pdfs
from tests.documents.pages import HEIGHT, WIDTH, Entry, Paper, Text, column, written

PRINTED = Path(__file__).parents[3] / "documents" / "printed"
DOCUMENTS = {
    **{name: (PRINTED / name).read_bytes for name in ("bath.pdf", "cape.pdf", "well.pdf", "restricted.pdf")},
    "ledger.pdf": generated_pdfs.ledger,
    "partly.pdf": generated_pdfs.partly,
    "gauge.pdf": generated_pdfs.rotated,
}
WELL = "‎\u2068بئر الواحة\u2069"
QUESTIONS = [
    ("ledger.pdf", "Who trimmed the wick before sunset?", "The lighthouse keeper of Skerry",
     "The Ledger of Skerry, under “The light”, page 1"),
    ("ledger.pdf", "Which ledger held the barometer?", "the barometer in a state-of-the-art ledger",
     "The Ledger of Skerry, under “The light”, page 1"),
    ("ledger.pdf", "What was traded for potatoes?", "flour and dried cod left, traded a barrel of lamp oil",
     "The Ledger of Skerry, under “Fog”, page 1"),
    ("ledger.pdf", "Was the oil missed by the harbour office?", "The oil was never missed",
     "The Ledger of Skerry, under “Fog”, page 2"),
    ("ledger.pdf", "Who brought the goats in 1890?", "the pastor Eirik Sund, who thought",
     "The Ledger of Skerry, under “Goats and bees”, page 2"),
    ("ledger.pdf", "How much heather honey did the hives give?", "forty pounds",
     "The Ledger of Skerry, under “Goats and bees”, page 2"),
    ("ledger.pdf", "For which school was this copy made?", "school of Skerry",
     "The Ledger of Skerry, under “Contents”, page ii"),
    ("bath.pdf", "Wer hat das Freibad von Ahrental entworfen?", "Elfriede Kolb",
     "Badeordnung Ahrental, under “Badeordnung”, page 1"),
    ("bath.pdf", "Was kostet die Saison für Kinder?", "Kinder 1,20 Euro 15 Euro",
     "Badeordnung Ahrental, under “Preise”, page 1"),
    ("bath.pdf", "Wann zieht Ottokar Wimmer die rote Fahne auf?", "sobald es donnert",
     "Badeordnung Ahrental, under “Regeln”, page 1"),
    ("bath.pdf", "Wozu dient das Becken im Winter?", "Rollschuhbahn. 😀",
     "Badeordnung Ahrental, under “Winter”, page 2"),
    ("cape.pdf", "Кто построил маяк на Песчаном мысу?", "Аркадий Ветлугин",
     "Маяк на Песчаном мысу, under “Постройка”, page 1"),
    ("cape.pdf", "Когда погасили керосиновую лампу?", "1961", "Маяк на Песчаном мысу, under “Конец”, page 3"),
    ("well.pdf", "كم عمق بئر الواحة؟", "42.5 مترا", f"{WELL}, page 1"),
    ("well.pdf", "من يحرس البئر؟", "إدريس، ويقرأ كتاب Water Wells",
     f"{WELL}, under “‎\u2068الحراسة\u2069”, page 1"),
    ("well.pdf", "מי בנה את הגשר מעל הוואדי?", "רבקה שטרן (Stern) ואורכו 120",
     f"{WELL}, under “‎\u2068הגשר\u2069”, page 1"),
    ("restricted.pdf", "Where is the key of the boathouse?", "behind the stove",
     "The key of the boathouse hangs behind the stove., page 1"),
    ("partly.pdf", "Which page can be read?", "Page two", "Page two can be read., page 2"),
    ("gauge.pdf", "When is the rain gauge read?", "seven in the morning",
     "The rain gauge is read at seven in the morning by the baker., page 1"),
]  # fmt: skip


def parts(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def paper(*pages: list[Text], title: str = "Title") -> Document:
    return load(Paper(pages, title).data(), "a.pdf")


def lines(*words: str, size: float = 10, top: float = 500) -> list[Text]:
    return [Text(40, top - 1.2 * size * at, line, size) for at, line in enumerate(words)]


def check(document: Document) -> None:
    assert list(document.blocks) == sorted(document.blocks)
    assert all(before.end <= after.start for before, after in pairwise(document.blocks))
    assert list(document.pages) == sorted(document.pages, key=lambda page: page.start)
    assert list(document.headings) == sorted(document.headings, key=lambda heading: heading.span.start)
    for span in [*document.blocks, *(heading.span for heading in document.headings)]:
        assert 0 <= span.start < span.end <= len(document.text)
        assert span.of(document.text).strip() == span.of(document.text)
    found = [passage.span for passage in split_passages(document)]
    for block in document.blocks:
        assert any(span.start <= block.start < span.end for span in found)
        assert any(span.start < block.end <= span.end for span in found)
    document.text.encode()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("documents")
    for name, make in DOCUMENTS.items():
        (folder / name).write_bytes(make())
    opened = Library.open(folder, index_dir=tmp_path_factory.mktemp("index"))
    assert () == opened.problems
    return opened


@pytest.mark.parametrize(("name", "question", "words", "expected"), QUESTIONS)
async def test_questions(name: str, question: str, words: str, expected: str, library: Library) -> None:
    """The right document is quoted first, in whole words, with the page as it is numbered in print."""
    answer = await library.answer(question)
    best = answer.citations[0]
    assert answer.certainty != "none"
    assert name == best.document
    assert words in best.quote
    assert expected == location_text(best.title, best.locator, speaking("en"))


def test_the_ledger() -> None:
    """Parted words are whole, notes and heads stand in no sentence, columns come one after the other."""
    document = load(generated_pdfs.ledger(), "a.pdf")
    whole = [
        text.replace("\u00ad", "")
        for text in (generated_pdfs.ROUTINE, generated_pdfs.FOG, generated_pdfs.LEFT, generated_pdfs.RIGHT)
    ]
    crossing, rest = f"{generated_pdfs.CROSSING} {generated_pdfs.CROSSED}".replace("\u00ad", "").split(
        "potatoes. "
    )
    assert [
        "This copy was made for the school of Skerry.",
        whole[0],
        whole[1],
        generated_pdfs.NOTE,
        f"{crossing}potatoes.",
        rest,
        whole[2],
        whole[3],
    ] == parts(document)
    assert [("Contents", 1), ("The light", 1), ("Fog", 2), ("Goats and bees", 1)] == [
        (heading.text, heading.level) for heading in document.headings
    ]
    assert ["i", "ii", "1", "2"] == [page.label for page in document.pages]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_samples_are_sound(name: str) -> None:
    """Blocks, headings and pages are in order and within the text."""
    check(load(DOCUMENTS[name](), name))


def test_points_and_brackets_of_hebrew() -> None:
    """Letters keep their points, brackets open to the left, and numbers run to the right."""
    last = parts(load(DOCUMENTS["well.pdf"](), "a.pdf"))[-1]
    assert normalize("NFC", "שָׁלוֹם לְכָל הָעוֹבְרִים.") == normalize("NFC", last)


def test_headings_without_an_outline() -> None:
    """Large letters are headings, the largest the highest; a large sentence is none."""
    big = [Text(40, 560, "Chapter One", 20), Text(40, 530, "A section", 14)]
    document = paper([*big, *lines("Text of the section.", "More of it is here.")], title="")
    assert [("Chapter One", 1), ("A section", 2)] == [(h.text, h.level) for h in document.headings]
    assert "Chapter One" == document.title
    assert ["It is all large."] == parts(paper(lines("It is all large.", size=20), title="Title"))


@pytest.mark.parametrize("title", ["thesis.tex", "Microsoft Word - a.docx", "untitled", "", "- 3 -"])
def test_titles_that_are_none(title: str) -> None:
    """What a program put in for a title is none: the document's first words are."""
    assert "At nine it opens." == paper(lines("At nine it opens."), title=title).title


def test_the_head_names_the_chapter() -> None:
    """A head that changes is left out for the page's number in it; a line that only looks alike is kept."""
    pages = [
        [Text(40, 560, f"{number} The chapter of {name}", 8), *lines(f"Record {number * 3} is of {name}.")]
        for number, name in enumerate(("goats", "bees", "oil"), 5)
    ]
    assert ["Record 15 is of goats.", "Record 18 is of bees.", "Record 21 is of oil."] == parts(paper(*pages))


def test_an_entry_without_a_line_of_its_own() -> None:
    """An outline may name what is not printed: its heading is where its page begins."""
    outline = (Entry("Opening", 0), Entry("The Second Part", 1), Entry("   ", 1))
    pages = [lines("At nine it opens."), lines("At six it closes.")]
    document = load(Paper(pages, "Title", outline).data(), "a.pdf")
    assert ["Opening", "The Second Part"] == [heading.text for heading in document.headings]
    assert [block.start for block in document.blocks] == [h.span.start for h in document.headings]


def test_paragraphs_by_indent_gap_and_end() -> None:
    """A paragraph begins with an indent, below a gap, or after a line that ended early with a sentence."""
    first, y = column(
        "The first has no indent and goes on over a line or two, as it should.", 40, 500, letters=30
    )
    second, y = column(
        "The second is indented, and is also longer than a line.", 40, y - 12, letters=30, indent=3
    )
    third, _ = column("The third is far below the rest, and has no indent either.", 40, y - 30, letters=30)
    found = parts(paper([*first, *second, *third]))
    assert ["The first has", "The second is", "The third is "] == [text[:13] for text in found]


def test_lines_that_were_ended_on_purpose() -> None:
    """Lines of an address or a poem stay lines."""
    wide = ("This line is as wide as the column that they are all in,", "and so it goes on to here.")
    found = parts(paper(lines(*wide, "Harbour Office", "Pier 4", "Skerry")))
    assert [" ".join(wide), "Harbour Office\nPier 4\nSkerry"] == found


@pytest.mark.parametrize(
    ("seen", "before", "after", "expected"),
    [
        ("", "the light-", "house was", ("the light", "")),
        ("a well-being test", "their well-", "being was", ("their well-", "")),
        ("", "a state-of-the-", "art ledger", ("a state-of-the-", "")),
        ("", "in Ost-", "Europa", ("in Ost-", "")),
        ("", "1914-", "1918 war", ("1914-", "")),
        ("", "and so -", "of course", ("and so -", " ")),
        ("", "the light\u00ad", "house was", ("the light", "")),
        ("", "a line", "and another", ("a line", " ")),
        ("", "青石桥", "茶馆", ("青石桥", "")),
        ("", "물은", "산에서", ("물은", " ")),
    ],
)  # fmt: skip
def test_hyphens(seen: str, before: str, after: str, expected: tuple[str, str]) -> None:
    """A word loses the hyphen of its line's end, unless the hyphen is its own."""
    assert expected == Dehyphenator([seen, before, after]).join(before, after)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is no PDF, cut short or damaged; copy it anew"),
        (b"PK\3\4 not at all", "is no PDF, cut short or damaged; copy it anew"),
        (b"%PDF-1.7\n", "is no PDF, cut short or damaged; copy it anew"),
        ((PRINTED / "locked.pdf").read_bytes(), "needs a password; save it without one"),
        (generated_pdfs.pictures(), r"holds no text, only pictures: have it read by OCR \(ocrmypdf\) first"),
        (Paper([[]]).data(), "holds no text, only pictures"),
        (written([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 0/Kids[]>>"]), "is damaged|no PDF"),
    ],
    ids=["empty", "archive", "head", "locked", "pictures", "blank", "no pages"],
)  # fmt: skip
def test_what_cannot_be_read(data: bytes, reason: str) -> None:
    """What cannot be read says why, and what to do."""
    with pytest.raises(DocumentError, match=rf"^a\.pdf: (?:{reason})"):
        load(data, "a.pdf")


TEXTS = st.builds(
    Text,
    x=st.integers(-50, WIDTH),
    y=st.integers(-50, HEIGHT),
    words=st.text(st.sampled_from("abc ABC.-()\\12\xad\xe4•…") | st.characters(codec="cp1252"), max_size=40),
    size=st.sampled_from([1, 6, 10, 10, 10, 24, 500]),
)


@given(pages=st.lists(st.lists(TEXTS, max_size=12), min_size=1, max_size=4), outline=st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_page(pages: list[list[Text]], outline: bool) -> None:
    """Whatever stands wherever on its pages, a file gives a sound document or a DocumentError."""
    entries = (Entry("abc", 0), Entry("a", len(pages) - 1)) if outline else ()
    with suppress(DocumentError):
        check(load(Paper(pages, "x", entries).data(), "a.pdf"))


@cache
def damaged(seed: int) -> bytes:
    chance = random.Random(seed)
    data = bytearray(DOCUMENTS[chance.choice(sorted(DOCUMENTS))]())
    for _ in range(chance.choice([1, 3, 20])):
        at, size = chance.randrange(len(data)), chance.choice([1, 8, 200])
        data[at : at + chance.choice([0, size])] = chance.choice(
            [b"", chance.randbytes(size), bytes(data[at : at + size]) * 2]
        )
    return bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])


def test_any_damage(tmp_path: Path) -> None:
    """A file with bytes changed, lost or repeated is read or refused, and never costs the others."""
    for seed in range(80):
        (tmp_path / f"{seed}.pdf").write_bytes(damaged(seed))
    found, _ = list_files(tmp_path)
    batches = list(ingest(tmp_path, found, 300, tmp_path / "index"))
    read = [result for batch in batches for _, result in batch.results]
    assert 80 == len(read)
    assert [] == [
        one.reason for one in read if isinstance(one, FailedFile) and "internal error" in one.reason
    ]
    for segment in [Segment(batch.segment) for batch in batches if batch.segment]:
        for passage in segment.passages(range(len(segment))):
            assert len(passage.text) == len(passage.span)
            assert passage.text.strip() == passage.text != ""
