"""Forward index: each passage as the numbers of its words, and the pieces that quotes are made of."""

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from threading import RLock
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.index.arrays import RaggedArray
from retrieval.index.tokenizer import Token, fold_and_stem, tokenize
from retrieval.index.vocabulary import EMPTY_VOCABULARY, Vocabulary, digest, gram_codes, token_type
from retrieval.model import Passage
from retrieval.sentences import pieces

# Spaces that no token holds; others may part the thousands of a number.
_WHITESPACE = "\t\n\r\f\v"
# What is remembered of a language, in tokens: some 200 MB. A text without spaces is a chunk by itself, which
# hardly comes again.
_MAX_CACHED_TOKENS = 800_000
# One word of the commonest letters and signs around it: told without the slower rules for all.
_ASCII_WORD = re.compile(r"[!-/:-@\[-`{-~]*([A-Za-z]+)[!-/:-@\[-`{-~]*")

_lock = RLock()


@dataclass(frozen=True, slots=True)
class TokenizedTexts:
    """The tokens of some texts: a row of forms (rows of `forms`) a text, and where each begins in its text.

    `words` are the forms' folded spellings.
    """

    forms: Vocabulary
    words: list[str]
    tokens: RaggedArray
    starts: NDArray[np.uint16]


def tokenize_all(texts: Sequence[str], language: str) -> TokenizedTexts:
    """Find the tokens of texts of one language."""
    with _lock:
        known = _cache_for(language)
        if known.size > _MAX_CACHED_TOKENS:
            known.clear()
        return known.find(texts)


