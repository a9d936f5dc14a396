"""The index on this machine: postings for the first stage, the forward index for the second."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from retrieval.model import Passage
from retrieval.ranking.forward import Forward
from retrieval.ranking.index import Candidates
from retrieval.ranking.postings import Postings
from retrieval.ranking.spelling import Speller

# Neighbouring ones of some passages that are analysed.
Part = tuple[Sequence[Passage], Forward, range]


@dataclass(frozen=True, slots=True)
class EmbeddedIndex:
    """All passages of a library, in document order. `languages` are theirs, most passages first."""

    passages: Sequence[Passage]
    postings: Postings
    forward: Forward
    languages: tuple[str, ...] = field(init=False)
    _speller: Speller = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Count once what every question asks for."""
        counted = Counter(passage.language for passage in self.passages)
        object.__setattr__(self, "_speller", Speller(self.forward.words.keys()))
        object.__setattr__(self, "languages", tuple(language for language, _ in counted.most_common()))

    @classmethod
    def build(cls, passages: Sequence[Passage], longest_piece: int) -> Self:
        return cls.of(passages, Forward.build(passages, longest_piece))

    @classmethod
    def of(cls, passages: Sequence[Passage], forward: Forward) -> Self:
        """Index passages that are analysed already."""
        return cls(passages, Postings.build(forward.terms, forward.tokens), forward)

    @classmethod
    def join(cls, parts: Sequence[Part]) -> Self:
        """Index all these passages, in this order."""
        passages = [passage for own, _, rows in parts for passage in own[rows.start : rows.stop]]
        return cls.of(passages, Forward.join([(forward, rows) for _, forward, rows in parts]))

    @property
    def size(self) -> int:
        return len(self.passages)

    def frequency(self, term: str) -> int:
        return self.postings.frequency(term)

    async def search(self, terms: Sequence[str], limit: int) -> Candidates:
        numbers, scores = self.postings.search(terms, limit)
        frequencies = {term: self.postings.frequency(term) for term in terms}
        return Candidates(
            numbers, scores, self.forward, self.passages.__getitem__, frequencies, len(self.passages)
        )

    def holds(self, term: str) -> bool:
        return term in self.postings.vocabulary

    def nearest(self, word: str) -> str | None:
        return self._speller.nearest(word)
