from bisect import bisect_right
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import DocumentError
from retrieval.loaders.text.latex import load
from retrieval.model import Document
from tests.documents import text_samples


def read(text: str) -> Document:
    return load(text.encode(), "folder/a.tex")


def blocks(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def test_document() -> None:
    """Commands, comments and the preamble are gone; formulas are Unicode; code is whole."""
    document = read(text_samples.TEX)
    assert [
        "Edda Holm",
        "The current turns twice a day\u00a0[aas], at α > 2 knots. [Measured at Storholm.]",
        "Ebb runs north.",
        "Flood runs south.",
        "Place: Brunoe\nHeight: 4.1 m",
        "read gauge 7\n\n  % kept",
    ] == blocks(document)
    assert "Currents of the Sound" == document.title
    assert ["Currents of the Sound", "Tides", "Gauges"] == [heading.text for heading in document.headings]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("Tides", 9),
        ("The current", 10),
        ("at α", 11),
        ("Flood", 15),
        ("Gauges", 18),
        ("Brunoe", 22),
        ("read gauge", 26),
    ],
)
def test_lines(words: str, line: int) -> None:
    """Each part of the text knows its line."""
    document = read(text_samples.TEX)
    at = document.text.index(words)
    assert line == document.lines[bisect_right(document.lines, at, key=lambda mark: mark.start) - 1].line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("caf\\'e \\& \\ldots", ["café & …"]),
        ("$\\mine{x} = 1$", ["\\mine{x} = 1"]),
        ("\\unknown{shown} text", ["shown text"]),
        ("\\input{secret} text", ["text"]),
        ("one\n\ntwo", ["one", "two"]),
        ("\\begin{tikzpicture}\\draw;\\end{tikzpicture} text", ["text"]),
        ("\\href{http://x}{label}", ["label"]),
        ("open {brace", ["open brace"]),
        ("\\begin{quote}open", ["open"]),
    ],
)
def test_markup(text: str, expected: list[str]) -> None:
    """What a reader of the page sees is read; nothing is read from other files."""
    assert expected == blocks(read(text))


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        *(
            "{a" * 5000,
            "\\begin{a}" * 3000,
            "$a" * 20_000,
            "\\x[" * 20_000,
            "\\textbf{" * 3000,
            "\\begin{a}{" * 3000,
        ),
        "\\newcommand{\\a}{\\begin{tabular}{l}}\\newcommand{\\b}{\\end{tabular}}" * 60,
    ],
)
def test_time(text: str) -> None:
    """What is never closed takes seconds, and is rejected or read."""
    before = process_time()
    try:
        read(f"Text.\n\n{text}")
    except DocumentError as error:
        assert "is nested too deep" in error.reason  # noqa: PT017  # either is fine
    assert process_time() - before < 15


PARTS = [
    *"ab{}[]$%&~\\ ",
    "\n",
    "\n\n",
    "\\begin{a}",
    "\\end{a}",
    "\\item ",
    "\\section{",
    "\\textbf{",
    "\\\\",
]


@given(st.lists(st.sampled_from(PARTS)))
def test_any_markup(parts: list[str]) -> None:
    """Any mixture of markup is read, with lines of the file."""
    text = "".join(parts)
    assert all(1 <= mark.line <= text.count("\n") + 1 for mark in read(text).lines)


def test_the_date_of_today() -> None:
    """The date of the day when a file is read is not part of its text, which would change every day."""
    source = r"\begin{document}Rules of {\large \today\par} the house.\end{document}"
    assert "Rules of the house." == " ".join(load(source.encode(), "a.tex").text.split())
