"""Forward index: each passage as numbers of word forms, and the pieces that quotes are made of.

The second stage and the choice of the quote read it, so that no text is tokenised again for a question.

Texts are tokenised in chunks, which are the parts between spaces. No token contains a space, so a chunk has
the same tokens in every text. Each is tokenised once and then looked up: by Zipf's law, fewer than one chunk
in ten of a long text is new.
"""

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, pairwise
from threading import RLock
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.index.inverted_index import (
    EMPTY_VOCABULARY,
    RaggedArray,
    Vocabulary,
    digest,
    gram_codes,
    token_type,
)
from retrieval.language import Token, fold_and_stem, name_words, tokenize
from retrieval.model import Passage, Span
from retrieval.sentences import pieces

# Whitespace that is never inside a token. Other spaces may group the digits of a number.
_WHITESPACE = "\t\n\r\f\v"
# Cached for a language, some 200 MB. Chunks without spaces can be whole texts, which hardly ever repeat.
_MAX_CACHED_TOKENS = 800_000
# One ASCII word with punctuation around it: by far the most common chunk, and faster to match than the
# general tokenizer.
_ASCII_WORD = re.compile(r"[!-/:-@\[-`{-~]*([A-Za-z]+)[!-/:-@\[-`{-~]*")

_lock = RLock()


@dataclass(frozen=True, slots=True)
class TokenizedTexts:
    """The tokens of some texts.

    `tokens` has a row for each text: the numbers of its tokens' forms, which are rows of `vocabulary`.
    `starts` are the tokens' positions in their texts in characters, parallel to the values of `tokens`.
    `words` are the folded words of the forms.
    """

    vocabulary: Vocabulary
    words: list[str]
    tokens: RaggedArray
    starts: NDArray[np.uint16]


def tokenize_all(texts: Sequence[str], language: str) -> TokenizedTexts:
    """Return the tokens of texts of one language, each as `tokenize` finds them. Any thread may call this."""
    with _lock:
        cache = _token_cache(language)
        if cache.size > _MAX_CACHED_TOKENS:
            cache.clear()
        return cache.tokenize(texts)


class _TokenCache(dict[str, int]):
    """The chunks of a language and their numbers; looking up a new one tokenises it.

    Everything is in growing arrays: of chunks (`_lengths` in characters, `_ends` in `_forms`), of the tokens
    of all chunks (`_forms`, and `_offsets` in the chunk), and of forms (the columns of a Vocabulary, and
    `_words`).
    """

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
        self._types, self._form_lengths = array("B"), array("H")
        self._gram_ends, self._grams = array("q", [0]), array("I")

    @property
    def size(self) -> int:
        return len(self._forms)

    def __missing__(self, chunk: str) -> int:
        match = _ASCII_WORD.fullmatch(chunk)
        if match:
            spelling, start = match[1], match.start(1)
            if spelling not in self._numbers:
                token = Token(*match.span(1), *fold_and_stem(spelling, self.language))
                self._add_form(spelling, token, chunk)
            self._forms.append(self._numbers[spelling])
            self._offsets.append(start)
        else:
            for token in tokenize(chunk, self.language):
                spelling = chunk[token.start : token.end]
                if spelling not in self._numbers:
                    self._add_form(spelling, token, chunk)
                self._forms.append(self._numbers[spelling])
                self._offsets.append(token.start)
        self._lengths.append(len(chunk))
        self._ends.append(len(self._forms))
        self[chunk] = number = len(self._lengths) - 1
        return number

    def _add_form(self, spelling: str, token: Token, chunk: str) -> None:
        self._numbers[spelling] = len(self._words)
        self._words.append(token.word)
        self._names.append(digest(f"{self.language} {spelling}"))
        self._terms.append(digest(token.term))
        self._types.append(token_type(token, chunk))
        self._form_lengths.append(len(spelling))

    def tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        joined = " ".join(texts)
        for space in _WHITESPACE:
            joined = joined.replace(space, " ")
        parts = joined.split(" ")
        chunks = np.fromiter(map(self.__getitem__, parts), np.int64, len(parts))
        lengths = _view(self._lengths, np.int64)[chunks] + 1
        known_ends = _view(self._ends, np.int64)
        first = known_ends[chunks]
        counts = known_ends[chunks + 1] - first
        # Each token's position among the cached tokens: its chunk's first, and its place in the chunk.
        positions = np.repeat(first - (np.cumsum(counts) - counts), counts)
        positions += np.arange(len(positions))
        forms = _view(self._forms, np.int32).take(positions)
        starts = np.repeat(np.cumsum(lengths) - lengths, counts)
        starts += _view(self._offsets, np.int32).take(positions)
        # So far `starts` are positions in the joined texts.
        text_starts = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(text) + 1 for text in texts], out=text_starts[1:])
        offsets = np.searchsorted(starts, text_starts)
        starts_in_text = starts - np.repeat(text_starts[:-1], np.diff(offsets))
        used = np.flatnonzero(np.bincount(forms, minlength=len(self._words)))
        local = np.zeros(len(self._words), np.int32)
        local[used] = np.arange(len(used))
        return TokenizedTexts(
            self._vocabulary().take(used),
            [self._words[number] for number in used.tolist()],
            RaggedArray(offsets, local[forms]),
            starts_in_text.astype(np.uint16),
        )

    def _vocabulary(self) -> Vocabulary:
        """Return a view of all forms, after adding the gram codes of new ones."""
        codes = gram_codes(self._words[len(self._gram_ends) - 1 :])
        self._gram_ends.extend((codes.offsets[1:] + len(self._grams)).tolist())
        self._grams.frombytes(codes.values.tobytes())
        return Vocabulary(
            _view(self._names, np.uint64),
            _view(self._terms, np.uint64),
            _view(self._types, np.uint8),
            _view(self._form_lengths, np.uint16),
            RaggedArray(_view(self._gram_ends, np.int64), _view(self._grams, np.uint32)),
        )


