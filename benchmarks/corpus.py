"""A folder of made-up English documents, of any size, and natural questions about them.

Searching costs what the words' frequencies make it cost, so these are English: function words have their
shares, content words follow Zipf's law with a tail that grows as Heaps' law says, and a document's words are
of its topic and come back within a paragraph. A larger folder begins with the documents of a smaller one.
"""

from __future__ import annotations

import math
import os
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.words import FORMS, FUNCTION_WORDS, content_word, frequencies

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PASSAGES = 500
"""In a document."""

_LONG_AGO = 1_000_000_000
_VOCABULARY = 1_000_000
_SENTENCE = (8, 30)
_SENTENCES, _MOST_SENTENCES = 4.3, 9
_NUMBERS, _NAMES = 0.012, 0.03
# Shares of the content words: of the paragraph's own few, of the document's topic; the rest is of all words.
_OWN, _OF_TOPIC = 0.2, 0.3
_OWN_WORDS, _TOPIC_WORDS, _TOPIC_NAMES = 8, 300, 40
_COMMAS = 0.05
_RARE = 2e-5
_MIDDLING = 5e-4
_COUNTED = 20
_PATTERNS = (
    "What {} {} the {} {} of {}?",
    "In what {} was {} {} {} {}?",
    "Who {} {} the {} {} {} to?",
    "When did {} {} {} the {} {}?",
    "Which {} of {} {} {} in {}?",
)


@dataclass(frozen=True, slots=True)
class _Language:
    """The words by number: function words first, then content words in their forms."""

    common: NDArray[np.float64] = field(default_factory=lambda: np.cumsum([*FUNCTION_WORDS.values()]))
    content: NDArray[np.float64] = field(default_factory=lambda: frequencies(_VOCABULARY))

    def draw(self, chance: np.random.Generator, count: int) -> NDArray[np.int64]:
        return np.searchsorted(self.content, chance.random(count)).astype(np.int64)


def write(folder: Path, passages: int, seed: int = 1) -> None:
    """Write documents of `PASSAGES` paragraphs each, about 100 words long, until there are so many."""
    folder.mkdir(parents=True, exist_ok=True)
    language = _Language()
    for number, first in enumerate(range(0, passages, PASSAGES)):
        chance = np.random.default_rng((seed, number))
        paragraphs = _paragraphs(chance, language)[: passages - first]
        file = folder / f"{number:05}.txt"
        file.write_text("\n\n".join(paragraphs) + "\n", encoding="ascii")
        # A file written just now may be half, and is read again the next time.
        os.utime(file, (_LONG_AGO, _LONG_AGO))


def written(place: Path, passages: int) -> Path:
    """Return the folder of a corpus in `place`; one that is there already is kept."""
    folder = place / f"{passages}"
    if len(list(folder.glob("*.txt"))) < math.ceil(passages / PASSAGES):
        write(folder, passages)
    return folder


