"""Synthetic English documents, in any number, and natural questions about them.

The cost of a search depends on word frequencies, so these are as in English: function words have their usual
shares, content words follow Zipf's law with a tail that grows by Heaps' law, and words cluster by topic and
paragraph. A larger folder begins with the documents of a smaller one.
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

from benchmarks.words import FORMS, FUNCTION_WORDS, content_word, cumulative_frequencies

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PASSAGES_PER_DOCUMENT = 500

_OLD_MTIME = 1_000_000_000
_VOCABULARY_SIZE = 1_000_000
# Lowest and highest number of words.
_SENTENCE_WORDS = (8, 30)
# Per paragraph: one and a Poisson-distributed number of others, up to a maximum.
_MEAN_EXTRA_SENTENCES, _MAX_SENTENCES = 4.3, 9
_NUMBER_SHARE, _NAME_SHARE = 0.012, 0.03
# Shares of content words drawn from the words of the paragraph and of the document's topic. The others are
# drawn from the whole vocabulary.
_PARAGRAPH_SHARE, _TOPIC_SHARE = 0.2, 0.3
_PARAGRAPH_WORDS, _TOPIC_WORDS, _TOPIC_NAMES = 8, 300, 40
_COMMA_SHARE = 0.05
_MAX_RARE_FREQUENCY = 2e-5
_MAX_MEDIUM_FREQUENCY = 5e-4
_SAMPLED_FILES = 20
_QUESTION_PATTERNS = (
    "What {} {} the {} {} of {}?",
    "In what {} was {} {} {} {}?",
    "Who {} {} the {} {} {} to?",
    "When did {} {} {} the {} {}?",
    "Which {} of {} {} {} in {}?",
)


@dataclass(frozen=True, slots=True)
class _Language:
    """Cumulative probabilities of function words, as shares of all words, and of content words."""

    common: NDArray[np.float64] = field(default_factory=lambda: np.cumsum([*FUNCTION_WORDS.values()]))
    content: NDArray[np.float64] = field(default_factory=lambda: cumulative_frequencies(_VOCABULARY_SIZE))

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        return np.searchsorted(self.content, rng.random(count)).astype(np.int64)


def write_corpus(folder: Path, passages: int, seed: int = 1) -> None:
    """Write documents of PASSAGES_PER_DOCUMENT paragraphs of about 100 words, this many in all."""
    folder.mkdir(parents=True, exist_ok=True)
    language = _Language()
    for number, first in enumerate(range(0, passages, PASSAGES_PER_DOCUMENT)):
        rng = np.random.default_rng((seed, number))
        paragraphs = _make_paragraphs(rng, language)[: passages - first]
        file = folder / f"{number:05}.txt"
        file.write_text("\n\n".join(paragraphs) + "\n", encoding="ascii")
        # A recently modified file may be incomplete, so it would be read again the next time.
        os.utime(file, (_OLD_MTIME, _OLD_MTIME))


def open_corpus(root: Path, passages: int) -> Path:
    """Return the folder of a corpus below `root`. The corpus is written unless it exists."""
    folder = root / f"{passages}"
    if len(list(folder.glob("*.txt"))) < math.ceil(passages / PASSAGES_PER_DOCUMENT):
        write_corpus(folder, passages)
    return folder


def make_questions(folder: Path, count: int, seed: int = 1) -> list[str]:
    """Return different questions, each with five content words of mixed rarity from one paragraph."""
    rng = random.Random(seed)  # noqa: S311 - not for security
    files = sorted(folder.glob("*.txt"))
    counts = Counter(
        word
        for file in files[:: max(len(files) // _SAMPLED_FILES, 1)]
        for word in re.findall(r"[A-Za-z]+", file.read_text("ascii"))
    )
    total = counts.total()
    shares = {word: count / total for word, count in counts.items()}
    texts: dict[str, None] = {}
    while len(texts) < count:
        paragraphs = rng.choice(files).read_text("ascii").split("\n\n")
        for paragraph in rng.sample(paragraphs, min(10, len(paragraphs))):
            if words := _choose_words(rng, paragraph, shares):
                texts[rng.choice(_QUESTION_PATTERNS).format(*words)] = None
    return list(texts)[:count]


def _choose_words(rng: random.Random, paragraph: str, shares: dict[str, float]) -> list[str]:
    """Return five words, two or three of medium frequency and the rest rare; [] if there are too few."""
    medium: list[str] = []
    rare: list[str] = []
    for word in sorted(set(re.findall(r"[A-Za-z]{3,}", paragraph))):
        share = shares.get(word, 0.0)
        if word.lower() not in FUNCTION_WORDS and share < _MAX_MEDIUM_FREQUENCY:
            (rare if share < _MAX_RARE_FREQUENCY else medium).append(word)
    medium_count = rng.choice((2, 3))
    if len(medium) < medium_count or len(rare) < 5 - medium_count:
        return []
    words = rng.sample(medium, medium_count) + rng.sample(rare, 5 - medium_count)
    rng.shuffle(words)
    return words


def _make_paragraphs(rng: np.random.Generator, language: _Language) -> list[str]:
    """Return the paragraphs of one document."""
    sentence_counts = 1 + np.minimum(
        rng.poisson(_MEAN_EXTRA_SENTENCES, PASSAGES_PER_DOCUMENT), _MAX_SENTENCES - 1
    )
    lengths = rng.integers(*_SENTENCE_WORDS, size=sentence_counts.sum(), endpoint=True)
    ends = np.cumsum(lengths)
    breaks = [0, *ends[np.cumsum(sentence_counts) - 1].tolist()]
    owners = np.repeat(np.arange(PASSAGES_PER_DOCUMENT), np.diff(breaks))
    words = _spell_all(_draw_words(rng, language, owners))
    for end, length in zip(ends.tolist(), lengths.tolist(), strict=True):
        words[end - length] = words[end - length][0].upper() + words[end - length][1:]
        words[end - 1] += "."
    for index in np.flatnonzero(rng.random(len(words)) < _COMMA_SHARE).tolist():
        if words[index][-1] != ".":
            words[index] += ","
    return [" ".join(words[start:stop]) for start, stop in pairwise(breaks)]


def _draw_words(rng: np.random.Generator, language: _Language, owners: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return word numbers for a document; `owners` is the paragraph of each word, shape (words,)."""
    size = len(owners)
    topic = (np.exp(rng.random(_TOPIC_WORDS) * np.log(_VOCABULARY_SIZE / 100)) * 50).astype(np.int64)
    paragraph_words = topic[rng.integers(_TOPIC_WORDS, size=(PASSAGES_PER_DOCUMENT, _PARAGRAPH_WORDS))]
    names = language.draw(rng, _TOPIC_NAMES)
    source = rng.random(size)
    # Squared, so that the first words of a topic are its most frequent ones.
    drawn = topic[(rng.random(size) ** 2 * _TOPIC_WORDS).astype(np.int64)]
    drawn = np.where(
        source < _PARAGRAPH_SHARE, paragraph_words[owners, rng.integers(_PARAGRAPH_WORDS, size=size)], drawn
    )
    drawn = np.where(source > _PARAGRAPH_SHARE + _TOPIC_SHARE, language.draw(rng, size), drawn)
    numbers = _encode_kind(_WORD, drawn * FORMS + rng.integers(FORMS, size=size))
    kind = rng.random(size)
    is_common = kind < language.common[-1]
    numbers[is_common] = _encode_kind(_COMMON, np.searchsorted(language.common, kind[is_common]))
    is_number = kind > 1 - _NUMBER_SHARE
    numbers[is_number] = _encode_kind(_NUMBER, _draw_numbers(rng, int(is_number.sum())))
    is_name = (kind > 1 - _NUMBER_SHARE - _NAME_SHARE) & ~is_number
    name_numbers = names[(rng.random(int(is_name.sum())) ** 2 * _TOPIC_NAMES).astype(np.int64)]
    numbers[is_name] = _encode_kind(_NAME, name_numbers)
    return numbers


