"""Passages as numbers: the forms of their words, and the pieces that quotes are made of.

The second stage and the quote read them, so that no text is analysed again when a question comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Self

import numpy as np
from numpy.typing import NDArray

from retrieval.model import Passage
from retrieval.ranking import chunks
from retrieval.ranking.forms import NONE, Forms
from retrieval.ranking.rows import Rows
from retrieval.sentences import pieces

_NO_STARTS = (np.zeros(0, np.uint16),)
# Positions are counted in 16 bits; passages are far shorter.
_LONGEST = 65_535


@dataclass(frozen=True, slots=True)
class Forward:
    """The tokens and pieces of some passages; positions count characters from the passage's start.

    `tokens` holds a row of forms a passage, `starts` (uint16) runs beside its values. `pieces` holds a row of
    piece starts (uint16) a passage, at least one if it has a token; `piece_ends` runs beside its values, and
    `piece_tokens`, how many tokens each piece has: those that begin in it.
    """

    forms: Forms
    tokens: Rows
    starts: NDArray[np.uint16]
    pieces: Rows
    piece_ends: NDArray[np.uint16]
    piece_tokens: NDArray[np.uint16]

    @classmethod
    def build(cls, passages: Sequence[Passage], longest_piece: int) -> tuple[Self, list[str]]:
        """Analyse passages of at most 65,535 characters; give also the folded spellings of the forms."""
        if any(len(passage.text) > _LONGEST for passage in passages):
            raise ValueError(f"a passage is longer than {_LONGEST} characters")
        forms, words, tokens, starts = _tokens(passages)
        cuts = [pieces(passage.text, passage.language, longest_piece) for passage in passages]
        rows = Rows.of([[piece.start for piece in row] for row in cuts], np.uint16)
        piece_ends = np.fromiter((piece.end for row in cuts for piece in row), np.uint16)
        return cls(forms, tokens, starts, rows, piece_ends, _piece_tokens(tokens, starts, rows)), words

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Give the passages of all parts, one after the other."""
        if not parts:
            return cls(NONE, Rows.of([]), *_NO_STARTS, Rows.of([], np.uint16), *_NO_STARTS, *_NO_STARTS)
        first = np.cumsum([0, *(len(part.forms) for part in parts)]).tolist()
        return cls(
            Forms.join([part.forms for part in parts]),
            Rows.join(
                [Rows(p.tokens.offsets, p.tokens.values + n) for p, n in zip(parts, first, strict=False)]
            ),
            np.concatenate([part.starts for part in parts]),
            Rows.join([part.pieces for part in parts]),
            np.concatenate([part.piece_ends for part in parts]),
            np.concatenate([part.piece_tokens for part in parts]),
        )

    def take(self, numbers: NDArray[np.intp]) -> "Forward":
        """Give these passages, in this order."""
        positions, _ = self.tokens.positions(numbers)
        cuts, _ = self.pieces.positions(numbers)
        return Forward(
            self.forms,
            self.tokens.take(numbers),
            self.starts[positions],
            self.pieces.take(numbers),
            self.piece_ends[cuts],
            self.piece_tokens[cuts],
        )

    def row(self, number: int) -> tuple[slice, slice]:
        """Give where the tokens and the pieces of a passage are."""
        tokens, cuts = self.tokens.offsets, self.pieces.offsets
        return slice(tokens[number], tokens[number + 1]), slice(cuts[number], cuts[number + 1])


def _tokens(passages: Sequence[Passage]) -> tuple[Forms, list[str], Rows, NDArray[np.uint16]]:
    """Find the tokens of passages, each language by itself."""
    of_language: dict[str, list[int]] = {}
    for number, passage in enumerate(passages):
        of_language.setdefault(passage.language, []).append(number)
    if not of_language:
        return NONE, [], Rows.of([]), np.zeros(0, np.uint16)
    found = [
        chunks.find([passages[number].text for number in numbers], language)
        for language, numbers in of_language.items()
    ]
    if len(found) == 1:
        (only,) = found
        return only.forms, only.words, only.tokens, only.starts
    first = np.cumsum([0, *(len(one.forms) for one in found)]).tolist()
    tokens = _shifted([one.tokens for one in found], first)
    order = np.argsort(list(chain.from_iterable(of_language.values())), kind="stable")
    positions, _ = tokens.positions(order)
    return (
        Forms.join([one.forms for one in found]),
        list(chain.from_iterable(one.words for one in found)),
        tokens.take(order),
        np.concatenate([one.starts for one in found])[positions],
    )


def _shifted(parts: Sequence[Rows], first: Sequence[int]) -> Rows:
    """Join rows of numbers that count from 0 in each part."""
    return Rows.join([Rows(part.offsets, part.values + n) for part, n in zip(parts, first, strict=False)])


def _piece_tokens(tokens: Rows, starts: NDArray[np.uint16], cuts: Rows) -> NDArray[np.uint16]:
    """Count the tokens that begin in each piece; what stands before the first piece counts to it."""
    # One line of all passages, one after the other, on which everything is in order.
    here = starts + (_LONGEST + 1) * np.repeat(np.arange(len(tokens)), tokens.lengths)
    begins = cuts.values + (_LONGEST + 1) * np.repeat(np.arange(len(cuts)), cuts.lengths)
    has_pieces = cuts.lengths > 0
    begins[cuts.offsets[:-1][has_pieces]] = (_LONGEST + 1) * np.flatnonzero(has_pieces)
    return np.diff(np.append(np.searchsorted(here, begins), len(here))).astype(np.uint16)
