"""What the encoder reads of a passage: the whole of it with its headings, and each of its sentences alone."""

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.index.arrays import RaggedArray
from retrieval.index.vocabulary import digest, digests
from retrieval.model import Passage

_MAX_CONTEXT_CHARS = 160
_MAX_PASSAGE_CHARS = 1_600


class EncoderText(NamedTuple):
    """A text that the encoder reads, and its key in a vector store."""

    key: int
    text: str


def encoder_keys(
    passages: Sequence[Passage], pieces: RaggedArray, piece_ends: NDArray[np.uint16]
) -> RaggedArray:
    """Return the keys (uint64) of what the encoder reads: of each passage the whole, then its pieces."""
    starts, ends = pieces.values.tolist(), piece_ends.tolist()
    read = [
        [_passage_text(passage), *_piece_texts(passage, starts[first:last], ends[first:last])]
        for passage, (first, last) in zip(passages, pairwise(pieces.offsets.tolist()), strict=True)
    ]
    lengths = np.array([len(row) for row in read], np.int64)
    return RaggedArray.counted(lengths, digests(chain.from_iterable(read)))


def encoder_texts(passage: Passage, starts: Sequence[int], ends: Sequence[int]) -> Iterator[EncoderText]:
    """Yield what the encoder reads of a passage whose pieces begin and end there, in the order of `keys`."""
    for text in (_passage_text(passage), *_piece_texts(passage, starts, ends)):
        yield EncoderText(digest(text), text)


def _passage_text(passage: Passage) -> str:
    """Return a passage after its title and its last two headings, each once."""
    parts = dict.fromkeys((passage.title, *passage.heading[-2:]))
    context = " - ".join(part for part in parts if part)[:_MAX_CONTEXT_CHARS]
    return f"{context}: {' '.join(passage.text[:_MAX_PASSAGE_CHARS].split())}"


def _piece_texts(passage: Passage, starts: Sequence[int], ends: Sequence[int]) -> Iterator[str]:
    for start, end in zip(starts, ends, strict=True):
        yield " ".join(passage.text[start:end].split())
