"""The unigram tokenizer is compared with all ways to split a word."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.embeddings.e5 import UnigramTokenizer

PIECES = ["<unk>", "▁", "a", "b", "ab", "▁a", "▁ab", "ba", "bab", "▁b"]
SCORES = [0.0, -2.0, -3.0, -3.5, -4.0, -3.2, -4.1, -4.4, -5.9, -6.0]
UNKNOWN_SCORE = min(SCORES) - 10


@pytest.fixture
def tokenizer() -> UnigramTokenizer:
    return UnigramTokenizer(PIECES, SCORES, 0, {ord("A"): "a", ord("½"): "ab b", ord("\0"): ""})


def _splits(word: str) -> Iterator[list[str]]:
    """Yield all ways to split a word into pieces; unknown pieces are single characters."""
    if not word:
        yield []
    for end in range(1, len(word) + 1):
        if word[:end] in PIECES or end == 1:
            for rest in _splits(word[end:]):
                yield [word[:end], *rest]


def _score(pieces: list[str]) -> float:
    return sum(SCORES[PIECES.index(piece)] if piece in PIECES else UNKNOWN_SCORE for piece in pieces)


def _pieces(tokenizer: UnigramTokenizer, text: str) -> list[str]:
    return [PIECES[number] for number in tokenizer.encode(text, 1_000)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ab", ["▁ab"]),
        ("bab", ["▁", "bab"]),
        ("ab ba", ["▁ab", "▁", "ba"]),
        ("  ab\n\tab ", ["▁ab", "▁ab"]),
        ("AB", ["▁a", "<unk>"]),
        ("½", ["▁ab", "▁", "b"]),
        ("a\0b", ["▁ab"]),
        ("x", ["▁", "<unk>"]),
        ("<unk>", ["▁", *["<unk>"] * 5]),
        ("", []),
    ],
)
def test_the_best_pieces(tokenizer: UnigramTokenizer, text: str, expected: list[str]) -> None:
    """Words are split so that the scores add up highest, after characters are normalized."""
    assert expected == _pieces(tokenizer, text)


@given(st.text(st.sampled_from("abx"), min_size=1, max_size=8))
def test_no_split_is_better(word: str) -> None:
    """No other split of a word has a higher score."""
    tokenizer = UnigramTokenizer(PIECES, SCORES, 0, {})
    ids = tokenizer.encode(word, 1_000)
    score = sum(SCORES[number] if number else UNKNOWN_SCORE for number in ids)
    assert pytest.approx(max(map(_score, _splits("▁" + word)))) == score


@pytest.mark.parametrize("limit", [0, 1, 3, 5])
def test_limit(tokenizer: UnigramTokenizer, limit: int) -> None:
    """A long text is cut to the first pieces, up to the limit."""
    assert tokenizer.encode("bab " * 50, 1_000)[:limit] == tokenizer.encode("bab " * 50, limit)
