import pytest

from retrieval.errors import DocumentError
from retrieval.loaders.html.fb2 import load
from retrieval.model import Document
from tests.documents import samples

SPACE = 'xmlns="http://www.gribuser.ru/xml/fictionbook/2.0" xmlns:l="http://www.w3.org/1999/xlink"'


def parts(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def read(body: str) -> Document:
    return load(f"<FictionBook {SPACE}><body>{body}</body></FictionBook>".encode(), "a.fb2")


def test_book() -> None:
    """Chapters, verses, notes and titles are read in order; pictures are not."""
    document = load(samples.FB2.encode("cp1251"), "a.fb2")
    assert [
        "Мельницу на реке Вольне построил Иван Кручина в 1784 году.",
        "Кручина был родом из Полоцка.",
        "Крутится колесо,\nмелется мука.",
        "Зимой мельница стоит.",
        "Примечание без ссылки.",
    ] == parts(document)
    assert [("Строитель", 1), ("Зима", 1), ("Лёд", 2)] == [
        (heading.text, heading.level) for heading in document.headings
    ]
    assert ["Строитель", "Зима"] == [page.label for page in document.pages]
    assert ("Мельница", "chapter") == (document.title, document.unit)


def test_tables_and_quotes() -> None:
    """Rows have the names of a header row; quotations, authors and epigraphs are paragraphs."""
    rows = "<tr><th>Day</th><th>Flour</th></tr><tr><td>Monday</td><td>2 sacks</td></tr>"
    document = read(
        f"<epigraph><p>Grind.</p><text-author>A miller</text-author></epigraph><section><table>{rows}</table>"
        "<cite><p>So it is.</p></cite></section>"
    )
    assert ["Grind.", "A miller", "Day: Monday\nFlour: 2 sacks", "So it is."] == parts(document)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<html/>", "is not a FictionBook; give it the suffix of its real format"),
        (b"", "is damaged at 'its text'"),
        (b"<FictionBook>", "is damaged at 'its text'"),
        (b'<!DOCTYPE a [<!ENTITY b "ha">]><FictionBook>&b;</FictionBook>', "declares entities in 'its text'"),
        (b"<FictionBook>" + b"<section>" * 300 + b"</section>" * 300 + b"</FictionBook>", "is nested more"),
    ],
)
def test_what_cannot_be_read(data: bytes, reason: str) -> None:
    """Other, damaged and hostile files are rejected with the reason."""
    with pytest.raises(DocumentError, match=f"^a.fb2: {reason}"):
        load(data, "a.fb2")
