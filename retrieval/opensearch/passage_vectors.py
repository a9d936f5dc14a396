"""The vectors stored with a passage: that of the whole, then those of its pieces in their order."""

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

from retrieval.embeddings.encoder import Encoder, Vectors
from retrieval.embeddings.vector_store import FILE_NAME, Embeddings, VectorStore, missing_keys
from retrieval.index.arrays import RaggedArray, row_ends
from retrieval.index.dense_index import baseline, sample_rows
from retrieval.index.encoder_inputs import EncoderText
from retrieval.index.protocol import MeaningScores
from retrieval.index.segment import Segment

# Texts for each thread: half a second to a second. Larger batches are no faster.
_ENCODED_AT_ONCE = 16
_READ_AT_ONCE = 1_000
# How many wholes, pieces and dimensions there are.
_SAMPLE_HEAD = Struct("<III")


@dataclass(frozen=True, slots=True)
class PassageVectors:
    """The vectors of some passages, in 8 bits a dimension.

    `counts` tells how many each passage has: one for the whole and one for each of its pieces, or none. A
    vector is a row of `numbers`, multiplied by its scale.
    """

    counts: NDArray[np.int64]
    scales: NDArray[np.float32]
    numbers: NDArray[np.int8]

    @classmethod
    def of(cls, counts: NDArray[np.int64], vectors: Vectors) -> Self:
        """Quantize vectors; those that were quantized before stay as they are."""
        scales = np.maximum(np.abs(vectors).max(axis=1, initial=0), 1e-9) / 127
        return cls(counts, scales.astype(np.float32), np.rint(vectors / scales[:, None]).astype(np.int8))

    @classmethod
    def none(cls, passages: int) -> Self:
        """Return what passages have that were not encoded."""
        return cls(np.zeros(passages, np.int64), np.zeros(0, np.float32), np.zeros((0, 0), np.int8))

    @property
    def dimensions(self) -> int:
        return int(self.numbers.shape[1])

    def take(self, passages: NDArray[np.intp]) -> "PassageVectors":
        """Return the vectors of these passages, in this order."""
        at, counts = RaggedArray.from_lengths(self.counts, self.scales).positions(passages)
        return PassageVectors(counts, self.scales[at], self.numbers[at])

    def wholes(self) -> Vectors:
        """Return the vectors of the passages that were encoded."""
        return self._vectors(self._is_whole())

    def pieces(self) -> Vectors:
        """Return the vectors of all pieces, in the order of the passages."""
        return self._vectors(~self._is_whole())

    def sample(self) -> "VectorSample":
        return VectorSample(sample_rows(self.wholes()), sample_rows(self.pieces()))

    def _is_whole(self) -> NDArray[np.bool_]:
        is_whole = np.zeros(len(self.scales), np.bool_)
        is_whole[row_ends(self.counts)[:-1][self.counts > 0]] = True
        return is_whole

    def _vectors(self, wanted: NDArray[np.bool_]) -> Vectors:
        vectors: Vectors = self.numbers[wanted].astype(np.float32) * self.scales[wanted, None]
        return vectors


@dataclass(frozen=True, slots=True)
class VectorSample:
    """Vectors of some passages of an index, and of some of their pieces."""

    wholes: Vectors
    pieces: Vectors

    def compare(self, passages: PassageVectors, question: Vectors) -> MeaningScores | None:
        """Compare passages with a question, beside the sample. None if one of them was not encoded."""
        if not len(passages.counts) or not passages.counts.all():
            return None
        wholes: Vectors = passages.wholes() @ question - np.float32(baseline(self.wholes, question))
        pieces = passages.pieces()
        baselines = np.full(len(pieces), baseline(self.pieces, question), np.float32)
        return MeaningScores(question, wholes, pieces, baselines)

    def packed(self) -> bytes:
        vectors = PassageVectors.of(
            np.array([len(self.wholes) + len(self.pieces)]), np.concatenate([self.wholes, self.pieces])
        )
        head = _SAMPLE_HEAD.pack(len(self.wholes), len(self.pieces), vectors.dimensions)
        return head + vectors.scales.astype("<f4").tobytes() + vectors.numbers.tobytes()

    @classmethod
    def read(cls, stored: str) -> Self:
        """Read what was packed, from base64."""
        data = a2b_base64(stored)
        wholes, pieces, dimensions = _SAMPLE_HEAD.unpack_from(data)
        count = wholes + pieces
        scales = np.frombuffer(data, "<f4", count, _SAMPLE_HEAD.size)
        numbers = np.frombuffer(data, np.int8, count * dimensions, _SAMPLE_HEAD.size + scales.nbytes)
        vectors: Vectors = numbers.reshape(count, dimensions).astype(np.float32) * scales[:, None]
        return cls(vectors[:wholes], vectors[wholes:])


def cached_embeddings(encoder: Encoder, index_dir: Path | None, alias: str) -> Embeddings:
    """Return an encoder with the vectors it has made for the index of this name, kept in a file."""
    path = index_dir and index_dir / f"cluster-{alias}" / FILE_NAME
    return Embeddings(encoder, VectorStore(path, encoder.name, encoder.dimensions))


def encode(segment: Segment, numbers: Sequence[int], embeddings: Embeddings) -> Iterator[int]:
    """Make the vectors that passages of a segment lack, some at a time, and yield how many. Blocks."""
    for at in range(0, len(numbers), _READ_AT_ONCE):
        part = numbers[at : at + _READ_AT_ONCE]
        rows = segment.encoder_keys.take(np.array(part, np.int64))
        # Each text by the first of the passages that it is in.
        lacking = missing_keys(embeddings.store, rows.values)
        if not len(lacking):
            continue
        own = np.unique(np.repeat(part, rows.lengths)[lacking])
        texts = _each_once(segment.encoder_texts(own.tolist()), set(rows.values[lacking].tolist()))
        threads = os.cpu_count() or 1
        while batch := list(islice(texts, _ENCODED_AT_ONCE * threads)):
            embeddings.encode(batch, threads)
            yield len(batch)


def vectors_of(segment: Segment, numbers: Sequence[int], store: VectorStore) -> PassageVectors:
    """Return the vectors of passages of a segment. Raises ValueError where the store lacks one."""
    keys = segment.encoder_keys.take(np.array(numbers, np.int64))
    rows = store.rows(keys.values)
    if (rows < 0).any():
        raise ValueError(f"{segment.path}: texts that were not encoded: {(rows < 0).sum()}")
    return PassageVectors.of(keys.lengths, store.vectors(rows))


def _each_once(texts: Iterator[EncoderText], wanted: set[int]) -> Iterator[EncoderText]:
    for read in texts:
        if read.key in wanted:
            wanted.discard(read.key)
            yield read