def _view(numbers: "array[int]", dtype: Any) -> NDArray[Any]:
    """Return an array that shares the memory. While it exists, `numbers` cannot grow."""
    return np.frombuffer(numbers, dtype)


_token_cache = cache(_TokenCache)


_EMPTY_COLUMN = (np.zeros(0, np.uint16),)
# The limit of 16-bit positions; passages are far shorter.
_MAX_PASSAGE_CHARS = 65_535


@dataclass(frozen=True, slots=True)
class ForwardIndex:
    """The tokens and pieces of some passages; positions are in characters from the start of the passage.

    `tokens` has a row for each passage: the numbers of its tokens' forms (int32), which are rows of
    `vocabulary`. `starts` are the tokens' positions, parallel to its values. `pieces` has a row for each
    passage: the starts of its pieces (uint16), at least one if it has a token. Parallel to its values are
    `piece_ends`, and `piece_tokens`: the number of tokens that begin in each piece.
    """

    vocabulary: Vocabulary
    tokens: RaggedArray
    starts: NDArray[np.uint16]
    pieces: RaggedArray
    piece_ends: NDArray[np.uint16]
    piece_tokens: NDArray[np.uint16]

    @classmethod
    def build(cls, passages: Sequence[Passage], max_piece_chars: int) -> tuple[Self, list[str]]:
        """Return the forward index of passages, and the folded words of its forms.

        `max_piece_chars` is in characters. Raises ValueError for passages of more than 65,535 characters.
        """
        if any(len(passage.text) > _MAX_PASSAGE_CHARS for passage in passages):
            raise ValueError(f"a passage is longer than {_MAX_PASSAGE_CHARS} characters")
        forms, words, tokens, starts = _tokenize_passages(passages)
        cuts = [_cut(passage, max_piece_chars) for passage in passages]
        rows = RaggedArray.from_rows([[piece.start for piece in row] for row in cuts], np.uint16)
        piece_ends = np.fromiter((piece.end for row in cuts for piece in row), np.uint16)
        return cls(forms, tokens, starts, rows, piece_ends, _count_piece_tokens(tokens, starts, rows)), words

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Return the passages of all parts, one after the other."""
        if not parts:
            return cls(
                EMPTY_VOCABULARY,
                RaggedArray.from_rows([]),
                *_EMPTY_COLUMN,
                RaggedArray.from_rows([], np.uint16),
                *_EMPTY_COLUMN,
                *_EMPTY_COLUMN,
            )
        first = np.cumsum([0, *(len(part.vocabulary) for part in parts)]).tolist()
        return cls(
            Vocabulary.join([part.vocabulary for part in parts]),
            _join_shifted([part.tokens for part in parts], first),
            np.concatenate([part.starts for part in parts]),
            RaggedArray.join([part.pieces for part in parts]),
            np.concatenate([part.piece_ends for part in parts]),
            np.concatenate([part.piece_tokens for part in parts]),
        )

    def take(self, numbers: NDArray[np.intp]) -> "ForwardIndex":
        """Return these passages, in the order of `numbers`."""
        positions, _ = self.tokens.positions(numbers)
        cuts, _ = self.pieces.positions(numbers)
        return ForwardIndex(
            self.vocabulary,
            self.tokens.take(numbers),
            self.starts[positions],
            self.pieces.take(numbers),
            self.piece_ends[cuts],
            self.piece_tokens[cuts],
        )

    def row(self, number: int) -> tuple[slice, slice]:
        """Return the ranges of a passage's tokens and of its pieces, in the arrays of all."""
        tokens, cuts = self.tokens.offsets, self.pieces.offsets
        return slice(tokens[number], tokens[number + 1]), slice(cuts[number], cuts[number + 1])


