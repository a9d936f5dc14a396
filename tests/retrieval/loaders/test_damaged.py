"""Damaged and hostile documents: a loader reads them or raises DocumentError, never anything else."""

import io
import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import DocumentError
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.formats import load_document
from retrieval.model import Document
from tests.documents import samples, text_samples

SAMPLES: dict[str, Callable[[], bytes]] = {
    **samples.DOCUMENTS,
    **text_samples.DOCUMENTS,
    "hours.txt": "Opening hours\n\nThe library opens at nine.\n\nIt closes at eight.\n".encode,
    "hours.md": "# Opening hours\n\nThe *library* opens at nine.\n\n- It closes at eight.\n".encode,
}
NAMES = list(SAMPLES)
OPEN_DOCUMENTS = ["cable-car.odt", "tides.ods", "lighthouse.odp"]
ARCHIVES = ["guide.docx", "observatory.epub", "tea.pptx", "shop.xlsx", *OPEN_DOCUMENTS]
BROKEN_XML = "<broken"


@cache
def intact(name: str) -> bytes:
    return SAMPLES[name]()


@cache
def intact_document(name: str) -> Document:
    return load_document(intact(name), name)


def texts(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def check_spans(document: Document) -> None:
    """Assert that all spans are in bounds, in order, apart and trimmed, and that passages are slices."""
    starts_of_blocks = {block.start for block in document.blocks}
    headings = [own.span for own in document.headings if own.span.start not in starts_of_blocks]
    spans = sorted([*document.blocks, *headings])
    assert list(document.blocks) == sorted(document.blocks)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    for span in spans:
        assert 0 <= span.start < span.end <= len(document.text)
        assert span.of(document.text) == span.of(document.text).strip()
    starts = [page.start for page in document.pages]
    assert starts == sorted(set(starts))
    assert all(0 <= start < len(document.text) for start in starts)
    document.text.encode()
    for passage in split_passages(document):
        assert passage.text == passage.span.of(document.text)


def mutate(data: bytes, seed: int) -> bytes:
    """Change, remove, repeat or insert bytes at one to six places."""
    rng, mutated = random.Random(seed), bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(mutated) + 1)
        size = rng.choice([1, 2, 9, 200])
        part = rng.choice([b"", rng.randbytes(size), bytes(mutated[at : at + size]) * 2, b"<", b"\0"])
        mutated[at : at + rng.choice([0, size])] = part
    return bytes(mutated)


def mutate_entries(data: bytes, seed: int) -> bytes:
    """Mutate one to three entries of an archive and pack it as a sound archive."""
    rng = random.Random(seed)
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    for name in rng.sample(sorted(entries), rng.randint(1, 3)):
        entries[name] = mutate(entries[name], seed)
    return samples.make_zip(entries)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.binary(max_size=300) | st.binary(max_size=60).map(b"PK\3\4".__add__))
def test_any_bytes(name: str, data: bytes) -> None:
    """Any bytes are read as a document with sound spans, or rejected with a DocumentError."""
    with suppress(DocumentError):
        check_spans(load_document(data, name))


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 10**9))
def test_any_damage(name: str, seed: int) -> None:
    """A document with bytes changed, lost or repeated is read, or rejected with a DocumentError."""
    with suppress(DocumentError):
        check_spans(load_document(mutate(intact(name), seed), name))


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHIVES)
@given(seed=st.integers(0, 10**9))
def test_any_damage_of_entries(name: str, seed: int) -> None:
    """An archive with damaged entries is read, or rejected with a DocumentError."""
    with suppress(DocumentError):
        check_spans(load_document(mutate_entries(intact(name), seed), name))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mutation", "least"),
    [
        ("mill.html", mutate, 50),
        ("people.csv", mutate, 40),
        ("market.tsv", mutate, 5),
        ("hours.txt", mutate, 30),
        ("hours.md", mutate, 25),
        ("ferry.srt", mutate, 60),
        ("harbour.vtt", mutate, 50),
        ("signal.rst", mutate, 50),
        ("currents.tex", mutate, 50),
        ("pilot.adoc", mutate, 50),
        ("storm.org", mutate, 50),
        ("bell.eml", mutate, 80),
        ("horn.mbox", mutate, 70),
        ("simple.msg", mutate, 5),
        ("berths.json", mutate, 3),
        ("harbour.jsonl", mutate, 20),
        ("ferries.yaml", mutate, 5),
        ("tides.ipynb", mutate, 5),
        ("guide.docx", mutate_entries, 30),
        ("observatory.epub", mutate_entries, 10),
        ("tea.pptx", mutate_entries, 50),
        ("shop.xlsx", mutate_entries, 5),
        *((name, mutate_entries, 45) for name in OPEN_DOCUMENTS),
        ("ferry.rtf", mutate, 50),
        ("mill.fb2", mutate, 5),
    ],
)
def test_damage_that_is_survived(name: str, mutation: Callable[[bytes, int], bytes], least: int) -> None:
    """Of a hundred damaged copies at least some are read: damage is not a reason to reject all of them."""
    count = 0
    for seed in range(100):
        with suppress(DocumentError):
            count += bool(load_document(mutation(intact(name), seed), name).blocks)
    assert count >= least


