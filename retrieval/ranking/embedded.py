"""The index on this machine: postings for the first stage, the forward index for the second."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from retrieval.model import Passage
from retrieval.ranking.bm25 import Postings
from retrieval.ranking.forward import Forward
from retrieval.ranking.index import Candidates


@dataclass(frozen=True, slots=True)
class EmbeddedIndex:
    """All passages of a library, in document order."""

    passages: Sequence[Passage]
    postings: Postings
    forward: Forward

    @classmethod
    def build(cls, passages: Sequence[Passage], longest_piece: int) -> Self:
        forward, corpus = Forward.build(passages, longest_piece)
        return cls(passages, Postings.build(corpus), forward)

    async def search(self, terms: Sequence[str], limit: int) -> Candidates:
        numbers, scores = self.postings.search(terms, limit)
        frequencies = {term: self.postings.frequency(term) for term in terms}
        return Candidates(numbers, scores, self.forward, self.passages.__getitem__, frequencies, len(self.passages))