class _TokenCache(dict[str, int]):
    """The chunks of a language that were met, by number; a new one is analysed when it is looked up."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self.language = language
        self.clear()

    def clear(self) -> None:
        super().clear()
        self._lengths, self._ends = array("q"), array("q", [0])
        self._forms, self._offsets = array("i"), array("i")
        self._numbers: dict[str, int] = {}
        self._words: list[str] = []
        self._names, self._terms = array("Q"), array("Q")
        self._kinds, self._form_lengths = array("B"), array("H")
        self._gram_ends, self._grams = array("q", [0]), array("I")

    @property
    def size(self) -> int:
        return len(self._forms)

    def __missing__(self, chunk: str) -> int:
        plain = _ASCII_WORD.fullmatch(chunk)
        if plain:
            spelling, start = plain[1], plain.start(1)
            if spelling not in self._numbers:
                self._add(spelling, Token(*plain.span(1), *fold_and_stem(spelling, self.language)), chunk)
            self._forms.append(self._numbers[spelling])
            self._offsets.append(start)
        else:
            for token in tokenize(chunk, self.language):
                spelling = chunk[token.start : token.end]
                if spelling not in self._numbers:
                    self._add(spelling, token, chunk)
                self._forms.append(self._numbers[spelling])
                self._offsets.append(token.start)
        self._lengths.append(len(chunk))
        self._ends.append(len(self._forms))
        self[chunk] = number = len(self._lengths) - 1
        return number

    def _add(self, spelling: str, token: Token, chunk: str) -> None:
        self._numbers[spelling] = len(self._words)
        self._words.append(token.word)
        self._names.append(digest(f"{self.language} {spelling}"))
        self._terms.append(digest(token.term))
        self._kinds.append(token_type(token, chunk))
        self._form_lengths.append(len(spelling))

    def find(self, texts: Sequence[str]) -> TokenizedTexts:
        joined = " ".join(texts)
        for space in _WHITESPACE:
            joined = joined.replace(space, " ")
        parts = joined.split(" ")
        chunks = np.fromiter(map(self.__getitem__, parts), np.int64, len(parts))
        lengths = _view(self._lengths, np.int64)[chunks] + 1
        known_ends = _view(self._ends, np.int64)
        first = known_ends[chunks]
        counts = known_ends[chunks + 1] - first
        # Each token's place among those of its chunk, and from there among all that are known.
        positions = np.repeat(first - (np.cumsum(counts) - counts), counts)
        positions += np.arange(len(positions))
        forms = _view(self._forms, np.int32).take(positions)
        starts = np.repeat(np.cumsum(lengths) - lengths, counts)
        starts += _view(self._offsets, np.int32).take(positions)
        begins = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(text) + 1 for text in texts], out=begins[1:])
        offsets = np.searchsorted(starts, begins)
        inside = starts - np.repeat(begins[:-1], np.diff(offsets))
        used = np.flatnonzero(np.bincount(forms, minlength=len(self._words)))
        local = np.zeros(len(self._words), np.int32)
        local[used] = np.arange(len(used))
        return TokenizedTexts(
            self._table().take(used),
            [self._words[number] for number in used.tolist()],
            RaggedArray(offsets, local[forms]),
            inside.astype(np.uint16),
        )

    def _table(self) -> Vocabulary:
        codes = gram_codes(self._words[len(self._gram_ends) - 1 :])
        self._gram_ends.extend((codes.offsets[1:] + len(self._grams)).tolist())
        self._grams.frombytes(codes.values.tobytes())
        return Vocabulary(
            _view(self._names, np.uint64),
            _view(self._terms, np.uint64),
            _view(self._kinds, np.uint8),
            _view(self._form_lengths, np.uint16),
            RaggedArray(_view(self._gram_ends, np.int64), _view(self._grams, np.uint32)),
        )


def _view(numbers: "array[int]", kind: Any) -> NDArray[Any]:
    """Look at numbers where they are. While somebody looks, none can be added."""
    return np.frombuffer(numbers, kind)


_cache_for = cache(_TokenCache)


_EMPTY_COLUMN = (np.zeros(0, np.uint16),)
# Positions are counted in 16 bits; passages are far shorter.
_MAX_PASSAGE_CHARS = 65_535


@dataclass(frozen=True, slots=True)
class ForwardIndex:
    """The tokens and pieces of some passages; positions count characters from the passage's start.

    `tokens` holds a row of forms a passage, `starts` (uint16) runs beside its values. `pieces` holds a row of
    piece starts (uint16) a passage, at least one if it has a token; `piece_ends` runs beside its values, and
    `piece_tokens`, how many tokens each piece has: those that begin in it.
    """

    forms: Vocabulary
    tokens: RaggedArray
    starts: NDArray[np.uint16]
    pieces: RaggedArray
    piece_ends: NDArray[np.uint16]
    piece_tokens: NDArray[np.uint16]

    @classmethod
    def build(cls, passages: Sequence[Passage], longest_piece: int) -> tuple[Self, list[str]]:
        """Analyse passages of at most 65,535 characters; give also the folded spellings of the forms."""
        if any(len(passage.text) > _MAX_PASSAGE_CHARS for passage in passages):
            raise ValueError(f"a passage is longer than {_MAX_PASSAGE_CHARS} characters")
        forms, words, tokens, starts = _tokenize_passages(passages)
        cuts = [pieces(passage.text, passage.language, longest_piece) for passage in passages]
        rows = RaggedArray.of([[piece.start for piece in row] for row in cuts], np.uint16)
        piece_ends = np.fromiter((piece.end for row in cuts for piece in row), np.uint16)
        return cls(forms, tokens, starts, rows, piece_ends, _count_piece_tokens(tokens, starts, rows)), words

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Give the passages of all parts, one after the other."""
        if not parts:
            return cls(
                EMPTY_VOCABULARY,
                RaggedArray.of([]),
                *_EMPTY_COLUMN,
                RaggedArray.of([], np.uint16),
                *_EMPTY_COLUMN,
                *_EMPTY_COLUMN,
            )
        first = np.cumsum([0, *(len(part.forms) for part in parts)]).tolist()
        return cls(
            Vocabulary.join([part.forms for part in parts]),
            RaggedArray.join(
                [
                    RaggedArray(p.tokens.offsets, p.tokens.values + n)
                    for p, n in zip(parts, first, strict=False)
                ]
            ),
            np.concatenate([part.starts for part in parts]),
            RaggedArray.join([part.pieces for part in parts]),
            np.concatenate([part.piece_ends for part in parts]),
            np.concatenate([part.piece_tokens for part in parts]),
        )

    def take(self, numbers: NDArray[np.intp]) -> "ForwardIndex":
        """Give these passages, in this order."""
        positions, _ = self.tokens.positions(numbers)
        cuts, _ = self.pieces.positions(numbers)
        return ForwardIndex(
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


def _tokenize_passages(
    passages: Sequence[Passage],
) -> tuple[Vocabulary, list[str], RaggedArray, NDArray[np.uint16]]:
    """Find the tokens of passages, each language by itself."""
    of_language: dict[str, list[int]] = {}
    for number, passage in enumerate(passages):
        of_language.setdefault(passage.language, []).append(number)
    if not of_language:
        return EMPTY_VOCABULARY, [], RaggedArray.of([]), np.zeros(0, np.uint16)
    found = [
        tokenize_all([passages[number].text for number in numbers], language)
        for language, numbers in of_language.items()
    ]
    if len(found) == 1:
        (only,) = found
        return only.forms, only.words, only.tokens, only.starts
    first = np.cumsum([0, *(len(one.forms) for one in found)]).tolist()
    tokens = _join_shifted([one.tokens for one in found], first)
    order = np.argsort(list(chain.from_iterable(of_language.values())), kind="stable")
    positions, _ = tokens.positions(order)
    return (
        Vocabulary.join([one.forms for one in found]),
        list(chain.from_iterable(one.words for one in found)),
        tokens.take(order),
        np.concatenate([one.starts for one in found])[positions],
    )


def _join_shifted(parts: Sequence[RaggedArray], first: Sequence[int]) -> RaggedArray:
    """Join rows of numbers that count from 0 in each part."""
    return RaggedArray.join(
        [RaggedArray(part.offsets, part.values + n) for part, n in zip(parts, first, strict=False)]
    )


def _count_piece_tokens(
    tokens: RaggedArray, starts: NDArray[np.uint16], cuts: RaggedArray
) -> NDArray[np.uint16]:
    """Count the tokens that begin in each piece; what stands before the first piece counts to it."""
    # One line of all passages, one after the other, on which everything is in order.
    here = starts + (_MAX_PASSAGE_CHARS + 1) * np.repeat(np.arange(len(tokens)), tokens.lengths)
    begins = cuts.values + (_MAX_PASSAGE_CHARS + 1) * np.repeat(np.arange(len(cuts)), cuts.lengths)
    has_pieces = cuts.lengths > 0
    begins[cuts.offsets[:-1][has_pieces]] = (_MAX_PASSAGE_CHARS + 1) * np.flatnonzero(has_pieces)
    return np.diff(np.append(np.searchsorted(here, begins), len(here))).astype(np.uint16)
