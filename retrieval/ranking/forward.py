"""The forward index: for each passage its pieces (what quotes are made of) and its tokens, as numbers.

The second stage and the quote read it, so that no text is analysed again when a question comes.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, compress
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
    def build(cls, passages: Iterable[Passage], longest_piece: int) -> Self:
        """Analyse the passages."""
        rows: list[list[str]] = []
        words: list[str] = []
        starts, ends, kinds = array("i"), array("i"), array("B")
        cuts: list[list[Span]] = []
        for passage in passages:
            found = tokenize(passage.text, passage.language)
            rows.append([token.term for token in found])
            words += [token.word for token in found]
            starts.extend([token.start for token in found])
            ends.extend([token.end for token in found])
            kinds.extend([kind_of(token, passage.text) for token in found])
            cuts.append(pieces(passage.text, passage.language, longest_piece))
        term_numbers, word_numbers = _numbered(chain.from_iterable(rows)), _numbered(words)
        tokens = Rows.of([[term_numbers[term] for term in row] for row in rows])
        piece_rows = Rows.of([[piece.start for piece in row] for row in cuts])
        token_starts = np.array(starts, np.int32)
        return cls(
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

    @classmethod
    def join(cls, parts: Sequence[tuple[Self, range]]) -> Self:
        """Make one of passages of several, in this order; spellings that none of them has are left out.

        Costs what copying the numbers does, and the spellings of all parts: nothing is analysed again.
        """
        kept = [_Part(part, rows) for part, rows in parts if len(rows)]
        terms, term_ids = _merged([(part.of.terms, part.tokens.values) for part in kept])
        words, word_ids = _merged([(part.of.words, part.token_words) for part in kept])
        return cls(
            terms=terms,
            words=words,
            tokens=_stacked([part.tokens for part in kept], term_ids),
            token_words=_end_to_end(word_ids, np.int32),
            kinds=_end_to_end([part.of.kinds[part.values] for part in kept], np.uint8),
            starts=_end_to_end([part.of.starts[part.values] for part in kept], np.int32),
            ends=_end_to_end([part.of.ends[part.values] for part in kept], np.int32),
            places=_end_to_end([part.of.places[part.values] for part in kept], np.int32),
            pieces=_stacked([part.pieces for part in kept], [part.pieces.values for part in kept]),
            piece_ends=_end_to_end([part.piece_ends for part in kept], np.int32),
            **_gram_index(words),
        )


class _Part:
    """Some neighbouring passages of a forward index, as views of its numbers."""

    def __init__(self, of: Forward, rows: range) -> None:
        self.of = of
        self.tokens, self.values = _cut(of.tokens, rows)
        self.pieces, ends = _cut(of.pieces, rows)
        self.token_words = of.token_words[self.values]
        self.piece_ends = of.piece_ends[ends]


def _cut(rows: Rows, wanted: range) -> tuple[Rows, slice]:
    """Give neighbouring rows, and where their values are."""
    offsets = rows.offsets[wanted.start : wanted.stop + 1]
    values = slice(int(offsets[0]), int(offsets[-1]))
    return Rows(offsets - offsets[0], rows.values[values]), values


def _merged(
    parts: Sequence[tuple[dict[str, int], NDArray[np.int32]]],
) -> tuple[dict[str, int], list[NDArray[np.int32]]]:
    """Give the spellings in use by all parts new numbers, and each part's ids as those."""
    numbers: dict[str, int] = {}
    ids: list[NDArray[np.int32]] = []
    for spellings, used in parts:
        is_used = np.zeros(len(spellings), np.bool_)
        is_used[used] = True
        new = np.zeros(len(spellings), np.int32)
        chosen = compress(spellings, is_used.tolist())
        new[is_used] = [numbers.setdefault(spelling, len(numbers)) for spelling in chosen]
        ids.append(new[used])
    return numbers, ids


def _stacked(rows: Sequence[Rows], values: Sequence[NDArray[np.int32]]) -> Rows:
    lengths = _end_to_end([np.diff(one.offsets) for one in rows], np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return Rows(offsets, _end_to_end(values, np.int32))


def _end_to_end(arrays: Sequence[NDArray[Any]], kind: Any) -> NDArray[Any]:
    return np.concatenate(arrays).astype(kind, copy=False) if arrays else np.zeros(0, kind)


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
