from bisect import bisect_right
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.loaders.text.asciidoc import load
from retrieval.model import Document
from tests.documents import text_samples


def read(text: str) -> Document:
    return load(text.encode(), "folder/a.adoc")


def blocks(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def test_document() -> None:
    """Markup, attributes, directives and comments are gone; code is whole; rows name their columns."""
    document = read(text_samples.ADOC)
    assert [
        "Edda Holm",
        "A pilot boards off Brunoe at buoy seven.",
        "When to call",
        "Light: Green\nMeaning: Pilot aboard",
        "Light: Red\nMeaning: Ship at\nanchor",
        "Radio on channel 12",
        "by day",
        "by night",
        "Keep it short.",
        "Draught\nThe depth of a hull.",
        "tide --at 06:00\n\ntide --at noon",
        "1. Local time.",
        "NOTE: Tugs wait at the mole. [Since 1990.]",
        "Beside the point.",
    ] == blocks(document)
    assert [(1, "Pilot's handbook"), (2, "Signals")] == [
        (heading.level, heading.text) for heading in document.headings
    ]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("Pilot's", 1),
        ("A pilot", 7),
        ("buoy", 8),
        ("Signals", 10),
        ("Green", 16),
        ("Red", 17),
        ("by night", 23),
        ("Draught", 27),
        ("tide --at 06", 31),
        ("tide --at noon", 33),
        ("Local", 35),
        ("Beside", 40),
    ],
)
def test_lines(words: str, line: int) -> None:
    """Each part of the text knows its line."""
    document = read(text_samples.ADOC)
    at = document.text.index(words)
    assert line == document.lines[bisect_right(document.lines, at, key=lambda mark: mark.start) - 1].line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Title\n-----\n\nText.", ["Text."]),
        ("a **b**c _d_ __e__f #g# [.red]#h# x^2^ H~2~O", ["a bc d ef g h x2 H2O"]),
        ("2 * 3 * 4, snake_case_name", ["2 * 3 * 4, snake_case_name"]),
        (
            "see <<id,part>>, xref:a:b.adoc[that], https://x.org[site^], https://y.org",
            ["see part, that, site, https://y.org"],
        ),
        (
            "kbd:[Ctrl+C], menu:File[Save > All], image:a.png[no], +++<u>+++",
            ["Ctrl+C, File > Save > All, , <u>"],
        ),
        ("a ((shown)) and (((hidden, term))) word", ["a shown and word"]),
        ('"`quoted`" \\*star*', ["“quoted” *star*"]),
        ("one +\ntwo", ["one\ntwo"]),
        (":a: x\n:b: {a}y\n\n{b} {unknown}", ["xy {unknown}"]),
        ("----\nopen *code*\n", ["open *code*"]),
        ("```py\nx = 1\n```", ["x = 1"]),
        (" indented\n  more", ["indented\n more"]),
        ("////\nhidden\n////\n\n++++\n<b>raw</b>\n++++\n\nText.", ["Text."]),
        (". one\n. two\n.. inner\n3. three", ["1. one", "2. two", "1. inner", "3. three"]),
        ("|===\n|a |b\n\n|c |d\n|===", ["a: c\nb: d"]),
        ("|===\n2+|wide\n|c |d\n|===", ["wide", "c | d"]),
        (',===\na,b\n"c,c",d\n,===', ["a | b", "c,c | d"]),
        ("|===\n|cut |short", ["cut | short"]),
        ("[quote, Ida]\n____\nIt held.\n____", ["It held."]),
        ("[verse]\nA line\n  and one", ["A line\n  and one"]),
        ("* one\n\n* two\n\nAfter.", ["one", "two", "After."]),
    ],
)
def test_markup(text: str, expected: list[str]) -> None:
    """What a reader of the page sees is read."""
    assert expected == blocks(read(text))


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        *(
            "*a " * 50_000,
            "`a " * 50_000,
            "----\n=\n" * 20_000,
            "[[a " * 30_000,
            "xref:a" * 30_000,
            "|===\n" * 9999,
        ),
        *(
            "\n".join("*" * (n % 7) + " a" for n in range(9000)),
            "999+|a " * 5000,
            "999*|a " * 5000,
            "a::\n" * 9999,
        ),
        ":a: {a}{a}\n" * 9000 + "{a}",
    ],
)
def test_time(text: str) -> None:
    """Markup that is never closed, and tables that span much, take seconds, not minutes."""
    before = process_time()
    read(f"Text.\n\n{text}")
    assert process_time() - before < 15


PARTS = [
    *"ab*_`=|:[]-.+<>1 ",
    "\n",
    "\n\n",
    "== ",
    "* ",
    "----\n",
    "====\n",
    "|===\n",
    "::",
    "<<",
    "link:",
    ":a: ",
]


@given(st.lists(st.sampled_from(PARTS)))
def test_any_markup(parts: list[str]) -> None:
    """Any mixture of markup is read, with lines of the file."""
    text = "".join(parts)
    assert all(1 <= mark.line <= text.count("\n") + 1 for mark in read(text).lines)
