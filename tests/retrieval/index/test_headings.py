import numpy as np
import pytest

from retrieval.index.forward_index import heading_text, heading_tokens
from retrieval.index.inverted_index import digest, heading_weight, rarest_terms
from retrieval.language import name_words, tokenize
from retrieval.model import Passage, Span
from retrieval.query.matching import HeadingMatch, match_headings
from retrieval.query.query import parse


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hr/AnnualReport2019.pdf", "hr Annual Report 2019"),
        ("a.txt", "a"),
        ("no_ending", "no ending"),
        ("install-guide.v2.md", "install guide v 2"),
        ("книги/ГодовойОтчёт.docx", "книги Годовой Отчёт"),
        ("茶馆.txt", "茶馆"),
        ("HTML.txt", "HTML"),
        (".txt", ""),
        ("", ""),
    ],
)
def test_name_words(name: str, words: str) -> None:
    """A file's path is split into words at folders, separators, capitals and numbers."""
    assert words == name_words(name)


def passage(
    heading: tuple[str, ...] = (), title: str = "", document: str = "a.txt", language: str = "en"
) -> Passage:
    return Passage("p", document, title, Span(0, 4), "Text", heading, 1, 1, language)


def test_heading_text() -> None:
    """The heading fields of a passage are its file name, its title and all its headings."""
    assert "goat care\nGoats\nFood\nSalt" == heading_text(passage(("Food", "Salt"), "Goats", "goat-care.md"))


def test_heading_tokens() -> None:
    """Each passage has the terms of its heading fields in its language; equal fields have equal rows."""
    passages = [
        passage(("Feeding goats",), "The farm"),
        passage(("茶馆",), "关于", language="zh"),
        passage(("Feeding goats",), "The farm"),
        passage(("Feeding goats",), "Der Hof", language="de"),
        passage((), "", "1.txt"),
    ]
    forms, rows = heading_tokens(passages)
    assert len(passages) == len(rows)
    for number, own in enumerate(passages):
        expected = [digest(token.term) for token in tokenize(heading_text(own), own.language)]
        assert sorted(expected) == sorted(forms.terms[rows.row(number)].tolist())
    assert rows.row(0).tolist() == rows.row(2).tolist()


def test_rarest() -> None:
    """The rarest terms are chosen, at least one, while they have few postings together."""
    assert [2, 0] == rarest_terms([5, 0, 2])
    assert [2, 0] == rarest_terms([30_000, 40_000, 10])
    assert [0] == rarest_terms([70_000, 80_000])
    assert [] == rarest_terms([0, 0])
    assert [] == rarest_terms([])


def test_rare_terms_weigh_more() -> None:
    """A term of fewer passages weighs more; one of all passages still weighs more than nothing."""
    assert heading_weight(1, 100) > heading_weight(2, 100) > heading_weight(100, 100) > 0


def matched(question: str, *passages: Passage) -> tuple[HeadingMatch, list[str]]:
    """Return the match with equal weights of the question's words, and these words."""
    query = parse(question, ["en", "de"])
    match = match_headings([word.terms for word in query.words], passages, np.ones(len(query.words)))
    return match, [word.text for word in query.words]


def test_heading_and_title() -> None:
    """Matches in the nearest heading are separate from those in other headings, title and file name."""
    match, words = matched(
        "Do goats need salt at the farm?",
        passage(("Salt", "Feeding a goat"), "The Skerry", "farm/1.txt"),
        passage((), "Goats", "2.txt"),
        passage((), "", "3.txt"),
    )
    matches = [
        ({word for word, is_match in zip(words, row, strict=True) if is_match})
        for row in (*match.heading, *match.title)
    ]
    assert [{"goats"}, {"goats"}, set()] == matches[:3]
    assert [{"salt", "the", "farm"}, {"goats"}, set()] == matches[3:]


@pytest.mark.parametrize("question", ["How do I feed goats?", "how do i feed goats", "How do I feed a goat?"])
def test_question_as_heading(question: str) -> None:
    """A heading with the question's words, function words included, scores 1; other headings less."""
    same, part, more, other = (
        passage((heading,), "Goats")
        for heading in (
            question.upper().title(),
            "Feed",
            f"{question} And sheep, and cattle, and hens?",
            "Snow on the tower",
        )
    )
    faq = matched(question, same, part, more, other)[0].faq.tolist()
    assert 1 == pytest.approx(faq[0])
    assert 0 < faq[1] < 1
    assert 0 < faq[2] < 1
    assert 0 == faq[3]


def test_title_where_there_is_no_heading() -> None:
    """The title counts as the nearest heading of a passage without headings."""
    match, _ = matched("How do I feed goats?", passage((), "How do I feed goats?"))
    assert 1 == pytest.approx(match.faq[0])
    assert match.heading.all()


def test_words_of_a_language() -> None:
    """A heading is tokenised in its passage's language."""
    match, _ = matched("Ziege", passage(("Ziegen",), language="de"), passage(("Ziegen",), language="en"))
    assert [[1.0], [0.0]] == match.heading.tolist()