def _tokenize_passages(
    passages: Sequence[Passage],
) -> tuple[Vocabulary, list[str], RaggedArray, NDArray[np.uint16]]:
    """Return forms, folded words, tokens and token starts of passages, as ForwardIndex.build needs them."""
    of_language: dict[str, list[int]] = {}
    for number, passage in enumerate(passages):
        of_language.setdefault(passage.language, []).append(number)
    if not of_language:
        return EMPTY_VOCABULARY, [], RaggedArray.from_rows([]), np.zeros(0, np.uint16)
    tokenized = [
        tokenize_all([passages[number].text for number in numbers], language)
        for language, numbers in of_language.items()
    ]
    if len(tokenized) == 1:
        (only,) = tokenized
        return only.vocabulary, only.words, only.tokens, only.starts
    first = np.cumsum([0, *(len(part.vocabulary) for part in tokenized)]).tolist()
    tokens = _join_shifted([part.tokens for part in tokenized], first)
    order = np.argsort(list(chain.from_iterable(of_language.values())), kind="stable")
    positions, _ = tokens.positions(order)
    return (
        Vocabulary.join([part.vocabulary for part in tokenized]),
        list(chain.from_iterable(part.words for part in tokenized)),
        tokens.take(order),
        np.concatenate([part.starts for part in tokenized])[positions],
    )


def _join_shifted(parts: Sequence[RaggedArray], first: Sequence[int]) -> RaggedArray:
    """Join rows of form numbers, adding to those of each part the number of its first form."""
    return RaggedArray.join(
        [RaggedArray(part.offsets, part.values + number) for part, number in zip(parts, first, strict=False)]
    )


def _cut(passage: Passage, max_piece_chars: int) -> list[Span]:
    """Return the pieces of a passage: those of each of its paragraphs."""
    bounds = pairwise([0, *passage.paragraphs, len(passage.text)])
    return [
        Span(start + piece.start, start + piece.end)
        for start, end in bounds
        for piece in pieces(passage.text[start:end], passage.language, max_piece_chars)
    ]


def _count_piece_tokens(
    tokens: RaggedArray, starts: NDArray[np.uint16], cuts: RaggedArray
) -> NDArray[np.uint16]:
    """Return the number of tokens that begin in each piece; tokens before the first piece count to it."""
    # Positions on one axis for all passages, on which both tokens and pieces are sorted.
    stride = _MAX_PASSAGE_CHARS + 1
    token_positions = starts + stride * np.repeat(np.arange(len(tokens)), tokens.lengths)
    piece_positions = cuts.values + stride * np.repeat(np.arange(len(cuts)), cuts.lengths)
    has_pieces = cuts.lengths > 0
    piece_positions[cuts.offsets[:-1][has_pieces]] = stride * np.flatnonzero(has_pieces)
    first = np.searchsorted(token_positions, piece_positions)
    return np.diff(np.append(first, len(token_positions))).astype(np.uint16)


def heading_text(passage: Passage) -> str:
    """Return the file name, the title and the headings of a passage, one per line."""
    return "\n".join((name_words(passage.document_name), passage.title, *passage.heading))


def heading_tokens(passages: Sequence[Passage]) -> tuple[Vocabulary, RaggedArray]:
    """Return the forms in the heading fields of passages, and a row of form numbers for each passage."""
    numbers: dict[tuple[str, str], int] = {}
    fields = [
        numbers.setdefault((passage.language, heading_text(passage)), len(numbers)) for passage in passages
    ]
    rows: list[list[int]] = [[] for _ in numbers]
    parts: list[Vocabulary] = []
    first = 0
    for language in dict.fromkeys(language for language, _ in numbers):
        in_language = {text: number for (other, text), number in numbers.items() if other == language}
        tokenized = tokenize_all(list(in_language), language)
        for row, number in enumerate(in_language.values()):
            rows[number] = (tokenized.tokens.row(row) + first).tolist()
        parts.append(tokenized.vocabulary)
        first += len(tokenized.vocabulary)
    return Vocabulary.join(parts), RaggedArray.from_rows([rows[number] for number in fields])