def _draw_numbers(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Return random numbers: half are years, most of the others are small."""
    years, others = rng.integers(1800, 2026, count), np.exp(rng.random(count) * np.log(100_000))
    return np.where(rng.integers(2, size=count), years, others.astype(np.int64))


# Kinds of words, encoded in the lowest two bits of a word number.
_COMMON, _WORD, _NAME, _NUMBER = range(4)


def _encode_kind(kind: int, numbers: NDArray[np.int64] | NDArray[np.intp]) -> NDArray[np.int64]:
    return numbers.astype(np.int64) * 4 + kind


def _spell_all(numbers: NDArray[np.int64]) -> list[str]:
    """Return the spelling of each word number."""
    distinct, which = np.unique(numbers, return_inverse=True)
    spelt = np.array([_spell(number) for number in distinct.tolist()], dtype=object)
    words: list[str] = spelt[which].tolist()
    return words


_FUNCTION_WORD_LIST = tuple(FUNCTION_WORDS)


@lru_cache(maxsize=200_000)
def _spell(number: int) -> str:
    number, kind = divmod(number, 4)
    if kind == _COMMON:
        return _FUNCTION_WORD_LIST[number]
    if kind == _NUMBER:
        return str(number)
    if kind == _NAME:
        return content_word(number, 0).capitalize()
    return content_word(*divmod(number, FORMS))
