"""An encoder without a model: the more words texts share, the more similar they are."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from retrieval.embeddings.encoder import QuestionVectors, TokenCodec, TokenCodes, Vectors
from retrieval.errors import EncoderError


class FakeEncoder:
    """Encodes a text as the sum of random vectors seeded by its words; `texts` are the passages encoded."""

    dimensions = 64
    answer_direction = np.zeros(64, np.float32)
    token_codec = TokenCodec(np.zeros(64, np.float32), np.full(64, 0.125, np.float32))

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.texts: list[str] = []

    def word_likelihood(self, word: str) -> float:
        """Take only words with a vowel for words."""
        return -3.0 if any(letter in "aeiouy" for letter in word.lower()) else -6.0

    def mean_vectors(self, language: str) -> None:  # noqa: ARG002  # part of the protocol
        return None

    def encode_question(self, text: str) -> QuestionVectors:
        return QuestionVectors(self._encode(text), self._encode_words(text))

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return np.array([self._encode(text) for text in texts], np.float32).reshape(-1, self.dimensions)

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[TokenCodes]]:
        return self.encode_passages(texts), [
            self.token_codec.encode(self._encode_words(text)) for text in texts
        ]

    def _encode_words(self, text: str) -> Vectors:
        return np.array([self._encode(word) for word in text.split()], np.float32).reshape(
            -1, self.dimensions
        )

    def _encode(self, text: str) -> Vectors:
        # As with a real encoder, no two vectors point in opposite directions.
        total = np.full(self.dimensions, 0.5)
        for word in text.casefold().split():
            seed = crc32(word.strip(".,:;?!").encode("utf-8", "replace"))
            total += np.random.default_rng(seed).standard_normal(self.dimensions)
        unit: Vectors = (total / np.linalg.norm(total)).astype(np.float32)
        return unit


class BrokenEncoder(FakeEncoder):
    """Raises EncoderError, as an encoder that cannot be loaded does."""

    def encode_question(self, text: str) -> QuestionVectors:
        raise EncoderError(text)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        raise EncoderError(texts[0])
