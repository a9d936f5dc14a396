from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.loaders.chunking import MAX_JOINED_CHARS, MAX_PART_CHARS, main_language, split_passages
from retrieval.loaders.text import markdown, plain_text
from retrieval.model import Document, LineMark, Page, Passage, Span, Unit

SENTENCE = "The keeper of the lighthouse writes the weather into a blue book every morning. "


def read(text: str) -> list[Passage]:
    return list(split_passages(plain_text.load(text.encode(), "a.txt")))


def test_places() -> None:
    """A passage has its line, paragraph and heading path."""
    document = markdown.load(b"# A\n\none\n\n## B\n\ntwo\n\n# C\n\nthree\n", "a.md")
    assert [(3, 1, ("A",)), (7, 2, ("A", "B")), (11, 3, ("C",))] == [
        (passage.line, passage.paragraph, passage.heading) for passage in split_passages(document)
    ]


def test_long_paragraph() -> None:
    """A long paragraph is split at sentences; each part repeats the last sentence of the one before."""
    passages = read(SENTENCE * 40)
    assert len(passages) > 1
    assert all(len(passage.span) <= MAX_PART_CHARS for passage in passages)
    assert all(
        passage.text.startswith("The keeper") and passage.text.endswith("morning.") for passage in passages
    )
    overlaps = [a.span.end - b.span.start for a, b in pairwise(passages)]
    assert {len(SENTENCE.strip())} == set(overlaps)
    assert {1} == {passage.paragraph for passage in passages}


@given(gaps=st.lists(st.integers(1, 1500), min_size=3, max_size=12))
def test_no_passage_inside_another(gaps: list[int]) -> None:
    """The parts of a paragraph cover it, and none lies within another."""
    text = "Start here." + "".join(" " * gap + "And so on it goes." for gap in gaps) + "x" * 2000
    document = Document("a.txt", "a", text, (Span(0, len(text)),))
    spans = [passage.span for passage in split_passages(document)]
    assert 0 == spans[0].start
    assert len(text) == spans[-1].end
    assert all(a.start < b.start and a.end < b.end for a, b in pairwise(spans))


def test_ids() -> None:
    """Ids are unique for repeated text, safe in links and stable."""
    text = "\n\n".join([SENTENCE * 4] * 3)
    ids = [passage.id for passage in read(text)]
    assert 3 == len(set(ids))
    assert all(
        len(identity) <= 32 and identity.replace("-", "").replace("_", "").isalnum() for identity in ids
    )
    assert ids == [passage.id for passage in read(text)]


def test_languages() -> None:
    """Paragraphs in another script have their own language and are not joined to others."""
    passages = read(
        "The library opens at nine in the morning.\n\nБиблиотека открыта с девяти утра.\n\n"
        "図書館は九時に開きます。\n\n日曜休館\n\n" + "1234 " * 60
    )
    assert ["en", "ru", "ja", "en"] == [passage.language for passage in passages]


def test_short_lines_in_another_script() -> None:
    """Links, names and terms do not have a language of their own, and are joined to the text around them."""
    passages = read(
        "好用，长句翻译有时优于谷歌翻译。\n\nhttps://www.websiteplanet.com/webtools/spell-checker\n\n"
        "Reference 一键式操作，什么 APA，IEEE 格式都支持，论文写完以后可以用它来检查。"
    )
    assert ["zh"] == [passage.language for passage in passages]
    passages = read("Справка LibreOffice 7.4\n\nЗдесь указано, как вставить в документ поле даты.")
    assert ["ru"] == [passage.language for passage in passages]


def test_main_language() -> None:
    """The language of a document is that of most of its text, not of most of its passages."""
    russian = "Здесь указано, как вставить в документ поле даты, которое меняется. " * 8
    passages = read(
        "Read the manual before you begin.\n\n" + russian + "\n\nWrite to us whenever it fails to work."
    )
    assert ["en", "ru", "en"] == [passage.language for passage in passages]
    assert "ru" == main_language(passages)


def passage_texts(text: str) -> list[str]:
    """Return the passages of a Markdown text, with bars between joined paragraphs."""
    return [
        passage.text.replace("\n\n", " | ")
        for passage in split_passages(markdown.load(text.encode(), "a.md"))
    ]


