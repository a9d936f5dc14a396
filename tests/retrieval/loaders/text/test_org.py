from bisect import bisect_right
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.loaders.text.org import load
from retrieval.model import Document
from tests.documents import text_samples


def read(text: str) -> Document:
    return load(text.encode(), "folder/a.org")


def blocks(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def test_document() -> None:
    """Markup, drawers, keywords and comments are gone; code is whole; rows name their columns."""
    document = read(text_samples.ORG)
    assert [
        "The gale of 21 October broke the north mole, and flooded two cellars.[1]",
        "The harbour master\nSven Aas",
        "sandbags",
        "1. counted",
        "2. stacked",
        "Date: 21 Oct\nGusts: 118",
        "Date: 22 Oct\nGusts: 96",
        "tar xf mole.tar\n\nmake mole",
        "It held.",
        "fixed width",
        "[1] Both were empty.",
    ] == blocks(document)
    assert "Storm log" == document.title
    assert [(1, "Winter"), (2, "Repairs")] == [(heading.level, heading.text) for heading in document.headings]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("Winter", 4),
        ("The gale", 10),
        ("and flooded", 11),
        ("Sven", 13),
        ("stacked", 16),
        ("118", 20),
        ("Repairs", 24),
        ("tar xf", 26),
        ("make mole", 28),
        ("It held", 32),
        ("fixed", 35),
        ("Both", 37),
    ],
)
def test_lines(words: str, line: int) -> None:
    """Each part of the text knows its line."""
    document = read(text_samples.ORG)
    at = document.text.index(words)
    assert line == document.lines[bisect_right(document.lines, at, key=lambda mark: mark.start) - 1].line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a =b*c*= d", ["a b*c* d"]),
        ("2 * 3 * 4 and a/b/c", ["2 * 3 * 4 and a/b/c"]),
        ("*/both/*", ["both"]),
        ("[[./a.png]] [[http://x.org]] [[id:1][Name [2]]]", ["http://x.org Name [2]"]),
        ("a[fn:: in line] b", ["a[ in line] b"]),
        ("one\\\\\ntwo", ["one\ntwo"]),
        ("#+BEGIN_SRC c\nopen", ["open"]),
        ("#+begin_example\n,* a\n#+end_example", ["* a"]),
        ("#+begin_comment\nno\n#+end_comment\nyes", ["yes"]),
        ("#+begin_note\nText.\n#+end_note", ["Text."]),
        (":NOTEND:\ntext", [":NOTEND:\ntext", ":NOTEND: text"]),
        ("- one\n  more\n- two\n\n  same item\n\nafter", ["one more", "two", "same item", "after"]),
        ("#+CAPTION: A picture\n[[a.png]]", ["A picture"]),
        ("| a | b |\n| <l> | |\n| c | d |", ["a | b", "c | d"]),
        ("| cut", ["| cut", "cut"]),
        ("a < b & c <b>d</b>", ["a < b & c <b>d</b>"]),
    ],
)
def test_markup(text: str, expected: list[str]) -> None:
    """What a reader of the exported page sees is read."""
    found = blocks(read(text))
    assert expected == found or found[0] in expected


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        *("*a " * 50_000, ":A:\n" * 30_000, "#+begin_src\n" * 30_000, "[[a][" * 30_000, "=a " * 50_000),
        *("\n".join(" " * n + "- a" for n in range(2000)), "|" * 100_000),
    ],
)
def test_time(text: str) -> None:
    """Markup that is never closed takes seconds, not minutes."""
    before = process_time()
    read(text)
    assert process_time() - before < 10


PARTS = [
    *"ab*/_=~+|:[]-#.1 ",
    "\n",
    "\n\n",
    "* ",
    "- ",
    "#+begin_src\n",
    "#+end_src\n",
    ":END:\n",
    "[[",
    "]]",
    "|-",
]


@given(st.lists(st.sampled_from(PARTS)))
def test_any_markup(parts: list[str]) -> None:
    """Any mixture of markup is read, with lines of the file."""
    text = "".join(parts)
    assert all(1 <= mark.line <= text.count("\n") + 1 for mark in read(text).lines)
