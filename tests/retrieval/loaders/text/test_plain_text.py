from retrieval.loaders.document_builder import title_from_opening
from retrieval.loaders.text.plain_text import load

LONG = "The library of the old harbour opens at nine in the morning and closes at eight in the evening, "


def parts(text: str) -> list[str]:
    return [block.of(text) for block in load(text.encode(), "a.txt").blocks]


def test_title() -> None:
    """A first line that stands alone before a blank one is the title, and no paragraph."""
    document = load(b"The  Harbour Library\n\nIt opens at nine.\n", "a.txt")
    assert "The Harbour Library" == document.title
    assert ["The Harbour Library"] == [heading.text for heading in document.headings]
    assert ["It opens at nine."] == [block.of(document.text) for block in document.blocks]


def test_question_as_title() -> None:
    """A question may be a title."""
    assert "When does it open?" == load(b"When does it open?\n\nAt nine.", "a.txt").title


def test_first_sentence_is_no_title() -> None:
    """A first paragraph that is a sentence stays quotable."""
    assert ["It opens at nine.", "It closes at eight."] == parts("It opens at nine.\n\nIt closes at eight.")


def test_first_of_adjacent_lines_is_no_title() -> None:
    """A first line that runs on into the next is text."""
    assert ["Opening hours\nIt opens at nine.", "Closed on Sunday."] == parts(
        "Opening hours\nIt opens at nine.\n\nClosed on Sunday."
    )


def test_lone_line() -> None:
    """A document of one line is its own paragraph."""
    assert ["Opening hours"] == parts("\n\n Opening hours \n")


def test_long_lines_are_paragraphs() -> None:
    """Lines too long to be wrapped are paragraphs of their own, and so are short ones among them."""
    long = LONG * 3
    assert [long.strip(), "Short.", long.strip()] == parts(f"{long}\nShort.\n{long}\n")


def test_hand_wrapped() -> None:
    """Lines wrapped by hand are one paragraph, at 70 columns and at 120."""
    words = (LONG * 6).split()
    for width in (70, 120):
        lines, line = [], ""
        for word in words:
            if len(line) + 1 + len(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}".strip()
        text = "\n".join([*lines, line])
        assert [text] == parts(text)


def test_wide_letters() -> None:
    """Lines of Han are measured in columns, of which each letter takes two."""
    line = "图书馆早上九点开门，" * 9 + "星期天休息。"
    assert [line, line] == parts(f"{line}\n{line}")


def test_ideographic_indent() -> None:
    """An ideographic space begins a paragraph."""
    assert ["图书馆九点开门。", "星期天休息。"] == parts("　　图书馆九点开门。\n　　星期天休息。")


def test_title_from_opening() -> None:
    """A document without a title is named by its first words."""
    assert "It opens at nine." == title_from_opening("\n It opens\tat nine.\nMore")
    assert "The library of the old harbour opens at nine in the morning…" == title_from_opening(LONG)
    assert "a.txt" == load(b"", "a.txt").title