LONG = (
    "The keeper writes the weather into a blue book every morning, and the tide, and the names of ships. " * 3
)
LONG = LONG.strip()
ITEM = LONG[:260]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One.\n\nTwo.", ["One. | Two."]),
        (f"{LONG}\n\nTwo.\n\n{LONG}", [LONG, "Two.", LONG]),
        (f"It is so:\n\n{LONG}", [f"It is so: | {LONG}"]),
        (f"{LONG} So：\n\n{ITEM}", [f"{LONG} So： | {ITEM}"]),
        (f"{LONG[:-1]}:\n\n- one\n- two\n\n    code", [f"{LONG[:-1]}: | one | two | code"]),
        (f"So:\n\n```\n{LONG}\n```", [f"So: | {LONG}"]),
        (f"So:\n\n- {ITEM}\n- {ITEM}\n- {ITEM}", [f"So: | {ITEM} | {ITEM}", ITEM]),
        (f"{ITEM}\n\n{ITEM}", [ITEM, ITEM]),
        (f"- {ITEM}\n- {ITEM}\n\nEnd", [f"{ITEM} | {ITEM}", "End"]),
        ("So:\n\n# A\n\none\n\n# B\n\ntwo", ["So:", "one", "two"]),
        ("So:\n\n|a|b|\n|-|-|\n|1|2|\n|3|4|", ["So:", "a: 1\nb: 2 | a: 3\nb: 4"]),
        (f"|a|b|\n|-|-|\n|{ITEM}|2|\n|{ITEM}|4|", [f"a: {ITEM}\nb: 2", f"a: {ITEM}\nb: 4"]),
        ("Ferry\n: A ship.\n\nBoat\n: Another.", ["Ferry\nA ship. | Boat\nAnother."]),
        (f"{ITEM[:199]}\n\n{ITEM[:199]}\n\nSo:\n\n{LONG}", [f"{ITEM[:199]} | {ITEM[:199]}", f"So: | {LONG}"]),
    ],
)
def test_joined_blocks(text: str, expected: list[str]) -> None:
    """Short neighbours, list items, and a lead-in with the block it introduces are one passage."""
    assert expected == passage_texts(text)


def test_joined_paragraphs() -> None:
    """A joined passage has the offset and source line of each of its paragraphs."""
    (passage,) = split_passages(markdown.load(b"One.\n\nTwo:\n\n- three\n- four\n", "a.md"))
    assert (1, (6, 12, 19)) == (passage.paragraph, passage.paragraphs)
    assert (LineMark(0, 1), LineMark(6, 3), LineMark(12, 5), LineMark(19, 6)) == passage.lines


@pytest.mark.parametrize(
    ("unit", "expected"), [("page", [(1, 2), (3, 3)]), ("row", [(1, 1), (2, 2), (3, 3)])]
)
def test_pages_and_rows_are_not_joined(unit: Unit, expected: list[tuple[int, int]]) -> None:
    """Blocks on different pages, and rows, are never joined."""
    blocks = (Span(0, 1), Span(3, 4), Span(6, 7))
    document = Document("a.x", "a", "a\n\nb\n\nc", blocks, (), (Page(0, "1"), Page(6, "2")), unit)
    passages = list(split_passages(document))
    assert expected == [
        (passage.paragraph, passage.paragraph + len(passage.paragraphs)) for passage in passages
    ]


BLOCKS = st.lists(
    st.sampled_from(
        ["So:", "One.", "二。", LONG, ITEM, "- item", f"- {ITEM}", "# Heading", "|a|b|\n|-|-|\n|1|2|"]
    ),
    max_size=15,
)


@given(blocks=BLOCKS)
def test_passages_cover_all_blocks(blocks: list[str]) -> None:
    """Passages are ordered slices that cover every block whole; joined ones are bounded."""
    document = markdown.load("\n\n".join(blocks).encode(), "a.md")
    passages = list(split_passages(document))
    assert [passage.text for passage in passages] == [passage.span.of(document.text) for passage in passages]
    assert all(a.span.end < b.span.start for a, b in pairwise(passages))
    starts = [passage.span.start + at for passage in passages for at in (0, *passage.paragraphs)]
    assert [block.start for block in document.blocks] == starts
    assert all(len(passage.span) <= MAX_JOINED_CHARS for passage in passages if passage.paragraphs)
    assert all(heading.text not in passage.text for passage in passages for heading in document.headings)
