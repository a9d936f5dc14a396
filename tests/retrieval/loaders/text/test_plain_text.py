from retrieval.loaders.document_builder import title_from_opening
from retrieval.loaders.text.plain_text import load

LONG = "The library of the old harbour opens at nine in the morning and closes at eight in the evening, "


def paragraphs(text: str) -> list[str]:
    return [block.of(text) for block in load(text.encode(), "a.txt").blocks]


def test_title() -> None:
    """A first line before a blank line is the title and a heading, not a paragraph."""
    document = load(b"The  Harbour Library\n\nIt opens at nine.\n", "a.txt")
    assert "The Harbour Library" == document.title
    assert ["The Harbour Library"] == [heading.text for heading in document.headings]
    assert ["It opens at nine."] == [block.of(document.text) for block in document.blocks]


def test_question_as_title() -> None:
    """A question may be a title."""
    assert "When does it open?" == load(b"When does it open?\n\nAt nine.", "a.txt").title


def test_first_sentence_is_no_title() -> None:
    """A first line that is a sentence is a paragraph."""
    assert ["It opens at nine.", "It closes at eight."] == paragraphs(
        "It opens at nine.\n\nIt closes at eight."
    )


def test_first_of_adjacent_lines_is_no_title() -> None:
    """A first line without a blank line after it is not a title; it can be quoted."""
    assert ["Opening hours", "It opens at nine.", "Closed on Sunday."] == paragraphs(
        "Opening hours\nIt opens at nine.\n\nClosed on Sunday."
    )


def test_lone_line() -> None:
    """A document of one line has one paragraph and no title line."""
    assert ["Opening hours"] == paragraphs("\n\n Opening hours \n")


def test_long_lines_are_paragraphs() -> None:
    """Long lines, and short lines between them, are paragraphs of their own."""
    long = LONG * 3
    assert [long.strip(), "Short.", long.strip()] == paragraphs(f"{long}\nShort.\n{long}\n")


def test_hand_wrapped() -> None:
    """Hand-wrapped lines are one paragraph, at 70 columns and at 120."""
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
        assert [text] == paragraphs(text)


def test_wide_letters() -> None:
    """Han characters count as two columns each."""
    line = "图书馆早上九点开门，" * 9 + "星期天休息。"
    assert [line, line] == paragraphs(f"{line}\n{line}")


def test_ideographic_indent() -> None:
    """An ideographic space at the start of a line begins a paragraph."""
    assert ["图书馆九点开门。", "星期天休息。"] == paragraphs("　　图书馆九点开门。\n　　星期天休息。")


def test_title_from_opening() -> None:
    """A document without a title gets its first words, or else its name."""
    assert "It opens at nine." == title_from_opening("\n It opens\tat nine.\nMore")
    assert "The library of the old harbour opens at nine in the morning…" == title_from_opening(LONG)
    assert "a.txt" == load(b"", "a.txt").title
