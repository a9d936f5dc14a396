"""The forward index: for each passage its pieces (what quotes are made of) and its tokens, as numbers.

The second stage and the quote read it, so that no text is analysed again when a question comes.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.model import Passage, Span
from retrieval.ranking.analysis import tokenize
from retrieval.ranking.kinds import kind_of
from retrieval.sentences import pieces

GRAM = 4


def grams(word: str) -> list[str]:
    """Give a word's character 4-grams; a shorter word is its own."""
    return [word[i : i + GRAM] for i in range(max(len(word) - GRAM, 0) + 1)]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of different lengths, one after the other: row r is `values[offsets[r]:offsets[r + 1]]`."""

    offsets: NDArray[np.int64]
    values: NDArray[np.int32]

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> Self:
        offsets = np.fromiter(accumulate(map(len, rows), initial=0), np.int64, len(rows) + 1)
        return cls(offsets, np.fromiter(chain.from_iterable(rows), np.int32, int(offsets[-1])))

    def row(self, number: int) -> NDArray[np.int32]:
        return self.values[self.offsets[number] : self.offsets[number + 1]]

    def gather(self, numbers: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Give the positions in `values` of the named rows' members, and for each the ordinal of its row."""
        lengths = self.offsets[numbers + 1] - self.offsets[numbers]
        owners = np.repeat(np.arange(len(numbers)), lengths)
        before = np.cumsum(lengths) - lengths
        return np.arange(lengths.sum()) - before[owners] + self.offsets[numbers][owners], owners


@dataclass(frozen=True, slots=True)
class Forward:
    """The tokens and pieces of all passages; positions count characters from the passage's start.

    `tokens` holds a row of term ids a passage; `token_words`, `kinds` (bits of Kind), `starts`, `ends` and
    `places` (the ordinal of the token's piece in its passage) run beside its values. `pieces` holds a row of
    piece starts a passage, at least one; `piece_ends` runs beside. `grams` holds, for each row of
    `gram_rows`, the ids of the words with that gram.
    """

    terms: dict[str, int]
    words: dict[str, int]
    gram_rows: dict[str, int]
    grams: Rows
    tokens: Rows
    token_words: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    places: NDArray[np.int32]
    pieces: Rows
    piece_ends: NDArray[np.int32]

    @classmethod
    def build(cls, passages: Iterable[Passage], longest_piece: int) -> tuple[Self, list[list[str]]]:
        """Analyse the passages; give also each one's terms, for the inverted index."""
        corpus: list[list[str]] = []
        words: list[str] = []
        starts, ends, kinds = array("i"), array("i"), array("B")
        cuts: list[list[Span]] = []
        for passage in passages:
            found = tokenize(passage.text, passage.language)
            corpus.append([token.term for token in found])
            words += [token.word for token in found]
            starts.extend([token.start for token in found])
            ends.extend([token.end for token in found])
            kinds.extend([kind_of(token, passage.text) for token in found])
            cuts.append(pieces(passage.text, passage.language, longest_piece))
        term_numbers, word_numbers = _numbered(chain.from_iterable(corpus)), _numbered(words)
        tokens = Rows.of([[term_numbers[term] for term in row] for row in corpus])
        piece_rows = Rows.of([[piece.start for piece in row] for row in cuts])
        token_starts = np.array(starts, np.int32)
        built = cls(
            terms=term_numbers,
            words=word_numbers,
            tokens=tokens,
            token_words=np.fromiter(map(word_numbers.__getitem__, words), np.int32, len(words)),
            kinds=np.array(kinds, np.uint8),
            starts=token_starts,
            ends=np.array(ends, np.int32),
            places=_places(tokens, token_starts, piece_rows),
            pieces=piece_rows,
            piece_ends=np.fromiter((piece.end for row in cuts for piece in row), np.int32),
            **_gram_index(word_numbers),
        )
        return built, corpus


def _numbered(spellings: Iterable[str]) -> dict[str, int]:
    """Give spellings their numbers, in the order of first occurrence."""
    return {spelling: number for number, spelling in enumerate(dict.fromkeys(spellings))}


def _places(tokens: Rows, starts: NDArray[np.int32], cuts: Rows) -> NDArray[np.int32]:
    found = np.zeros(len(starts), np.int32)
    for p in range(len(tokens.offsets) - 1):
        span = slice(tokens.offsets[p], tokens.offsets[p + 1])
        found[span] = np.searchsorted(cuts.row(p), starts[span], side="right") - 1
    return np.maximum(found, 0)


def _gram_index(words: dict[str, int]) -> dict[str, Any]:
    holders: dict[str, list[int]] = {}
    for word, number in words.items():
        for gram in dict.fromkeys(grams(word)):
            holders.setdefault(gram, []).append(number)
    return {
        "gram_rows": {gram: row for row, gram in enumerate(holders)},
        "grams": Rows.of(list(holders.values())),
    }
