"""The vocabulary: each spelling that occurs, with its term, token type, length and character n-grams."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import Any, Self

import numpy as np
import regex
from numpy.typing import NDArray

from retrieval.index.arrays import RaggedArray, row_ends
from retrieval.index.tokenizer import Token

_YEAR = regex.compile(r"1\d{3}|20\d{2}")


class TokenType(IntFlag):
    """The bits of one token."""

    CAPITAL = 1
    SMALL = 2
    YEAR = 4
    NUMBER = 8


_NO_TYPE = TokenType(0)  # made once: this is asked of every token


def token_type(token: Token, text: str) -> TokenType:
    """Tell a token's kind; scripts without case have neither capitals nor small letters."""
    letter = text[token.start]
    if letter.isupper():
        return TokenType.CAPITAL
    if letter.islower():
        return TokenType.SMALL
    if not letter.isdigit():
        return _NO_TYPE
    return TokenType.YEAR | TokenType.NUMBER if _YEAR.fullmatch(token.word) else TokenType.NUMBER


GRAM = 4
# An odd number whose bits are well mixed: the golden ratio's.
_HASH_FACTOR = 0x9E3779B1


def grams(word: str) -> list[str]:
    """Give a word's character 4-grams; a shorter word is its own."""
    return [word[i : i + GRAM] for i in range(max(len(word) - GRAM, 0) + 1)]


def gram_codes(words: Sequence[str]) -> RaggedArray:
    """Give the codes (uint32) of the different grams of each word; hardly ever two grams share one."""
    letters = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.array([len(word) for word in words], np.int64)
    counts = np.maximum(lengths - GRAM, 0) + 1
    owners = np.repeat(np.arange(len(words)), counts)
    at = np.arange(len(owners)) - (row_ends(counts)[:-1] - row_ends(lengths)[:-1])[owners]
    last = row_ends(lengths)[1:][owners]
    codes = np.zeros(len(owners), np.uint32)
    for step in range(GRAM):
        inside = at + step < last
        codes[inside] += letters[(at + step)[inside]] + np.uint32(1)
        codes *= np.uint32(_HASH_FACTOR)
        codes ^= codes >> np.uint32(15)
    keys = np.unique(owners << 32 | codes)
    return RaggedArray(np.searchsorted(keys >> 32, np.arange(len(words) + 1)), keys.astype(np.uint32))


def digest(text: str) -> int:
    """Tell a term, or another text, by 64 bits: of a thousand million two are alike once in forty times."""
    raw = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(raw, "little")


def digests(texts: Iterable[str]) -> NDArray[np.uint64]:
    return np.array([digest(text) for text in texts], np.uint64)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A form a row: `names` tell them apart (digests of spelling and language), `terms` are digests too.

    `kinds` holds bits of Kind, `lengths` the characters of the spelling, `grams` the codes of its word's.
    """

    names: NDArray[np.uint64]
    terms: NDArray[np.uint64]
    kinds: NDArray[np.uint8]
    lengths: NDArray[np.uint16]
    grams: RaggedArray

    def __len__(self) -> int:
        return len(self.names)

    def take(self, numbers: NDArray[Any]) -> "Vocabulary":
        """Give the named forms, in that order."""
        return _from_columns([getattr(self, name)[numbers] for name in _COLUMNS], self.grams.take(numbers))

    def holding(self, wanted: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Find which forms hold some grams: the gram's ordinal and the form's number, for each such pair."""
        # A gram is a word whose one gram it is.
        codes = gram_codes(wanted).values
        order = np.argsort(codes)
        # Hardly one gram in a hundred is wanted: most are told by half of their code.
        likely = np.zeros(1 << 16, np.bool_)
        likely[codes & 0xFFFF] = True
        found = np.flatnonzero(likely[self.grams.values & 0xFFFF])
        at = np.minimum(np.searchsorted(codes[order], self.grams.values[found]), len(codes) - 1)
        is_it = codes[order][at] == self.grams.values[found]
        return order[at[is_it]], np.searchsorted(self.grams.offsets, found[is_it], side="right") - 1

    def rows_of(self, terms: Mapping[int, int]) -> NDArray[np.intp]:
        """Give for each form what its term, by its digest, stands for in `terms`, or -1."""
        wanted = np.array(sorted(terms), np.uint64)
        if not len(wanted):
            return np.full(len(self), -1)
        meant = np.array([terms[term] for term in wanted.tolist()], np.intp)
        at = np.minimum(np.searchsorted(wanted, self.terms), len(wanted) - 1)
        return np.where(wanted[at] == self.terms, meant[at], -1)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> "Vocabulary":
        """Give the forms of all parts one after the other, equals and all."""
        plain = [np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS]
        return _from_columns(plain, RaggedArray.join([part.grams for part in parts]))

    @classmethod
    def merge(
        cls, parts: Sequence[Self], counts: Sequence[NDArray[np.int64]]
    ) -> tuple["Vocabulary", list[NDArray[np.int32]]]:
        """Give the forms of all parts that occur, each once, and for each part the new numbers of its forms.

        `counts` tells how often each form of a part occurs. The most frequent come first, so that the few
        that most passages are made of lie side by side.
        """
        _, first, which = np.unique(
            np.concatenate([part.names for part in parts]), return_index=True, return_inverse=True
        )
        total = np.bincount(which, np.concatenate(counts), len(first))
        order = np.argsort(-total, kind="stable")
        order = order[total[order] > 0]
        number = np.zeros(len(first), np.int32)
        number[order] = np.arange(len(order), dtype=np.int32)
        cuts = np.cumsum([len(part) for part in parts])[:-1]
        return cls.join(parts).take(first[order]), np.split(number[which], cuts)


def _from_columns(plain: Sequence[NDArray[Any]], of_words: RaggedArray) -> Vocabulary:
    return Vocabulary(**dict(zip(_COLUMNS, plain, strict=True)), grams=of_words)


_COLUMNS = ("names", "terms", "kinds", "lengths")
EMPTY_VOCABULARY = Vocabulary(
    np.zeros(0, np.uint64),
    np.zeros(0, np.uint64),
    np.zeros(0, np.uint8),
    np.zeros(0, np.uint16),
    RaggedArray(np.zeros(1, np.int64), np.zeros(0, np.uint32)),
)
