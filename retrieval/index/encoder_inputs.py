"""The texts of a passage that the encoder reads: the whole with its headings, and each piece alone.

The whole represents the subject of the passage, a piece represents a quote. The vector of a longer quote is
the mean of its pieces' vectors, weighted by length. That finds as many answers as a vector of the quote
itself (figures in docs/ranking.md).
"""

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from retrieval.embeddings.vector_store import EncoderText
from retrieval.index.arrays import RaggedArray
from retrieval.index.vocabulary import digest, digests
from retrieval.model.document import Passage

_MAX_HEADINGS_CHARS = 160
_MAX_INPUT_CHARS = 1_600


def encoder_keys(
    passages: Sequence[Passage], pieces: RaggedArray, piece_ends: NDArray[np.uint16]
) -> RaggedArray:
    """Return the keys (uint64) of the texts of each passage: of the whole, then of its pieces.

    `pieces` has the piece starts of each passage, `piece_ends` the ends beside its values, in characters.
    """
    starts, ends = pieces.values.tolist(), piece_ends.tolist()
    texts = [
        [_passage_text(passage), *_piece_texts(passage, starts[first:last], ends[first:last])]
        for passage, (first, last) in zip(passages, pairwise(pieces.offsets.tolist()), strict=True)
    ]
    lengths = np.array([len(row) for row in texts], np.int64)
    return RaggedArray.from_lengths(lengths, digests(chain.from_iterable(texts)))


def encoder_texts(passage: Passage, starts: Sequence[int], ends: Sequence[int]) -> Iterator[EncoderText]:
    """Yield the texts of a passage with pieces from `starts` to `ends`, in the order of `encoder_keys`."""
    whole = _passage_text(passage)
    yield EncoderText(digest(whole), whole, is_whole=True)
    for text in _piece_texts(passage, starts, ends):
        yield EncoderText(digest(text), text, is_whole=False)


def _passage_text(passage: Passage) -> str:
    """Return the title, the last two headings (each once) and the text, all cut to what the encoder reads."""
    parts = dict.fromkeys((passage.title, *passage.heading[-2:]))
    headings = " - ".join(part for part in parts if part)[:_MAX_HEADINGS_CHARS]
    return f"{headings}: {' '.join(passage.text[:_MAX_INPUT_CHARS].split())}"


def _piece_texts(passage: Passage, starts: Sequence[int], ends: Sequence[int]) -> Iterator[str]:
    for start, end in zip(starts, ends, strict=True):
        yield " ".join(passage.text[start:end].split())
