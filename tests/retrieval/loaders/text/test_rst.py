from bisect import bisect_right

import pytest
from docutils.parsers.rst import directives, roles
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import DocumentError
from retrieval.loaders.text.rst import load
from retrieval.model import Document
from tests.documents import text_samples

DOUBLING = "\n".join(f".. |x{n}| replace:: |x{n + 1}| |x{n + 1}| |x{n + 1}|" for n in range(9))


def read(text: str) -> Document:
    return load(text.encode(), "folder/a.rst")


def blocks(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def line_of(document: Document, words: str) -> int:
    at = document.text.index(words)
    return document.lines[bisect_right(document.lines, at, key=lambda mark: mark.start) - 1].line


def test_document() -> None:
    """Markup, link targets and comments are gone; code is whole; rows name their columns."""
    document = read(text_samples.RST)
    assert [
        "Keeper: Edda Holm",
        "Since: 1962",
        "The station on Storholm relays weather reports of ten ships, see the log and its charter.",
        "The mast was struck by lightning in 1988.",
        "Flags\nare hoisted at eight.",
        "def hoist(flag):\n\n    return flag.up()",
        "lower(flag)\nLowers it at sunset.",
        "Flag: Blue\nMeans: calm",
        "Flag: Red\nMeans: storm",
        "3. Count them.",
        "4. Wait for a reply.",
        "[1] Since the war.",
    ] == blocks(document)
    assert "Signal station" == document.title
    assert [(1, "Signal station"), (2, "Equipment")] == [
        (heading.level, heading.text) for heading in document.headings
    ]


@pytest.mark.parametrize(
    "words",
    [
        "Signal station",
        "Keeper",
        "The station",
        "weather reports",
        "and its charter",
        "Equipment",
        "The mast",
        "Flags",
        "are hoisted",
        "def hoist",
        "return flag",
        "lower(flag)",
        "Lowers it",
        "calm",
        "storm",
    ],
)
def test_lines(words: str) -> None:
    """Each part of the text knows the line of the file that it comes from."""
    source = text_samples.RST.split("\n")
    shown = words.replace("its charter", "`its charter")
    expected = next(number for number, line in enumerate(source, 1) if shown in line)
    assert expected == line_of(read(text_samples.RST), words)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".. versionadded:: 3.2\n   Works *offline*.", ["3.2 Works offline."]),
        (".. toctree::\n   :maxdepth: 2\n\n   a\n   b\n\nText.", ["Text."]),
        (".. include:: /etc/passwd\n\nText.", ["Text."]),
        (".. csv-table::\n   :file: /etc/passwd\n\nText.", ["Text."]),
        (".. raw:: html\n\n   <b>raw</b>\n\nText.", ["Text."]),
        (".. unknown:: A title in words\n   :option: 1\n\n   Content.", ["A title in words", "Content."]),
        (".. unknown:: identifier\n\n   Content.", ["Content."]),
        (".. tip:: Boil it.", ["Boil it."]),
        (".. py:method:: run(a)\n              run(b)\n\n   Starts.", ["run(a)\nrun(b)\nStarts."]),
        (".. class:: big\n\n   Text.", ["Text."]),
        (".. class:: Engine(x)\n\n   Pulls.", ["Engine(x)\nPulls."]),
        (".. math:: a = b", ["a = b"]),
        (".. figure:: a.png\n   :alt: no\n\n   A caption.\n\n   A legend.", ["A caption.", "A legend."]),
        ("See :rfc:`822`, :pep:`8`, :pep:`that <7>`.", ["See RFC 822, PEP 8, that."]),
        ("A |missing| thing.", ["A missing thing."]),
        ("A [1]_ and [Abc]_ here.\n\n.. [Abc] Book", ["A [1] and [Abc] here.", "[Abc] Book"]),
        ("| one\n| two", ["one\ntwo"]),
        ("-a FILE  Reads it.", ["-a FILE\nReads it."]),
        ("::\n\n  code\n    more", ["code\n  more"]),
        (">>> 1 + 1\n2", [">>> 1 + 1\n2"]),
        ("a. one\nb. two", ["one", "two"]),
        ("== ==\na  b\n==  =\nlost\n", ["== ==\na  b\n==  =", "lost"]),
        ("term : kind\n  What it is.", ["term : kind\nWhat it is."]),
        ("*unclosed text", ["*unclosed text"]),
    ],
)
def test_markup(text: str, expected: list[str]) -> None:
    """Directives and roles show what a reader of the page sees; nothing is read from other files."""
    assert expected == blocks(read(text))


def test_title_of_header() -> None:
    """A header such as that of Python's proposals names the title."""
    document = read("PEP: 7\nTitle: Style of C\n\nIntroduction\n============\n\nText.\n")
    assert "Style of C" == document.title


def test_own_names_do_not_stay() -> None:
    """Roles that one document defines are unknown in the next."""
    read(".. role:: mine(emphasis)\n\n:mine:`a` text")
    assert not {"mine"} & set(roles._roles)
    assert not {"unknown"} & set(directives._directives)


def test_failing_references() -> None:
    """A document whose references make docutils fail is read without them."""
    document = read(".. |a| replace:: |b| |b|\n.. |b| replace:: |c| |c|\n\nText |a|.")
    assert ["Text a."] == blocks(document)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- " * 3000 + "a", "is nested too deep"),
        (
            f"{DOUBLING}\n.. |x9| replace:: {'lol' * 999}\n\nText |x0|\n",
            "has a substitution 'x.' that grows too",
        ),
        (".. |a| replace:: |b| |b|\n.. |b| replace:: |a| |a|\n\n|a|", "defines substitutions by each other"),
        ("x" * 50_001, "line 1 has more than 50000 characters"),
        (("*a " * 100 + "\n") * 300, "has too much markup in the paragraph"),
    ],
)
def test_refused(text: str, reason: str) -> None:
    """Deep nesting, huge lines and markup that takes long are rejected."""
    with pytest.raises(DocumentError, match=reason):
        read(text)


@given(
    st.lists(st.sampled_from([*"ab*`_|:[]=-+. \\", "\n", "\n\n", "  ", "::", ".. ", "`a`_", ":r:`", "+--+"]))
)
def test_any_markup(parts: list[str]) -> None:
    """Any mixture of markup is read, with lines of the file."""
    text = "".join(parts)
    document = read(text)
    assert all(1 <= mark.line <= text.count("\n") + 1 for mark in document.lines)
