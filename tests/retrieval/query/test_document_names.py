"""Documents by the names that people give them."""

from dataclasses import replace

import pytest

from retrieval.model import Source
from retrieval.query.document_names import NameTable, documents_meant, find_documents, find_files, find_titles

SOURCES = [
    Source("travel00", "hr/travel-policy.md", "Travel policy", 1, 1, "en"),
    Source("expenses", "hr/expenses.md", "Policy on expenses", 1, 1, "en"),
    Source("travel22", "old/2022.md", "Travel policy of 2022", 1, 1, "en"),
    Source("ziegen00", "ziegen.txt", "Über Ziegen", 1, 1, "de"),
    Source("poezdki0", "poezdki.txt", "Политика командировок", 1, 1, "ru"),
    Source("zhengce0", "zhengce.txt", "差旅政策", 1, 1, "zh"),
    Source("pricelis", "pricelist.xls", "Bikes", 1, 1, "en"),
    Source("handbook", "handbook.pdf", "Handbook", 1, 1, "en"),
]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("the travel policy", ["travel00"]),
        ("Travel Policies", ["travel00"]),
        ("travel policy document", ["travel00"]),
        ("travel-policy.md", ["travel00"]),
        ("policy", ["travel00", "expenses", "travel22"]),
        ("travel 2022", ["travel22"]),
        ("Ziegen", ["ziegen00"]),
        ("политики командировок", ["poezdki0"]),
        ("差旅政策", ["zhengce0"]),
        ("handbook.pdf", ["handbook"]),
        ("the holiday policy", []),
        ("drones", []),
        ("of the", []),
        ("", []),
    ],
)
def test_documents_by_name(name: str, found: list[str]) -> None:
    """All words of a name are in the title or file name; a title that is the name is preferred."""
    assert found == [source.id for source in find_documents(name, SOURCES)]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("the travel policy", ["travel00"]),
        ("the file travel-policy.md", ["travel00"]),
        ("ziegen.txt'de", ["ziegen00"]),
        ("the german ziegen.txt", ["ziegen00"]),
        ("poezdki.txt里", ["poezdki0"]),
        ("политике командировок", ["poezdki0"]),
        ("políticas командировок", []),
        ("the policy", []),
        ("travel 2022", []),
        ("travel policy of 2023", []),
        ("expenses.mdx", []),
        ("the price list", ["pricelis"]),
        ("pricelist", ["pricelis"]),
        ("the hand book", ["handbook"]),
        ("the price", []),
        ("the über Ziegen", ["ziegen00"]),
        ("der Handbook", ["handbook"]),
    ],
)
def test_whole_names(name: str, found: list[str]) -> None:
    """A whole title, in another inflection or apart, or a file name among other words can be asked for."""
    assert found == [source.id for source in documents_meant(name, SOURCES, is_whole=True)]


@pytest.mark.parametrize(
    ("name", "title"),
    [("seyahat politikasında", "Seyahat politikası"), ("політиці відряджень", "Політика відряджень")],
)
def test_inflected_titles(name: str, title: str) -> None:
    """A word of a title may have an ending that stemming leaves, a number must be the same."""
    source = Source("inflect0", "a.md", title, 1, 1, "tr" if title.isascii() or "ı" in title else "uk")
    assert [source] == find_documents(name, [source], is_whole=True)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("the manual", ["manual00"]),
        ("your manual", ["manual00"]),
        ("the mail", ["party000"]),
        ("die Mail", ["party000"]),
        ("письме", ["party000"]),
        ("这封邮件", ["party000"]),
        ("la hoja de cálculo", ["prices00"]),
        ("das Handbuch", ["handbuch"]),
        ("the washing mail", []),
        ("the presentation", []),
    ],
)
def test_the_only_document_of_a_kind(name: str, found: list[str]) -> None:
    """The manual is the only document with the word in its title, the mail the only one that is a mail."""
    sources = [
        Source("manual00", "washer.md", "Washing machine manual", 1, 1, "en"),
        Source("party000", "party.eml", "Summer party", 1, 1, "en"),
        Source("prices00", "prices.xlsx", "Prices", 1, 1, "en"),
        Source("handbuch", "wlan-handbuch.md", "WLAN einrichten", 1, 1, "de"),
    ]
    assert found == [source.id for source in documents_meant(name, sources, is_whole=True)]
    twice = [*sources, *(replace(source, id=source.id.upper()) for source in sources)]
    assert len(documents_meant(name, twice)) in {0, len(twice)}


@pytest.mark.parametrize("name", ["", "this", "the article", "эта статья"])
def test_no_name_means_all(name: str) -> None:
    """Without a name, any document may be meant."""
    assert SOURCES == documents_meant(name, SOURCES)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("travel-policy.md", ["travel00"]),
        ("“hr/Travel-Policy.md”!", ["travel00"]),
        ("travel-policy.md and handbook.pdf", ["travel00", "handbook"]),
        ("handbook.pdf; ziegen.txt", ["handbook", "ziegen00"]),
        ("old/2022.md 2022.md", ["travel22"]),
        ("what does handbook.pdf say", []),
        ("handbook", []),
        ("?.", []),
        ("handbook.pdf " * 99, []),
    ],
)
def test_file_names(text: str, found: list[str]) -> None:
    """A message of file names alone names these documents, each once."""
    assert found == [source.id for source in find_files(text, [NameTable.of(SOURCES)])]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("travel policy?", ["travel00"]),
        ("Uber Ziegen", ["ziegen00"]),
        ("Handbook, 差旅政策", ["handbook", "zhengce0"]),
        ("Handbook, please", []),
        ("travel", []),
        ("", []),
        ("handbook, " * 101, []),
    ],
)
def test_titles(text: str, found: list[str]) -> None:
    """A message of whole titles alone names these documents."""
    assert found == [source.id for source in find_titles(text, [NameTable.of(SOURCES)])]


def test_names_of_several_lists() -> None:
    """The documents of all tables are found, those of the first table first."""
    tables = [
        NameTable.of(SOURCES[-1:]),
        NameTable.of([Source("handboo2", "handbook.pdf", "Other", 1, 1, "en")]),
    ]
    assert ["handbook", "handboo2"] == [source.id for source in find_files("handbook.pdf", tables)]
