"""What the encoder reads of a passage: its windows, which are runs of whole sentences, and its heading.

A window is read with the headings above it; a heading by itself, because in many documents it is the question.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from retrieval.model import Passage
from retrieval.ranking.forms import digest, digests
from retrieval.ranking.rows import Rows

# As long as a quote by default, so that a vector stands for about one quote.
WINDOW_CHARS = 300
# A last window shorter than this is joined to the one before it.
_SHORTEST_CHARS = 80
_CONTEXT_CHARS = 160


def cut(starts: Sequence[int], ends: Sequence[int]) -> list[int]:
    """Return the ordinals of the pieces that begin a window, for the pieces of one passage."""
    firsts: list[int] = []
    begin = 0
    for ordinal, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if not firsts or end - begin > WINDOW_CHARS:
            firsts.append(ordinal)
            begin = start
    if len(firsts) > 1 and ends[-1] - starts[firsts[-1]] < _SHORTEST_CHARS:
        firsts.pop()
    return firsts


def texts(passage: Passage, starts: Sequence[int], ends: Sequence[int]) -> Iterator[str]:
    """Yield what the encoder reads for each window of a passage."""
    context = context_of(passage)
    for first, after in pairwise([*cut(starts, ends), len(starts)]):
        words = " ".join(passage.text[starts[first] : ends[after - 1]].split())
        yield f"{context}: {words}" if context else words


def context_of(passage: Passage) -> str:
    """Return the title and the last two headings of a passage, each once."""
    parts = dict.fromkeys((passage.title, *passage.heading[-2:]))
    return " - ".join(part for part in parts if part)[:_CONTEXT_CHARS]


def heading_of(passage: Passage) -> str:
    """Return the nearest heading of a passage, or its document's title."""
    return passage.heading[-1] if passage.heading else passage.title


def heading_key(heading: str) -> int:
    """Return the key of a heading, which differs from that of a window of the same words."""
    return digest(f"\0heading\0{heading}")


def keys(passages: Sequence[Passage], pieces: Rows, piece_ends: NDArray[np.uint16]) -> Rows:
    """Return the keys (uint64 digests) of the windows of each passage, a row a passage."""
    starts, ends = pieces.values.tolist(), piece_ends.tolist()
    read = [
        list(texts(passage, starts[first:last], ends[first:last]))
        for passage, (first, last) in zip(passages, pairwise(pieces.offsets.tolist()), strict=True)
    ]
    lengths = np.array([len(row) for row in read], np.int64)
    return Rows.counted(lengths, digests(chain.from_iterable(read)))