@pytest.mark.parametrize("name", ARCHIVES)
def test_bytes_around_an_archive(name: str) -> None:
    """Bytes before or after an archive cost nothing."""
    assert intact_document(name) == load_document(intact(name) + bytes(3), name)
    assert intact_document(name) == load_document(b"xx" + intact(name), name)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("guide.docx", "word/theme/theme1.xml"),
        ("guide.docx", "word/settings.xml"),
        ("observatory.epub", "mimetype"),
        ("tea.pptx", "ppt/slideMasters/slideMaster1.xml"),
        ("tea.pptx", "docProps/thumbnail.jpeg"),
        ("shop.xlsx", "xl/theme/theme1.xml"),
        *((name, entry) for name in OPEN_DOCUMENTS for entry in ("mimetype", "settings.xml")),
        ("cable-car.odt", "meta.xml"),
        ("tides.ods", "styles.xml"),
    ],
)
def test_damaged_entry_without_text(name: str, entry: str) -> None:
    """A damaged entry without text costs nothing."""
    assert intact_document(name) == load_document(
        samples.replace_entries(intact(name), {entry: BROKEN_XML}), name
    )


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("guide.docx", "word/document.xml"),
        ("observatory.epub", "OEBPS/book.opf"),
        ("tea.pptx", "ppt/slides/slide2.xml"),
        ("shop.xlsx", "xl/worksheets/sheet1.xml"),
        *((name, "content.xml") for name in OPEN_DOCUMENTS),
    ],
)
def test_damaged_entry_with_text(name: str, entry: str) -> None:
    """A damaged entry with text is named in the error."""
    with pytest.raises(DocumentError) as caught:
        load_document(samples.replace_entries(intact(name), {entry: BROKEN_XML}), name)
    assert f"is damaged at '{entry}'" in caught.value.reason


def test_damaged_chapter() -> None:
    """A damaged chapter of a book costs its own text only."""
    damaged = samples.replace_entries(intact("observatory.epub"), {"OEBPS/text/three.xhtml": BROKEN_XML})
    before = texts(intact_document("observatory.epub"))
    assert [*before[:2], before[3]] == texts(load_document(damaged, "observatory.epub"))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("mill.html", "</b>", ""),
        ("mill.html", "&ouml;", "&ou"),
        ("people.csv", "Ada Brandt", '"Ada Brandt'),
        ("market.tsv", "\n", "\r"),
        ("hours.txt", "nine", "n\ufffdne"),
        ("hours.md", "*library*", "*library"),
    ],
)
def test_minimal_damage_of_text(name: str, old: str, new: str) -> None:
    """One broken tag, reference, quotation mark, line end or byte changes no block but its own."""
    text = intact(name).decode()
    damaged = text.replace(old, new, 1)
    assert text != damaged
    before, after = texts(intact_document(name)), texts(load_document(damaged.encode(), name))
    assert len(before) == len(after)
    assert len(before) - 1 <= sum(a == b for a, b in zip(before, after, strict=True))


CUTS = [0.1, 0.5, 0.9, 0.999]


@pytest.mark.parametrize(
    ("name", "part", "length"),
    [
        ("mill.html", 0.5, 144),
        ("mill.html", 0.9, 380),
        ("people.csv", 0.5, 46),
        ("people.csv", 0.9, 115),
        ("market.tsv", 0.1, 5),
        ("market.tsv", 0.5, 14),
        ("market.tsv", 0.999, 84),
        ("hours.txt", 0.1, 6),
        ("hours.txt", 0.5, 31),
        ("hours.txt", 0.9, 56),
        ("hours.md", 0.5, 30),
        ("hours.md", 0.9, 55),
    ],
)
def test_cut_short(name: str, part: float, length: int) -> None:
    """A text file that was copied in part is read up to the cut; `length` is in characters."""
    text = intact_document(name).text
    document = load_document(intact(name)[: int(len(intact(name)) * part)], name)
    check_spans(document)
    assert (text[:length], length) == (document.text, len(document.text))


@pytest.mark.parametrize(
    ("name", "part", "reason"),
    [
        *((name, part, "is cut short or damaged; copy it again") for name in ARCHIVES for part in CUTS),
        ("mill.html", 0.1, "contains no text; add some, or remove the file"),
        ("hours.md", 0.1, "contains no text; add some, or remove the file"),
        ("market.tsv", 0.9, "byte 89 is not valid UTF-8; save it as UTF-8"),
    ],
)
def test_cut_short_and_refused(name: str, part: float, reason: str) -> None:
    """An archive that was copied in part is rejected, and so is a text without words or cut in a letter."""
    with pytest.raises(DocumentError) as caught:
        load_document(intact(name)[: int(len(intact(name)) * part)], name)
    assert reason == caught.value.reason
