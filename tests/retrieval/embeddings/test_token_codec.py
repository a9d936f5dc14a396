"""Token vectors in two bits per dimension."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.embeddings.encoder import TokenCodec, TokenCodes, Vectors

# The levels of the quantizer, in standard deviations, and the limits between them.
LEVELS = [-1.510, -0.4528, 0.4528, 1.510]
LIMITS = [-0.9816, 0.0, 0.9816]


@st.composite
def codecs(draw: st.DrawFn) -> TokenCodec:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dimensions = 4 * draw(st.integers(1, 12))
    means, deviations = rng.normal(0, 0.2, dimensions), rng.uniform(0.01, 0.3, dimensions)
    return TokenCodec(means.astype(np.float32), deviations.astype(np.float32))


def vectors_for(codec: TokenCodec, seed: int, count: int) -> Vectors:
    """Return random vectors with the moments of a codec."""
    drawn = np.random.default_rng(seed).standard_normal((count, len(codec.means)))
    vectors: Vectors = (drawn * codec.deviations + codec.means).astype(np.float32)
    return vectors


def decode(codec: TokenCodec, codes: TokenCodes) -> Vectors:
    """Return the vectors of codes, which are their inner products with the unit vectors."""
    return codec.similarity(np.eye(len(codec.means), dtype=np.float32), codes).T


@given(codec=codecs(), seed=st.integers(0, 2**32), count=st.integers(0, 40))
@settings(max_examples=50)
def test_error(codec: TokenCodec, seed: int, count: int) -> None:
    """A value becomes the level of its quarter, and so differs from it by less than the quarter's width."""
    vectors = vectors_for(codec, seed, count)
    codes = codec.encode(vectors)
    assert (count, codec.code_bytes) == codes.shape
    assert codec.code_bytes == len(codec.means) // 4
    deviations = (vectors - codec.means) / codec.deviations
    expected = np.array(LEVELS)[np.searchsorted(LIMITS, deviations)]
    decoded = (decode(codec, codes) - codec.means) / codec.deviations
    assert decoded.tolist() == [pytest.approx(row, abs=1e-3) for row in expected.tolist()]
    inner = np.abs(deviations) < -LIMITS[0]
    assert np.abs(decoded - deviations)[inner].max(initial=0) < 0.54
    assert (np.sign(decoded) == np.sign(deviations))[np.abs(deviations) > 1e-3].all()


@given(codec=codecs(), seed=st.integers(0, 2**32), questions=st.integers(0, 9), count=st.integers(0, 40))
@settings(max_examples=50)
def test_similarity(codec: TokenCodec, seed: int, questions: int, count: int) -> None:
    """Similarities are the inner products with the decoded vectors."""
    question = vectors_for(codec, seed, questions)
    codes = codec.encode(vectors_for(codec, seed + 1, count))
    similarity = codec.similarity(question, codes)
    assert (questions, count) == similarity.shape
    assert np.allclose(question @ decode(codec, codes).T, similarity, rtol=1e-3, atol=1e-3)


def test_decoding_twice() -> None:
    """The codes of decoded vectors are the same codes."""
    codec = TokenCodec(np.linspace(-0.1, 0.1, 16, dtype=np.float32), np.full(16, 0.2, np.float32))
    codes = codec.encode(vectors_for(codec, 1, 50))
    assert np.array_equal(codes, codec.encode(decode(codec, codes)))


def test_normal_distribution() -> None:
    """Normally distributed vectors keep 88% of their variance, the most that two bits can keep."""
    codec = TokenCodec(np.zeros(64, np.float32), np.ones(64, np.float32))
    vectors = vectors_for(codec, 1, 2_000)
    error = ((decode(codec, codec.encode(vectors)) - vectors) ** 2).mean()
    assert 0.1175 == pytest.approx(float(error), abs=0.002)


def test_no_tokens() -> None:
    """A text without tokens has codes of shape (0, code_bytes), and no similarities."""
    codec = TokenCodec(np.zeros(8, np.float32), np.ones(8, np.float32))
    codes = codec.encode(np.zeros((0, 8), np.float32))
    assert (0, 2) == codes.shape
    assert (3, 0) == codec.similarity(np.ones((3, 8), np.float32), codes).shape
    assert (0, 5) == codec.similarity(np.zeros((0, 8), np.float32), np.zeros((5, 2), np.uint8)).shape