def questions(folder: Path, count: int, seed: int = 1) -> list[str]:
    """Ask about paragraphs: three function words and five content words of one, of mixed rarity."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    files = sorted(folder.glob("*.txt"))
    counts = Counter(
        word
        for file in files[:: max(len(files) // _COUNTED, 1)]
        for word in re.findall(r"[A-Za-z]+", file.read_text("ascii"))
    )
    total = counts.total()
    shares = {word: count / total for word, count in counts.items()}
    asked: dict[str, None] = {}
    while len(asked) < count:
        paragraphs = chance.choice(files).read_text("ascii").split("\n\n")
        for paragraph in chance.sample(paragraphs, min(10, len(paragraphs))):
            if words := _asked(chance, paragraph, shares):
                asked[chance.choice(_PATTERNS).format(*words)] = None
    return list(asked)[:count]


def _asked(chance: random.Random, paragraph: str, shares: dict[str, float]) -> list[str]:
    """Choose two or three words of middling frequency and the rest rarer; none if there are not enough."""
    middling: list[str] = []
    rare: list[str] = []
    for word in sorted(set(re.findall(r"[A-Za-z]{3,}", paragraph))):
        share = shares.get(word, 0.0)
        if word.lower() not in FUNCTION_WORDS and share < _MIDDLING:
            (rare if share < _RARE else middling).append(word)
    of_middling = chance.choice((2, 3))
    if len(middling) < of_middling or len(rare) < 5 - of_middling:
        return []
    words = chance.sample(middling, of_middling) + chance.sample(rare, 5 - of_middling)
    chance.shuffle(words)
    return words


def _paragraphs(chance: np.random.Generator, language: _Language) -> list[str]:
    """Write one document."""
    per_paragraph = 1 + np.minimum(chance.poisson(_SENTENCES, PASSAGES), _MOST_SENTENCES - 1)
    lengths = chance.integers(*_SENTENCE, size=per_paragraph.sum(), endpoint=True)
    ends = np.cumsum(lengths)
    breaks = [0, *ends[np.cumsum(per_paragraph) - 1].tolist()]
    owners = np.repeat(np.arange(PASSAGES), np.diff(breaks))
    words = _spelt(_drawn(chance, language, owners))
    for end, length in zip(ends.tolist(), lengths.tolist(), strict=True):
        words[end - length] = words[end - length][0].upper() + words[end - length][1:]
        words[end - 1] += "."
    for at in np.flatnonzero(chance.random(len(words)) < _COMMAS).tolist():
        if words[at][-1] != ".":
            words[at] += ","
    return [" ".join(words[start:stop]) for start, stop in pairwise(breaks)]


def _drawn(chance: np.random.Generator, language: _Language, owners: NDArray[np.intp]) -> NDArray[np.int64]:
    """Draw the words of a document as numbers; `owners` tells the paragraph of each."""
    size = len(owners)
    topic = (np.exp(chance.random(_TOPIC_WORDS) * np.log(_VOCABULARY / 100)) * 50).astype(np.int64)
    own = topic[chance.integers(_TOPIC_WORDS, size=(PASSAGES, _OWN_WORDS))]
    names = language.draw(chance, _TOPIC_NAMES)
    of = chance.random(size)
    # The first words of the topic are the most frequent ones of it.
    drawn = topic[(chance.random(size) ** 2 * _TOPIC_WORDS).astype(np.int64)]
    drawn = np.where(of < _OWN, own[owners, chance.integers(_OWN_WORDS, size=size)], drawn)
    drawn = np.where(of > _OWN + _OF_TOPIC, language.draw(chance, size), drawn)
    numbers = _kind(_WORD, drawn * FORMS + chance.integers(FORMS, size=size))
    kind = chance.random(size)
    is_common = kind < language.common[-1]
    numbers[is_common] = _kind(_COMMON, np.searchsorted(language.common, kind[is_common]))
    is_number = kind > 1 - _NUMBERS
    numbers[is_number] = _kind(_NUMBER, _figures(chance, int(is_number.sum())))
    is_name = (kind > 1 - _NUMBERS - _NAMES) & ~is_number
    named = names[(chance.random(int(is_name.sum())) ** 2 * _TOPIC_NAMES).astype(np.int64)]
    numbers[is_name] = _kind(_NAME, named)
    return numbers


def _figures(chance: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Draw numbers: half are years, of the others most are small."""
    years, others = chance.integers(1800, 2026, count), np.exp(chance.random(count) * np.log(100_000))
    return np.where(chance.integers(2, size=count), years, others.astype(np.int64))


_COMMON, _WORD, _NAME, _NUMBER = range(4)


def _kind(kind: int, numbers: NDArray[np.int64] | NDArray[np.intp]) -> NDArray[np.int64]:
    return numbers.astype(np.int64) * 4 + kind


def _spelt(numbers: NDArray[np.int64]) -> list[str]:
    """Spell each word once."""
    distinct, which = np.unique(numbers, return_inverse=True)
    spelt = np.array([_spell(number) for number in distinct.tolist()], dtype=object)
    found: list[str] = spelt[which].tolist()
    return found


_ORDERED = tuple(FUNCTION_WORDS)


@lru_cache(maxsize=200_000)
def _spell(number: int) -> str:
    number, kind = divmod(number, 4)
    if kind == _COMMON:
        return _ORDERED[number]
    if kind == _NUMBER:
        return str(number)
    if kind == _NAME:
        return content_word(number, 0).capitalize()
    return content_word(*divmod(number, FORMS))
