"""Many texts to tokens at once: what stands between two spaces is analysed once, then looked up.

No token reaches over a space, so it is the same whichever text its chunk is in. Words follow Zipf's law:
hardly one in ten of a long text has not been met before.
"""

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.ranking.analysis import Token, folded_and_stemmed, tokenize
from retrieval.ranking.forms import Forms, digest, gram_codes
from retrieval.ranking.kinds import kind_of
from retrieval.ranking.rows import Rows

# Spaces that no token holds; others may part the thousands of a number.
_SPACES = "\t\n\r\f\v"
# What is remembered of a language, in tokens: some 200 MB. A text without spaces is a chunk by itself, which
# hardly comes again.
_MOST = 800_000
# One word of the commonest letters and signs around it: told without the slower rules for all.
_PLAIN = re.compile(r"[!-/:-@\[-`{-~]*([A-Za-z]+)[!-/:-@\[-`{-~]*")

_busy = RLock()


@dataclass(frozen=True, slots=True)
class Found:
    """The tokens of some texts: a row of forms (rows of `forms`) a text, and where each begins in its text.

    `words` are the forms' folded spellings.
    """

    forms: Forms
    words: list[str]
    tokens: Rows
    starts: NDArray[np.uint16]


def find(texts: Sequence[str], language: str) -> Found:
    """Find the tokens of texts of one language."""
    with _busy:
        known = _known(language)
        if known.size > _MOST:
            known.clear()
        return known.find(texts)


class _Chunks(dict[str, int]):
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
        plain = _PLAIN.fullmatch(chunk)
        if plain:
            spelling, start = plain[1], plain.start(1)
            if spelling not in self._numbers:
                self._add(
                    spelling, Token(*plain.span(1), *folded_and_stemmed(spelling, self.language)), chunk
                )
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
        self._kinds.append(kind_of(token, chunk))
        self._form_lengths.append(len(spelling))

    def find(self, texts: Sequence[str]) -> Found:
        joined = " ".join(texts)
        for space in _SPACES:
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
        return Found(
            self._table().take(used),
            [self._words[number] for number in used.tolist()],
            Rows(offsets, local[forms]),
            inside.astype(np.uint16),
        )

    def _table(self) -> Forms:
        codes = gram_codes(self._words[len(self._gram_ends) - 1 :])
        self._gram_ends.extend((codes.offsets[1:] + len(self._grams)).tolist())
        self._grams.frombytes(codes.values.tobytes())
        return Forms(
            _view(self._names, np.uint64),
            _view(self._terms, np.uint64),
            _view(self._kinds, np.uint8),
            _view(self._form_lengths, np.uint16),
            Rows(_view(self._gram_ends, np.int64), _view(self._grams, np.uint32)),
        )


def _view(numbers: "array[int]", kind: Any) -> NDArray[Any]:
    """Look at numbers where they are. While somebody looks, none can be added."""
    return np.frombuffer(numbers, kind)


_known = cache(_Chunks)
