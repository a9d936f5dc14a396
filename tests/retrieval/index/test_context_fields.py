import numpy as np
import pytest

from retrieval.index.context_fields import (
    context_text,
    context_tokens,
    context_weight,
    name_words,
    rarest,
)
from retrieval.index.tokenizer import tokenize
from retrieval.index.vocabulary import digest
from retrieval.model import Passage, Span
from retrieval.query.context_match import ContextMatch, match_contexts
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
    """A file's path is words: its folders', and those that signs, capitals and numbers part."""
    assert words == name_words(name)


def passage(
    heading: tuple[str, ...] = (), title: str = "", document: str = "a.txt", language: str = "en"
) -> Passage:
    return Passage("p", document, title, Span(0, 4), "Text", heading, 1, 1, language)


def test_context_text() -> None:
    """What stands around a passage is its file's name, its title and all its headings."""
    assert "goat care\nGoats\nFood\nSalt" == context_text(passage(("Food", "Salt"), "Goats", "goat-care.md"))


def test_context_tokens() -> None:
    """Each passage has the terms of its context, in its language; equal contexts are analysed once."""
    passages = [
        passage(("Feeding goats",), "The farm"),
        passage(("茶馆",), "关于", language="zh"),
        passage(("Feeding goats",), "The farm"),
        passage(("Feeding goats",), "Der Hof", language="de"),
        passage((), "", "1.txt"),
    ]
    forms, rows = context_tokens(passages)
    assert len(passages) == len(rows)
    for number, one in enumerate(passages):
        expected = [digest(token.term) for token in tokenize(context_text(one), one.language)]
        assert sorted(expected) == sorted(forms.terms[rows.row(number)].tolist())
    assert rows.row(0).tolist() == rows.row(2).tolist()


def test_rarest() -> None:
    """The rarest terms are searched for, at least one, as long as there are few postings."""
    assert [2, 0] == rarest([5, 0, 2])
    assert [2, 0] == rarest([30_000, 40_000, 10])
    assert [0] == rarest([70_000, 80_000])
    assert [] == rarest([0, 0])
    assert [] == rarest([])


def test_rare_terms_weigh_more() -> None:
    """A term over few passages weighs more, and one over all of them something still."""
    assert context_weight(1, 100) > context_weight(2, 100) > context_weight(100, 100) > 0


def matched(question: str, *passages: Passage) -> tuple[ContextMatch, list[str]]:
    """Give the match, all words weighing the same, and the words."""
    asked = parse(question, ["en", "de"])
    return match_contexts(asked, passages, np.ones(len(asked.words))), [word.text for word in asked.words]


def test_heading_and_title() -> None:
    """The nearest heading is told from what stands above it: headings, title, and file name."""
    found, words = matched(
        "Do goats need salt at the farm?",
        passage(("Salt", "Feeding a goat"), "The Skerry", "farm/1.txt"),
        passage((), "Goats", "2.txt"),
        passage((), "", "3.txt"),
    )
    held = [
        ({word for word, is_held in zip(words, row, strict=True) if is_held})
        for row in (*found.heading, *found.title)
    ]
    assert [{"goats"}, {"goats"}, set()] == held[:3]
    assert [{"salt", "the", "farm"}, {"goats"}, set()] == held[3:]


@pytest.mark.parametrize("question", ["How do I feed goats?", "how do i feed goats", "How do I feed a goat?"])
def test_question_as_heading(question: str) -> None:
    """A heading of the question's own words, function words and all, is the question: 1; others are less."""
    own, part, more, other = (
        passage((heading,), "Goats")
        for heading in (
            question.upper().title(),
            "Feed",
            f"{question} And sheep, and cattle, and hens?",
            "Snow on the tower",
        )
    )
    faq = matched(question, own, part, more, other)[0].faq.tolist()
    assert 1 == pytest.approx(faq[0])
    assert 0 < faq[1] < 1
    assert 0 < faq[2] < 1
    assert 0 == faq[3]


def test_title_where_there_is_no_heading() -> None:
    """The title is the nearest heading of a passage without any."""
    found, _ = matched("How do I feed goats?", passage((), "How do I feed goats?"))
    assert 1 == pytest.approx(found.faq[0])
    assert found.heading.all()


def test_words_of_a_language() -> None:
    """A heading is read in its passage's language."""
    found, _ = matched("Ziege", passage(("Ziegen",), language="de"), passage(("Ziegen",), language="en"))
    assert [[1.0], [0.0]] == found.heading.tolist()
