"""The vocabulary: each word form that occurs, with its term, token type, length and character 4-grams.

A form is a spelling as it is in the text, in the language of that text; a passage is a row of forms. So the
term, the grams and the type of a form are computed once, not for each of its occurrences.
"""

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
    """What a token's characters tell about it; the bits combine."""

    CAPITAL = 1
    SMALL = 2
    YEAR = 4
    NUMBER = 8


_NO_TYPE = TokenType(0)  # created once, because it is returned for so many tokens


def token_type(token: Token, text: str) -> TokenType:
    """Return the type of a token of `text`; a word in a script without case has none."""
    first = text[token.start]
    if first.isupper():
        return TokenType.CAPITAL
    if first.islower():
        return TokenType.SMALL
    if not first.isdigit():
        return _NO_TYPE
    return TokenType.YEAR | TokenType.NUMBER if _YEAR.fullmatch(token.word) else TokenType.NUMBER


GRAM_CHARS = 4
# 2**32 divided by the golden ratio, rounded to an odd number (Knuth's multiplicative hashing).
_HASH_FACTOR = 0x9E3779B1


def grams(word: str) -> list[str]:
    """Return a word's character 4-grams; the only gram of a shorter word is the word."""
    return [word[i : i + GRAM_CHARS] for i in range(max(len(word) - GRAM_CHARS, 0) + 1)]


def gram_codes(words: Sequence[str]) -> RaggedArray:
    """Return for each word the distinct hashes (uint32) of its grams, ascending. Collisions are very rare."""
    characters = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.array([len(word) for word in words], np.int64)
    counts = np.maximum(lengths - GRAM_CHARS, 0) + 1
    owners = np.repeat(np.arange(len(words)), counts)
    # Where each gram begins and its word ends, in the characters of all words.
    starts = np.arange(len(owners)) - (row_ends(counts)[:-1] - row_ends(lengths)[:-1])[owners]
    ends = row_ends(lengths)[1:][owners]
    codes = np.zeros(len(owners), np.uint32)
    for step in range(GRAM_CHARS):
        is_inside = starts + step < ends
        codes[is_inside] += characters[(starts + step)[is_inside]] + np.uint32(1)
        codes *= np.uint32(_HASH_FACTOR)
        codes ^= codes >> np.uint32(15)
    keys = np.unique(owners << 32 | codes)
    return RaggedArray(np.searchsorted(keys >> 32, np.arange(len(words) + 1)), keys.astype(np.uint32))


def digest(text: str) -> int:
    """Return a 64-bit hash. Among a billion texts the chance that any two collide is 1 in 40."""
    raw = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(raw, "little")


def digests(texts: Iterable[str]) -> NDArray[np.uint64]:
    return np.array([digest(text) for text in texts], np.uint64)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Word forms, a row each.

    `names` are digests of language and spelling, which identify a form. `terms` are digests of terms.
    `token_types` are bits of TokenType, `lengths` the characters of the spelling. `grams` are the codes of
    the grams of the folded word, as gram_codes returns them.
    """

    names: NDArray[np.uint64]
    terms: NDArray[np.uint64]
    token_types: NDArray[np.uint8]
    lengths: NDArray[np.uint16]
    grams: RaggedArray

    def __len__(self) -> int:
        return len(self.names)

    def take(self, numbers: NDArray[Any]) -> "Vocabulary":
        """Return these forms, in the order of `numbers`."""
        return _from_columns([getattr(self, name)[numbers] for name in _COLUMNS], self.grams.take(numbers))

    def find_grams(self, wanted: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return each pair of a wanted gram and a form that has it: the gram's index, the form's number.

        Both arrays have the shape (pairs,); the forms are in ascending order.
        """
        # A gram is a word with one gram, itself.
        codes = gram_codes(wanted).values
        order = np.argsort(codes)
        # Fewer than one gram in a hundred is wanted: the lower half of the code excludes most of the others.
        is_likely = np.zeros(1 << 16, np.bool_)
        is_likely[codes & 0xFFFF] = True
        positions = np.flatnonzero(is_likely[self.grams.values & 0xFFFF])
        at = np.minimum(np.searchsorted(codes[order], self.grams.values[positions]), len(codes) - 1)
        matches = codes[order][at] == self.grams.values[positions]
        return order[at[matches]], np.searchsorted(self.grams.offsets, positions[matches], side="right") - 1

    def map_terms(self, terms: Mapping[int, int]) -> NDArray[np.intp]:
        """Return for each form the value in `terms` of its term's digest, or -1."""
        wanted = np.array(sorted(terms), np.uint64)
        if not len(wanted):
            return np.full(len(self), -1)
        values = np.array([terms[term] for term in wanted.tolist()], np.intp)
        at = np.minimum(np.searchsorted(wanted, self.terms), len(wanted) - 1)
        return np.where(wanted[at] == self.terms, values[at], -1)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> "Vocabulary":
        """Return the forms of all parts one after the other, with duplicates."""
        columns = [np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS]
        return _from_columns(columns, RaggedArray.join([part.grams for part in parts]))

    @classmethod
    def merge(
        cls, parts: Sequence[Self], counts: Sequence[NDArray[np.int64]]
    ) -> tuple["Vocabulary", list[NDArray[np.int32]]]:
        """Return the distinct forms that occur, and for each part the new numbers of its forms.

        `counts` is how often each form of each part occurs. The most frequent forms come first: most tokens
        are of a few forms, which are then neighbours in memory.
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


def _from_columns(columns: Sequence[NDArray[Any]], grams: RaggedArray) -> Vocabulary:
    return Vocabulary(**dict(zip(_COLUMNS, columns, strict=True)), grams=grams)


_COLUMNS = ("names", "terms", "token_types", "lengths")
EMPTY_VOCABULARY = Vocabulary(
    np.zeros(0, np.uint64),
    np.zeros(0, np.uint64),
    np.zeros(0, np.uint8),
    np.zeros(0, np.uint16),
    RaggedArray(np.zeros(1, np.int64), np.zeros(0, np.uint32)),
)
