"""The runs of neighbouring pieces that may be quoted, and what of the question each holds."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from retrieval.ranking.evidence import Array, Evidence, Numbers

# A run of more pieces than this is a list of short items, not sentences.
_MOST_PIECES = 24


@dataclass(frozen=True, slots=True)
class Runs:
    """A run a row: its first and last pieces, their counts added up, and the greatest likeness.

    `words`, `grams`, `likeness`, `years`, `numbers` and `capitals` are as in Evidence.
    """

    first: Numbers
    last: Numbers
    words: Array
    grams: Array
    years: Array
    numbers: Array
    capitals: Array
    likeness: Array


def find(evidence: Evidence, kept: Numbers, longest: int) -> Runs:
    """Find all runs of at most `longest` characters in the kept candidates; a single piece always fits."""
    grown = list(_grow(evidence, kept, longest))
    return Runs(*(np.concatenate([getattr(runs, field.name) for runs in grown]) for field in fields(Runs)))


def _grow(evidence: Evidence, kept: Numbers, longest: int) -> Iterator[Runs]:
    """Begin with every piece, then grow all runs together, a piece at a time, while they fit."""
    start = np.flatnonzero(np.isin(evidence.owners, kept))
    runs = Runs(
        first=start,
        last=start,
        words=evidence.words[start],
        grams=evidence.grams[start],
        years=evidence.years[start],
        numbers=evidence.numbers[start],
        capitals=evidence.capitals[start],
        likeness=evidence.likeness[start],
    )
    yield runs
    for _ in range(_MOST_PIECES - 1):
        piece = np.minimum(runs.last + 1, len(evidence.owners) - 1)
        fits = (piece > runs.last) & (evidence.owners[piece] == evidence.owners[runs.first])
        fits &= evidence.ends[piece] - evidence.starts[runs.first] <= longest
        if not fits.any():
            return
        piece = piece[fits]
        runs = Runs(
            first=runs.first[fits],
            last=piece,
            words=runs.words[fits] + evidence.words[piece],
            grams=runs.grams[fits] + evidence.grams[piece],
            years=runs.years[fits] + evidence.years[piece],
            numbers=runs.numbers[fits] + evidence.numbers[piece],
            capitals=runs.capitals[fits] + evidence.capitals[piece],
            likeness=np.maximum(runs.likeness[fits], evidence.likeness[piece]),
        )
        yield runs
