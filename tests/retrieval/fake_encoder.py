"""An encoder that needs no model: texts are the more similar, the more words they share."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from retrieval.embeddings.encoder import Vectors
from retrieval.errors import EncoderError


class FakeEncoder:
    """Encodes a text as the sum of vectors that its words' spellings decide; `texts` are those it read."""

    dimensions = 64

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.texts: list[str] = []

    def typical(self, language: str) -> None:  # noqa: ARG002  # as the protocol has it
        return None

    def encode_question(self, text: str) -> Vectors:
        return self._encoded(text)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return np.array([self._encoded(text) for text in texts], np.float32).reshape(-1, self.dimensions)

    def _encoded(self, text: str) -> Vectors:
        # As those of a real encoder, no two vectors point in opposite directions.
        total = np.full(self.dimensions, 0.5)
        for word in text.casefold().split():
            seed = crc32(word.strip(".,:;?!").encode("utf-8", "replace"))
            total += np.random.default_rng(seed).standard_normal(self.dimensions)
        unit: Vectors = (total / np.linalg.norm(total)).astype(np.float32)
        return unit


class BrokenEncoder(FakeEncoder):
    """Cannot be loaded when it is needed."""

    def encode_question(self, text: str) -> Vectors:
        raise EncoderError(text)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        raise EncoderError(texts[0])
