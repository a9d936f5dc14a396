from itertools import pairwise

import regex
from hypothesis import example, given
from hypothesis import strategies as st

from retrieval.sentences import pieces

HARD = st.text(
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
        ]
    )
    | st.characters(exclude_categories=["Cs"]),
    max_size=120,
)
LANGUAGES = st.sampled_from(["en", "ru", "ar", "zh", "ja", "hi", "th", "tr", "my", "km", "sw", "xx"])


def texts(text: str, longest: int = 300, language: str = "en") -> list[str]:
    return [piece.of(text) for piece in pieces(text, language, longest)]


def test_sentences() -> None:
    """Sentences are parted without the space between them."""
    assert ["Dr. Smith came.", "He left at 5.30 😀.", "Why?"] == texts(
        "Dr. Smith came.  He left at 5.30 😀. Why? "
    )


def test_long_sentence() -> None:
    """A sentence that is too long is parted at its clauses, then at its spaces."""
    clause = "and the keeper of the lighthouse wrote it all down, "
    assert [clause.strip()] * 6 == texts(clause * 6, 60)
    assert all(len(text) <= 60 and not text.startswith("ord") for text in texts("word " * 60, 60))


def test_one_long_word() -> None:
    """A word of ten thousand letters is parted between letters, never within one."""
    word = "e\u0301" * 5000
    found = texts(word, 301)
    assert word == "".join(found)
    assert all(len(text) <= 301 and not text.startswith("\u0301") for text in found)


@given(text=HARD, language=LANGUAGES, longest=st.integers(1, 60))
@example(text="a. \u0301b", language="en", longest=300)
@example(text="\u0301" * 50, language="en", longest=10)
def test_pieces(text: str, language: str, longest: int) -> None:
    """Pieces cover all but space in order, fit the limit, are trimmed, and part no letter that fits."""
    found = pieces(text, language, longest)
    assert "".join(text.split()) == "".join("".join(piece.of(text).split()) for piece in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
    letters = {position for match in regex.finditer(r"\X", text) for position in match.span()}
    longest_letter = max((len(letter) for letter in regex.findall(r"\X", text)), default=0)
    for piece in found:
        assert 0 < len(piece) <= longest
        assert piece.of(text) == piece.of(text).strip()
        for edge in (piece.start, piece.end):
            beside_space = text[edge - 1 : edge].isspace() or text[edge : edge + 1].isspace()
            assert edge in letters or beside_space or longest_letter > longest


def test_numbers_of_items_belong_to_what_follows() -> None:
    """A list's number stays with its item: no quote ends in a lone number."""
    text = "Call first.\n\n1. Close the valve.\n\n2. Open the door. Leave.\n\n3."
    found = [text[piece.start : piece.end] for piece in pieces(text, "en", 300)]
    assert ["Call first.", "1. Close the valve.", "2. Open the door.", "Leave.", "3."] == found
