"""Form fields and comments on PDF pages."""

import random
from contextlib import suppress

import pytest

from retrieval.errors import DocumentError
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.formats import load_document
from retrieval.model import Document
from tests.documents.generated_pdfs import make_form
from tests.documents.pdf_builder import TextLine

TEXT = "/Subtype/Widget/FT/Tx/T(a){}"
CHOICE = "/Subtype/Widget/FT/Ch/T(c)/Opt[[(DE)(Germany)][(NO)(Norway)]]{}"


def parts(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def read(*annotations: str, lines: tuple[TextLine, ...] = ()) -> Document:
    return load_document(make_form(lines, annotations), "a.pdf")


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (TEXT.format("/V(Ada Brandt)"), "Ada Brandt"),
        (TEXT.format("/V(Ada Brandt)/TU(Name of the keeper:)"), "Name of the keeper: Ada Brandt"),
        (TEXT.format("/V<FEFF706F58544E0A>"), "灯塔上"),
        (
            TEXT.format("/V(Harbour Office\\rPier  4\\r\\n\\r\\nSkerry)/Ff 4096"),
            "Harbour Office\nPier 4\nSkerry",
        ),
        (CHOICE.format("/V(NO)"), "Norway"),
        (CHOICE.format("/V(Iceland)/Ff 393216"), "Iceland"),
        ("/Subtype/FreeText/DA(/F1 9 Tf)/Contents(Bring a coat.)", "Bring a coat."),
        ("/Subtype/Text/Contents(The pier was moved in 1931.)", "The pier was moved in 1931."),
        ("/Subtype/Highlight/QuadPoints[1 2 3 4 5 6 7 8]/Contents(Ask Agnes.)", "Ask Agnes."),
        ("/Subtype/Stamp/Contents(Approved by the harbour.)", "Approved by the harbour."),
    ],
)
def test_pages_of_pictures_with_words(annotation: str, expected: str) -> None:
    """A page without text is read when people filled in a field or left a comment on it."""
    document = read(annotation)
    assert [expected] == parts(document)
    assert ["1"] == [page.label for page in document.pages if page.start < len(document.text)]
    assert [1] == [passage.page for passage in split_passages(document)]


@pytest.mark.parametrize(
    "annotation",
    [
        TEXT.format("/V(secret)/Ff 8192"),
        TEXT.format("/V(hidden)/F 2"),
        "/Subtype/Text/Contents(not to be viewed)/F 32",
        "/Subtype/Link/Contents(the description of a link)",
        "/Subtype/Popup/Contents(a window of its own)",
        "/Subtype/Widget/FT/Btn/T(b)/Ff 65536/MK<</CA(Print)>>",
        TEXT.format("/V()"),
        "/Subtype/Text/Contents(   )",
    ],
)
def test_what_is_not_read(annotation: str) -> None:
    """Passwords, hidden fields, links, windows, buttons and empty fields give no text."""
    with pytest.raises(DocumentError, match="contains no text, only pictures"):
        read(annotation)


def test_labels_on_the_page() -> None:
    """A field without a description is labelled by the words before it on its line."""
    page = (
        TextLine(20, 502, "Island ....."),
        TextLine(220, 502, "Keeper:"),
        TextLine(20, 450, "The form is handed in at the pier."),
    )
    document = read(
        TEXT.format("/V(Skerry)/Rect[100 500 200 514]"),
        TEXT.format("/V(Agnes)/T(b)/Rect[280 500 380 514]"),
        TEXT.format("/V(nobody)/T(d)/Rect[100 300 200 314]"),
        lines=page,
    )
    assert ["Island: Skerry", "Keeper: Agnes", "nobody"] == parts(document)[-3:]
    assert "The form is handed in at the pier." in parts(document)


def test_comments_that_repeat_the_page() -> None:
    """A comment with the words that it marks, and the same text twice, are read once."""
    line = TextLine(20, 450, "The form is handed in at the pier.")
    mark = "/Subtype/Highlight/QuadPoints[1 2 3 4 5 6 7 8]/Contents(handed in at\\rthe pier)"
    note = "/Subtype/Text/Contents(Only on Mondays.)"
    assert [line.text, "Only on Mondays."] == parts(read(mark, note, note, lines=(line,)))


FORM = make_form(
    (TextLine(20, 502, "Island"), TextLine(20, 450, "The form is handed in at the pier.")),
    (TEXT.format("/V(Skerry)"), CHOICE.format("/V(NO)"), "/Subtype/Text/Contents(Only on Mondays.)"),
)


def test_damaged_forms() -> None:
    """A form with bytes changed, lost or repeated is read or rejected, and many fields are still read."""
    whole = 0
    for seed in range(60):
        chance, data = random.Random(seed), bytearray(FORM)
        for _ in range(chance.choice([1, 3])):
            at, size = chance.randrange(len(data)), chance.choice([1, 8, 60])
            data[at : at + size] = chance.choice([b"", chance.randbytes(size), b"9" * size])
        with suppress(DocumentError):
            document = load_document(bytes(data), "a.pdf")
            assert all(0 <= span.start < span.end <= len(document.text) for span in document.blocks)
            whole += "Only on Mondays." in parts(document)
    assert whole >= 20


@pytest.mark.parametrize("repeats", [20_000])
@pytest.mark.slow
def test_many_annotations(repeats: int) -> None:
    """A page with very many annotations is read up to a limit."""
    text = "/Subtype/Text/Contents(Note {})"
    data = make_form((TextLine(20, 450, "At nine."),), [text.format(number) for number in range(repeats)])
    assert 10_001 == len(parts(load_document(data, "a.pdf")))
