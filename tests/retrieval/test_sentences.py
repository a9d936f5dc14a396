from itertools import pairwise

import pytest
import regex
import sentencex
from hypothesis import example, given
from hypothesis import strategies as st

from retrieval.sentences import pieces

TEXT = st.text(
    st.sampled_from(
        [
            *"aB.,;!? \n\t",
            "。",
            "、",
            "字",
            "か",
            "ا",
            "؟",
            "😀",
            "🏽",
            "\u0301",
            "\u200b",
            "\u200d",
            "ก",
            "ำ",
            "\x1c",
            *"\u00a0\u2003\u202f\u3000\u2028",
            "K",
        ]
    )
    | st.characters(exclude_categories=["Cs"]),
    max_size=120,
)
LANGUAGES = st.sampled_from(["en", "ru", "ar", "zh", "ja", "hi", "th", "tr", "my", "km", "sw", "xx"])


def texts(text: str, longest: int = 300, language: str = "en") -> list[str]:
    return [piece.of(text) for piece in pieces(text, language, longest)]


def test_sentences() -> None:
    """Sentences do not include the space between them."""
    assert ["Dr. Smith came.", "He left at 5.30 😀.", "Why?"] == texts(
        "Dr. Smith came.  He left at 5.30 😀. Why? "
    )


def test_spaces_after_abbreviations() -> None:
    """Text on which sentencex panics, a no-break space after an abbreviation, is split like any other."""
    text = "Corning\u00a0Japan\u00a0K\u00a0.\u00a0K\u00a0. Japan\u00a0makes glass.\u00a0It is clear."
    with pytest.raises(BaseException, match="not a char boundary"):
        sentencex.get_sentence_boundaries("en", text)
    assert ["It is clear."] == texts(text)[-1:]


class Panic(BaseException):
    """Like the exception of a panic in a Rust library."""


def test_plain_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text on which sentencex fails is split after full stops."""

    def panic(language: str, text: str) -> list[dict[str, int]]:
        raise Panic(language, text)

    monkeypatch.setattr(sentencex, "get_sentence_boundaries", panic)
    assert ['It is "cold."', "Is it 5.30?", "是的。", "Yes"] == texts('It is "cold." Is it 5.30? 是的。Yes')


def test_long_sentence() -> None:
    """A long sentence is split at clauses, then at spaces."""
    clause = "and the keeper of the lighthouse wrote it all down, "
    assert [clause.strip()] * 6 == texts(clause * 6, 60)
    assert all(len(text) <= 60 and not text.startswith("ord") for text in texts("word " * 60, 60))


def test_one_long_word() -> None:
    """A long word is split between graphemes only."""
    word = "e\u0301" * 5000
    parts = texts(word, 301)
    assert word == "".join(parts)
    assert all(len(part) <= 301 and not part.startswith("\u0301") for part in parts)


@given(text=TEXT, language=LANGUAGES, longest=st.integers(1, 60))
@example(text="a. \u0301b", language="en", longest=300)
@example(text="\u0301" * 50, language="en", longest=10)
def test_pieces(text: str, language: str, longest: int) -> None:
    """Pieces cover all but space in order, are bounded and stripped, and split no grapheme that fits."""
    spans = pieces(text, language, longest)
    assert "".join(text.split()) == "".join("".join(piece.of(text).split()) for piece in spans)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    grapheme_bounds = {position for match in regex.finditer(r"\X", text) for position in match.span()}
    longest_grapheme = max((len(grapheme) for grapheme in regex.findall(r"\X", text)), default=0)
    for piece in spans:
        assert 0 < len(piece) <= longest
        assert piece.of(text) == piece.of(text).strip()
        for edge in (piece.start, piece.end):
            beside_space = text[edge - 1 : edge].isspace() or text[edge : edge + 1].isspace()
            assert edge in grapheme_bounds or beside_space or longest_grapheme > longest


def test_list_item_numbers() -> None:
    """The number of a list item stays with its text."""
    text = "Call first.\n\n1. Close the valve.\n\n2. Open the door. Leave.\n\n3."
    assert ["Call first.", "1. Close the valve.", "2. Open the door.", "Leave.", "3."] == texts(text)
