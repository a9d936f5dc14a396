import pytest

from retrieval.loaders.text.markdown import load
from retrieval.model import Document, LineMark


def read(text: str) -> Document:
    return load(text.encode(), "a.md")


def blocks(text: str) -> list[str]:
    document = read(text)
    return [block.of(document.text) for block in document.blocks]


def lines(text: str) -> list[tuple[str, int]]:
    """Return the document's text between line marks, each part with its source line number."""
    document = read(text)
    ends = [*(mark.start for mark in document.lines[1:]), len(document.text)]
    return [
        (document.text[mark.start : end].strip(), mark.line)
        for mark, end in zip(document.lines, ends, strict=True)
    ]


@pytest.mark.parametrize(
    "front", ["---\ntitle: 'The Harbour'\ntags: [a]\n---\n", '+++\ntitle = "The Harbour"\n+++\n']
)
def test_front_matter(front: str) -> None:
    """Front matter gives the title and is not part of the text; its lines are counted."""
    document = read(front + "\n# Other\n\nIt opens at nine.\n")
    assert "The Harbour" == document.title
    assert ["It opens at nine."] == [block.of(document.text) for block in document.blocks]
    first = front.count("\n") + 2
    assert (LineMark(0, first), LineMark(7, first + 2)) == document.lines


def test_rules_are_no_front_matter() -> None:
    """Text between two horizontal rules at the top is text."""
    assert ["It opens at nine.", "Closed."] == blocks("---\n\nIt opens at nine.\n\n---\n\nClosed.\n")


@pytest.mark.parametrize(
    ("source", "text", "level"),
    [
        ("# Opening hours", "Opening hours", 1),
        ("## Opening hours ##", "Opening hours", 2),
        ("Opening hours\n===", "Opening hours", 1),
        ("Opening\nhours\n---", "Opening hours", 2),
        ("> # Opening hours", "Opening hours", 1),
        ("# **Opening** [hours](a.html) of `x`", "Opening hours of x", 1),
        ("# C#", "C#", 1),
        ('# <a id="hours">Opening hours</a>', "Opening hours", 1),
        ("# Opening hours {#hours .wide}", "Opening hours", 1),
        ("<h2 align=center>Opening <b>hours</b></h2>", "Opening hours", 2),
    ],
)
def test_headings(source: str, text: str, level: int) -> None:
    """All kinds of headings are read without markup."""
    document = read(f"{source}\n\nAt nine.\n")
    assert [(text, level)] == [(heading.text, heading.level) for heading in document.headings]
    assert text == document.title


def test_empty_heading() -> None:
    """A heading without text is ignored."""
    assert () == read("#\n\nAt nine.\n").headings


def test_title_is_the_highest_heading() -> None:
    """The title is the first of the highest headings, else the first words."""
    assert "B" == read("## A\n\nx\n\n# B\n\n# C\n").title
    assert "Just text" == read("Just text\n").title


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("The [ferry](ferry.md 'Ferry') leaves.", "The ferry leaves."),
        ("The [ferry][1] leaves.\n\n[1]: ferry.md", "The ferry leaves."),
        ("See <https://example.com/a_b> now.", "See https://example.com/a_b now."),
        ("See https://example.com/a_b now.", "See https://example.com/a_b now."),
        ("![A boat](boat.png) The **ferry** *leaves* ~~late~~.", "The ferry leaves late."),
        ("Type `a  *b*` here.", "Type a *b* here."),
        ("The ferry\nleaves\n  at nine.", "The ferry leaves at nine."),
        ("The ferry\\\nleaves  \nat nine.", "The ferry\nleaves\nat nine."),
        ("渡船在九点\n出发。\nFerry", "渡船在九点出发。 Ferry"),
        ("然后**除了你。**没有人。", "然后除了你。没有人。"),
        ("a &amp; b \\*c\\* &copy;", "a & b *c* ©"),
        ("H<sub>2</sub>O <span class=x>and</span> salt", "H2O and salt"),
        ("The <script> tag and the <b>ferry</b>", "The <script> tag and the ferry"),
    ],
)
def test_inline(source: str, expected: str) -> None:
    """Text is what a reader sees, without emphasis marks, link targets and tags."""
    assert [expected] == blocks(source)


def test_lists() -> None:
    """Each list item is a block with its number but without its bullet."""
    assert ["one", "two lines", "inner", "1. first", "2. second", "done"] == blocks(
        "- one\n- two\n  lines\n  - inner\n\n1. first\n1. second\n\n* [x] done\n"
    )


def test_table() -> None:
    """Each table row is a block with column names."""
    document = read("| day | hours |\n|---|---|\n| **Monday** | 9-17 |\n| Sunday | |\n")
    assert ["day: Monday\nhours: 9-17", "day: Sunday"] == [
        block.of(document.text) for block in document.blocks
    ]
    assert [3, 4] == [mark.line for mark in document.lines]


def test_code() -> None:
    """Code is a block without fences, unchanged inside; empty code is ignored."""
    assert ["a = {{ 1 }}\n\n<b>", "c = 3", "open {% x %}"] == blocks(
        "```python\na = {{ 1 }}\n\n<b>\n```\n\n    c = 3\n\n```\n```\n\n~~~\nopen {% x %}\n"
    )


def test_indented_code() -> None:
    """Code keeps its indentation except for what all its lines share."""
    assert ["1. Type", "a\n  b"] == blocks("1. Type\n\n        a\n          b\n")


def test_html() -> None:
    """HTML in Markdown is read like a page; comments and pictures are ignored."""
    assert ["At nine.", "Text.", "a: 1\nb: 2"] == blocks(
        "<!-- TODO\n\n```\nx -->\n\n<div align=center>\n\n<p>At nine.</p>\n\nText.\n\n<img src='a.png'>\n\n"
        "<table><tr><th>a<th>b<tr><td>1<td>2</table>\n"
    )


def test_quotation() -> None:
    """A block quote is a paragraph without its marks."""
    assert ["At nine or at ten."] == blocks("> At nine\n> or at ten.\n")


def test_lines() -> None:
    """Line marks give the source line of all text, however it was rendered."""
    source = (
        "# One\n\nThe ferry\nleaves `at\nnine` in\nsummer.\n\n- first\n  and more\n- second\n\n"
        "```\na\n\nb\n```\n\n<p>\nnow\n<b>bold</b></p>\n"
    )
    assert [
        ("One", 1),
        ("The ferry", 3),
        ("leaves at nine in", 4),
        ("summer.", 6),
        ("first", 8),
        ("and more", 9),
        ("second", 10),
        ("a", 13),
        ("", 14),
        ("b", 15),
        ("now", 18),
        ("bold", 20),
    ] == lines(source)


@pytest.mark.parametrize("text", ["", "\n \n", "# One\n\n## Two\n", "[a]: b.html\n", "---\n"])
def test_nothing_to_quote(text: str) -> None:
    """A file without paragraphs has no blocks."""
    assert () == read(text).blocks


@pytest.mark.parametrize(
    ("source", "title", "words", "line"),
    [
        ("% House\n  rules\n% Ada\n% 24 July\n\nBe quiet.", "House rules", "Be quiet.", 6),
        ("% House rules\n\nBe quiet.", "House rules", "Be quiet.", 3),
        ("% of all houses\nare quiet.", "% of all houses are quiet.", "% of all houses are quiet.", 1),
    ],
)
def test_a_title_block(source: str, title: str, words: str, line: int) -> None:
    """The title of a title block of Pandoc is that of the document, and the block is not text."""
    document = load(source.encode(), "a.md")
    assert (title, words, line) == (document.title, document.text, document.lines[0].line)
