"""The vectors stored with a passage: first the vector of the whole, then those of its pieces in order."""

import os
from binascii import a2b_base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from struct import Struct
from typing import Self

import numpy as np
from numpy.typing import NDArray

from retrieval.embeddings.encoder import Encoder, QuestionVectors, Vectors
from retrieval.embeddings.vector_store import (
    FILE_NAME,
    Embeddings,
    EncoderText,
    VectorStore,
    baseline,
    sample_rows,
)
from retrieval.index.candidates import MeaningScores
from retrieval.index.inverted_index import RaggedArray, row_ends
from retrieval.index.segment import Segment

# Texts in a batch, which takes half a second to a second. Larger batches are no faster.
_TEXTS_PER_THREAD = 16
_PASSAGES_PER_BLOCK = 1_000
# The numbers of wholes, pieces and dimensions.
_SAMPLE_HEADER = Struct("<III")


@dataclass(frozen=True, slots=True)
class PassageVectors:
    """The vectors of some passages, quantized to 8 bits a dimension.

    `counts` are the numbers of vectors of each passage: one for the whole and one for each piece, or 0. A
    vector is its row of `numbers`, shape (vectors, dimensions), times its scale.
    """

    counts: NDArray[np.int64]
    scales: NDArray[np.float32]
    numbers: NDArray[np.int8]

    @classmethod
    def quantize(cls, counts: NDArray[np.int64], vectors: Vectors) -> Self:
        """Quantize vectors; quantizing dequantized vectors again does not change them."""
        scales = np.maximum(np.abs(vectors).max(axis=1, initial=0), 1e-9) / 127
        return cls(counts, scales.astype(np.float32), np.rint(vectors / scales[:, None]).astype(np.int8))

    @classmethod
    def empty(cls, passages: int) -> Self:
        """Return the vectors of passages that were not encoded."""
        return cls(np.zeros(passages, np.int64), np.zeros(0, np.float32), np.zeros((0, 0), np.int8))

    @property
    def dimensions(self) -> int:
        return int(self.numbers.shape[1])

    def take(self, passages: NDArray[np.intp]) -> "PassageVectors":
        """Return the vectors of these passages, in the order given."""
        at, counts = RaggedArray.from_lengths(self.counts, self.scales).positions(passages)
        return PassageVectors(counts, self.scales[at], self.numbers[at])

    def wholes(self) -> Vectors:
        """Return the vectors of whole passages, without those that were not encoded."""
        return self._dequantize(self._is_whole())

    def pieces(self) -> Vectors:
        """Return the vectors of all pieces, in the order of the passages."""
        return self._dequantize(~self._is_whole())

    def sample(self) -> "VectorSample":
        return VectorSample(sample_rows(self.wholes()), sample_rows(self.pieces()))

    def _is_whole(self) -> NDArray[np.bool_]:
        is_whole = np.zeros(len(self.scales), np.bool_)
        is_whole[row_ends(self.counts)[:-1][self.counts > 0]] = True
        return is_whole

    def _dequantize(self, mask: NDArray[np.bool_]) -> Vectors:
        vectors: Vectors = self.numbers[mask].astype(np.float32) * self.scales[mask, None]
        return vectors


@dataclass(frozen=True, slots=True)
class VectorSample:
    """Vectors of a sample of an index's passages and of their pieces, from which baselines are computed."""

    wholes: Vectors
    pieces: Vectors

    def compare(self, passages: PassageVectors, question: QuestionVectors) -> MeaningScores | None:
        """Return similarities to a question and their baselines, or None if a passage was not encoded."""
        if not len(passages.counts) or not passages.counts.all():
            return None
        vector = question.vector
        wholes: Vectors = passages.wholes() @ vector - np.float32(baseline(self.wholes, vector))
        pieces = passages.pieces()
        baselines = np.full(len(pieces), baseline(self.pieces, vector), np.float32)
        return MeaningScores(vector, wholes, pieces, baselines)

    def pack(self) -> bytes:
        vectors = PassageVectors.quantize(
            np.array([len(self.wholes) + len(self.pieces)]), np.concatenate([self.wholes, self.pieces])
        )
        header = _SAMPLE_HEADER.pack(len(self.wholes), len(self.pieces), vectors.dimensions)
        return header + vectors.scales.astype("<f4").tobytes() + vectors.numbers.tobytes()

    @classmethod
    def unpack(cls, stored: str) -> Self:
        """Return a packed sample, given in base64."""
        data = a2b_base64(stored)
        wholes, pieces, dimensions = _SAMPLE_HEADER.unpack_from(data)
        count = wholes + pieces
        scales = np.frombuffer(data, "<f4", count, _SAMPLE_HEADER.size)
        numbers = np.frombuffer(data, np.int8, count * dimensions, _SAMPLE_HEADER.size + scales.nbytes)
        vectors: Vectors = numbers.reshape(count, dimensions).astype(np.float32) * scales[:, None]
        return cls(vectors[:wholes], vectors[wholes:])


def cached_embeddings(encoder: Encoder, index_dir: Path | None, alias: str) -> Embeddings:
    """Return the encoder with its vectors for this alias, stored in a file if there is an `index_dir`."""
    path = index_dir and index_dir / f"cluster-{alias}" / FILE_NAME
    return Embeddings(encoder, VectorStore(path, encoder.name, encoder.dimensions))


def encode_missing_passages(
    segment: Segment, numbers: Sequence[int], embeddings: Embeddings
) -> Iterator[int]:
    """Encode the texts of passages that have no vectors yet; yield the size of each batch. Blocks."""
    for start in range(0, len(numbers), _PASSAGES_PER_BLOCK):
        block = numbers[start : start + _PASSAGES_PER_BLOCK]
        keys = segment.encoder_keys.take(np.array(block, np.int64))
        # Positions in `keys`; a text of several passages is encoded for the first of them.
        missing = embeddings.store.missing(keys.values)
        if not len(missing):
            continue
        passages = np.unique(np.repeat(block, keys.lengths)[missing])
        texts = _each_text_once(segment.encoder_texts(passages.tolist()), set(keys.values[missing].tolist()))
        threads = os.cpu_count() or 1
        while batch := list(islice(texts, _TEXTS_PER_THREAD * threads)):
            embeddings.encode(batch, threads)
            yield len(batch)


def stored_vectors(segment: Segment, numbers: Sequence[int], store: VectorStore) -> PassageVectors:
    """Return the vectors of passages of a segment. Raises ValueError if one is not in the store."""
    keys = segment.encoder_keys.take(np.array(numbers, np.int64))
    rows = store.rows(keys.values)
    if (rows < 0).any():
        raise ValueError(f"{segment.path}: {(rows < 0).sum()} texts are not encoded")
    return PassageVectors.quantize(keys.lengths, store.vectors(rows))


def _each_text_once(texts: Iterator[EncoderText], wanted: set[int]) -> Iterator[EncoderText]:
    for text in texts:
        if text.key in wanted:
            wanted.discard(text.key)
            yield text
