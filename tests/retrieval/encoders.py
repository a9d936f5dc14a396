"""An encoder for tests that takes no time: texts that share words have similar vectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from retrieval.meaning.encoder import Vectors


@dataclass
class HashEncoder:
    """Adds up a vector for each word, made from its digest. `encoded` are the passages it was given."""

    name: str = "hashes"
    dimensions: int = 64
    encoded: list[str] = field(default_factory=list)
    before_passages: Callable[[], None] = lambda: None

    def encode_question(self, text: str) -> Vectors:
        vector: Vectors = self._encode([text])[0]
        return vector

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        self.before_passages()
        self.encoded += texts
        return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        summed = [sum(map(self._word, text.lower().split()), self._word("")) for text in texts]
        vectors: Vectors = np.array(summed, np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def _word(self, word: str) -> Vectors:
        seed = int.from_bytes(blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little")
        vector: Vectors = np.random.default_rng(seed).standard_normal(self.dimensions, np.float32)
        return vector
