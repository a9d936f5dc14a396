"""A segment as it is now: without the documents that have changed or gone since it was written."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from retrieval.ranking.postings import Rough, Weighting, passages_of
from retrieval.ranking.segment import Segment


@dataclass(frozen=True, slots=True)
class Leaf:
    """A segment and the ordinals of its documents that are `gone`, which count for nothing.

    `kept` tells which passages stay, `size` how many they are, `length` their tokens.
    """

    segment: Segment
    gone: frozenset[int] = frozenset()
    kept: NDArray[np.bool_] = field(init=False, compare=False)
    size: int = field(init=False)
    length: int = field(init=False)
    languages: Counter[str] = field(init=False)
    # For each row of the postings how many of its passages are gone.
    _lost: dict[int, int] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        segment = self.segment
        kept = np.ones(len(segment), np.bool_)
        for document in self.gone:
            kept[slice(*segment.documents[document : document + 2].tolist())] = False
        set_ = object.__setattr__
        set_(self, "kept", kept)
        set_(self, "size", int(kept.sum()))
        set_(self, "length", int(segment.postings.lengths.sum(where=kept, dtype=np.int64)))
        set_(self, "languages", segment.counted(kept) if self.gone else segment.languages)
        set_(self, "_lost", self._counted(np.flatnonzero(~kept)) if self.gone else {})

    def without(self, documents: Iterable[int]) -> "Leaf":
        gone = self.gone.union(documents)
        return self if gone == self.gone else Leaf(self.segment, gone)

    def lists(self, terms: NDArray[np.uint64]) -> list[tuple[NDArray[np.uint32], int]]:
        """Give the posting list of each term, by its digest, and how many of these passages hold it."""
        postings, lost = self.segment.postings, self._lost
        found = ((row, postings.postings(row)) for row in postings.rows(terms))
        return [(own, len(own) - lost.get(row, 0)) for row, own in found]

    def context_lists(self, terms: NDArray[np.uint64]) -> list[NDArray[np.uint32]]:
        """Return for each term, by its digest, the postings of the passages whose context holds it."""
        context = self.segment.context
        lists = [context.postings(row) for row in context.rows(terms)]
        return [own[self.kept[passages_of(own)]] for own in lists] if self.gone else lists

    def rough_norms(self, weighting: Weighting) -> Rough:
        """Give the norms of all passages; a passage that is gone scores nothing by its infinite one."""
        lengths = self.segment.postings.lengths
        norms = weighting.norms(np.arange(int(lengths.max(initial=0)) + 1)).astype(np.float32)[lengths]
        if self.gone:
            norms[~self.kept] = np.inf
        return norms

    def _counted(self, passages: NDArray[np.intp]) -> dict[int, int]:
        """Count the terms of some passages, each once a passage."""
        forward = self.segment.forward(passages.tolist())
        terms, of_form = np.unique(forward.forms.terms, return_inverse=True)
        owners = np.repeat(np.arange(len(passages)), forward.tokens.lengths)
        pairs = np.unique(owners * max(len(terms), 1) + of_form[forward.tokens.values])
        counts = np.bincount(pairs % max(len(terms), 1), minlength=len(terms))
        return dict(zip(self.segment.postings.rows(terms), counts.tolist(), strict=True))
