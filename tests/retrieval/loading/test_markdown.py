import pytest

from retrieval.loading.markdown import load
from retrieval.model import Document


def read(text: str) -> Document:
    return load(text.encode(), "a.md")


def parts(text: str) -> list[str]:
    document = read(text)
    return [block.of(document.text) for block in document.blocks]


@pytest.mark.parametrize(
    "front", ["---\ntitle: 'The Harbour'\ntags: [a]\n---\n", '+++\ntitle = "The Harbour"\n+++\n']
)
def test_front_matter(front: str) -> None:
    """Front matter gives the title and is no text."""
    document = read(front + "\n# Other\n\nIt opens at nine.\n")
    assert "The Harbour" == document.title
    assert ["It opens at nine."] == [block.of(document.text) for block in document.blocks]


def test_rules_are_no_front_matter() -> None:
    """Text between two rules at the top is text."""
    assert ["It opens at nine.", "Closed."] == parts("---\n\nIt opens at nine.\n\n---\n\nClosed.\n")


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
    ],
)
def test_headings(source: str, text: str, level: int) -> None:
    """Headings of every form are read without their marks."""
    document = read(f"{source}\n\nAt nine.\n")
    assert [(text, level)] == [(heading.text, heading.level) for heading in document.headings]
    assert text == document.title


def test_empty_heading() -> None:
    """A heading without words is none."""
    assert () == read("#\n\nAt nine.\n").headings


def test_title_is_the_highest_heading() -> None:
    """The title is the first heading of the highest level there is."""
    assert "B" == read("## A\n\nx\n\n# B\n\n# C\n").title
    assert "Just text" == read("Just text\n").title


def test_lists() -> None:
    """An item of a list is a paragraph, nested or not; its number stays, its bullet does not."""
    assert ["one", "two\n  lines", "inner", "1. first", "done"] == parts(
        "- one\n- two\n  lines\n  - inner\n\n1. first\n\n* [x] done\n"
    )


def test_table() -> None:
    """A table is one block."""
    table = "| day | hours |\n|---|---|\n| Monday | 9-17 |"
    assert [table] == parts(table + "\n")


def test_code() -> None:
    """Code is a block without its fences, and an empty one is none."""
    assert ["a = 1\n\nb = 2", "c = 3", "open"] == parts(
        "```python\na = 1\n\nb = 2\n```\n\n    c = 3\n\n```\n```\n\n~~~\nopen\n"
    )


def test_html() -> None:
    """Comments and bare tags say nothing; what stands between tags does."""
    assert ["<p>At nine.</p>", "Text."] == parts(
        "<!-- TODO -->\n\n<div align=center>\n\n<p>At nine.</p>\n\nText.\n\n<img src='a.png'>\n"
    )


def test_quotation() -> None:
    """A quotation is a paragraph without its first mark."""
    assert ["At nine."] == parts("> At nine.\n")


@pytest.mark.parametrize("text", ["", "\n \n", "# One\n\n## Two\n", "[a]: b.html\n", "---\n"])
def test_nothing_to_quote(text: str) -> None:
    """A file without text has no blocks."""
    assert () == read(text).blocks
