"""The index on this machine: segments on disk, searched as one."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from retrieval.model import Passage
from retrieval.ranking import segment as segments
from retrieval.ranking.analysis import tokenize
from retrieval.ranking.forms import digests
from retrieval.ranking.forward import Forward
from retrieval.ranking.index import Candidates
from retrieval.ranking.leaf import Leaf
from retrieval.ranking.postings import Numbers, Scores, Weighting
from retrieval.ranking.pruning import Asked, best, kth
from retrieval.ranking.segment import Passages
from retrieval.ranking.spelling import nearest

# Above so many postings a search is long enough to be done beside the event loop, which takes 0.1 ms itself.
_LONG = 200_000


# A row of the postings a term (second axis), for each leaf (first axis); -1 where the term is not.
Rows = Sequence[Sequence[int]]


class EmbeddedIndex:
    """All passages of a library, as `leaves`. Never changes."""

    def __init__(self, leaves: Sequence[Leaf] = ()) -> None:
        self.leaves = tuple(leaves)
        self.size = sum(leaf.size for leaf in leaves)
        counted = sum((leaf.languages for leaf in leaves), Counter[str]())
        self.languages = tuple(sorted(counted, key=lambda language: (-counted[language], language)))
        self._weighting = Weighting(self.size, sum(leaf.length for leaf in leaves))
        # What a search adds up in: taken by one, put back for the next.
        self._sums: list[Sequence[Scores]] = []

    @classmethod
    def build(cls, passages: Sequence[Passage], longest_piece: int) -> Self:
        """Index passages for as long as this is used."""
        if not passages:
            return cls()
        with tempfile.TemporaryDirectory() as folder:
            return cls([Leaf(segments.build(Path(folder), passages, longest_piece))])

    @cached_property
    def _norms(self) -> list[Scores]:
        return [leaf.norms(self._weighting) for leaf in self.leaves]

    def document(self, identity: str) -> Passages:
        """Give the passages of the document with this id, none when there is no such."""
        for leaf in self.leaves:
            found = leaf.segment.find(identity)
            if found is not None and found not in leaf.gone:
                return Passages(leaf.segment, *leaf.segment.documents[found : found + 2].tolist())
        return Passages(None, 0, 0)

    def without(self, documents: Iterable[str]) -> "EmbeddedIndex":
        """Leave out documents, by their ids."""
        gone = list(documents)
        leaves = (leaf.without(leaf.segment.find_all(gone)) for leaf in self.leaves)
        return EmbeddedIndex([leaf for leaf in leaves if leaf.size])

    async def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        return self._frequencies(terms, self._rows(terms))

    async def search(self, terms: Sequence[str], limit: int) -> Candidates:
        rows = self._rows(terms)
        frequencies = self._frequencies(terms, rows)
        if sum(frequencies.values()) > _LONG:
            return await asyncio.to_thread(self._search, rows, frequencies, limit)
        return self._search(rows, frequencies, limit)

    async def nearest(self, words: Sequence[str]) -> Mapping[str, str]:
        spellings = [leaf.segment.spelling for leaf in self.leaves]
        found = {word: nearest(word, spellings, self._holds) for word in words}
        return {word: right for word, right in found.items() if right}

    def _holds(self, word: str) -> bool:
        """Tell whether a word that was in some segment still is in one."""
        if not any(leaf.gone for leaf in self.leaves):
            return True
        terms = list({token.term for language in self.languages for token in tokenize(word, language)})
        return any(self._frequencies(terms, self._rows(terms)).values())

    def _rows(self, terms: Sequence[str]) -> Rows:
        wanted = digests(terms)
        return [leaf.segment.postings.rows(wanted) for leaf in self.leaves]

    def _frequencies(self, terms: Sequence[str], rows: Rows) -> dict[str, int]:
        frequencies = dict.fromkeys(terms, 0)
        for leaf, own in zip(self.leaves, rows, strict=True):
            for term, row in zip(terms, own, strict=True):
                frequencies[term] += leaf.frequency(row)
        return frequencies

    def _search(self, rows: Rows, frequencies: Mapping[str, int], limit: int) -> Candidates:
        leaves, numbers, _ = self._best(rows, list(frequencies.values()), limit)
        return Candidates(*self._read(leaves, numbers), frequencies, self.size)

    def ranked(self, terms: Sequence[str], limit: int) -> list[tuple[Passage, float]]:
        """Find the best passages and their scores, which are rank_bm25.BM25Plus' own."""
        rows = self._rows(terms)
        leaves, numbers, scores = self._best(rows, list(self._frequencies(terms, rows).values()), limit)
        return list(zip(self._read(leaves, numbers)[0], scores.tolist(), strict=True))

    def _best(self, rows: Rows, frequencies: Sequence[int], limit: int) -> tuple[Numbers, Numbers, Scores]:
        """Find the best passages, best first: the ordinals of their leaves, numbers there, and scores."""
        if not any(frequencies):
            return np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
        weights = [
            self._weighting.inverse_document_frequency(count) if count else 0.0 for count in frequencies
        ]
        sums = self._sums.pop() if self._sums else [np.zeros(len(leaf.segment)) for leaf in self.leaves]
        leaves, numbers, scores = np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
        least = 0.0
        for ordinal, (leaf, own, norms) in enumerate(zip(self.leaves, rows, self._norms, strict=True)):
            lists = [leaf.segment.postings.postings(row) for row in own]
            found, gained = best(Asked(lists, weights, norms), limit, least, sums[ordinal])
            leaves = np.append(leaves, np.full(len(found), ordinal))
            numbers, scores = np.append(numbers, found), np.append(scores, gained)
            least = max(least, kth(scores, limit))
        self._sums.append(sums)
        order = self._order(leaves, numbers, scores)[:limit]
        return leaves[order], numbers[order], scores[order]

    def _order(self, leaves: Numbers, numbers: Numbers, scores: Scores) -> Numbers:
        """Order passages by their scores, and equals by their documents' names and their places there."""
        if len(np.unique(scores)) == len(scores):
            return np.argsort(-scores)
        documents = [
            (leaf, int(self.leaves[leaf].segment.document_of(number)))
            for leaf, number in zip(leaves.tolist(), numbers.tolist(), strict=True)
        ]
        names = {place: self.leaves[place[0]].segment.named(place[1]).name for place in set(documents)}
        rank = {name: at for at, name in enumerate(sorted(names.values()))}
        of_document = np.array([rank[names[place]] for place in documents])
        return np.lexsort((numbers, of_document, -scores))

    def _read(self, leaves: Numbers, numbers: Numbers) -> tuple[list[Passage], Forward]:
        """Read passages, in this order."""
        present = np.unique(leaves).tolist()
        own = [np.flatnonzero(leaves == leaf) for leaf in present]
        read = [
            self.leaves[leaf].segment.candidates(numbers[at].tolist())
            for leaf, at in zip(present, own, strict=True)
        ]
        order = np.argsort([place for at in own for place in at.tolist()])
        passages = [passage for some, _ in read for passage in some]
        forward = Forward.join([numbers for _, numbers in read])
        if len(read) > 1:
            forward = forward.take(order)
        return [passages[at] for at in order.tolist()], forward
