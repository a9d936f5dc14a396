"""What stands around a passage and says what it is about: its file's name, its title and its headings.

These are searched as a field of their own: a heading is often the question itself, and a question often names
its document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import regex
from numpy.typing import NDArray

from retrieval.model import Passage
from retrieval.ranking import chunks
from retrieval.ranking.analysis import tokenize
from retrieval.ranking.forms import Forms
from retrieval.ranking.question import Question
from retrieval.ranking.rows import Rows

# So many passages are added to the candidates for their contexts.
CONTEXTS = 16
# So many postings are gone through for that.
_MOST_POSTINGS = 50_000
_SEPARATORS = regex.compile(r"[/_\-+.]+|(?<=\p{Ll})(?=\p{Lu})|(?<=\p{L})(?=\p{N})|(?<=\p{N})(?=\p{L})")


@lru_cache(maxsize=4_096)
def name_words(name: str) -> str:
    """Return the words of a file's path without its ending.

    `hr/AnnualReport2019.pdf` is `hr Annual Report 2019`.
    """
    stem, dot, _ = name.rpartition(".")
    return " ".join(_SEPARATORS.sub(" ", stem if dot else name).split())


def context_text(passage: Passage) -> str:
    """Return the file's name, the title and the headings of a passage, one below the other."""
    return "\n".join((name_words(passage.document), passage.title, *passage.heading))


def context_tokens(passages: Sequence[Passage]) -> tuple[Forms, Rows]:
    """Return the forms that occur in the contexts of passages, and a row of them a passage."""
    numbers: dict[tuple[str, str], int] = {}
    which = [numbers.setdefault((one.language, context_text(one)), len(numbers)) for one in passages]
    rows: list[list[int]] = [[] for _ in numbers]
    parts: list[Forms] = []
    first = 0
    for language in dict.fromkeys(language for language, _ in numbers):
        own = {text: number for (other, text), number in numbers.items() if other == language}
        found = chunks.find(list(own), language)
        for row, number in enumerate(own.values()):
            rows[number] = (found.tokens.row(row) + first).tolist()
        parts.append(found.forms)
        first += len(found.forms)
    return Forms.join(parts), Rows.of([rows[number] for number in which])


def rarest(counts: Sequence[int]) -> list[int]:
    """Return the ordinals of the terms that contexts are searched for, the rarest first.

    `counts` tells in how many contexts each is. The rarest say most; what stands over nearly all passages
    tells none apart.
    """
    chosen: list[int] = []
    total = 0
    for count, ordinal in sorted((count, ordinal) for ordinal, count in enumerate(counts) if count):
        if chosen and total + count > _MOST_POSTINGS:
            break
        chosen.append(ordinal)
        total += count
    return chosen


def context_weight(count: int, size: int) -> float:
    """Return what a term weighs that is in the contexts of `count` of `size` passages."""
    return float(np.log((size + 1) / count))


@dataclass(frozen=True, slots=True)
class ContextMatch:
    """How the question's words (second axis) occur in the contexts of candidates (first axis).

    `heading` is of the nearest heading, `title` of the title, the headings above and the file's name. `faq`
    is how nearly a heading is the question itself, function words and all: 1 for the same words.
    """

    heading: NDArray[np.float64]
    title: NDArray[np.float64]
    faq: NDArray[np.float64]


def match_contexts(question: Question, passages: Sequence[Passage], idf: NDArray[np.float64]) -> ContextMatch:
    """Match the question's words, whose inverse document frequencies are `idf`, to the passages' contexts."""
    heading = np.zeros((len(passages), len(question.words)))
    title = np.zeros_like(heading)
    faq = np.zeros(len(passages))
    words: dict[str, list[int]] = {}
    for number, word in enumerate(question.words):
        for term in word.terms:
            words.setdefault(term, []).append(number)
    asked, total = frozenset(words), max(float(idf.sum()), 1e-9)
    # Candidates of one section have the same context.
    of_context: dict[tuple[str, str, tuple[str, ...]], tuple[list[int], list[int], float]] = {}
    for row, passage in enumerate(passages):
        key = passage.language, passage.document, passage.heading
        if key not in of_context:
            nearest = _terms(passage.heading[-1] if passage.heading else passage.title, passage.language)
            above = (name_words(passage.document), passage.title, *passage.heading[:-1])
            shared = asked & nearest
            held = _numbers(shared, words)
            further = frozenset[str]().union(*(asked & _terms(text, passage.language) for text in above))
            likeness = float(idf[held].sum()) / total * len(shared) / len(nearest) if held else 0.0
            of_context[key] = held, _numbers(further, words), likeness
        held, named, faq[row] = of_context[key]
        heading[row, held] = 1
        title[row, named] = 1
    return ContextMatch(heading, title, faq)


def _numbers(terms: frozenset[str], words: Mapping[str, Sequence[int]]) -> list[int]:
    """Return the numbers of the words that have any of the terms, each once."""
    return sorted({number for term in terms for number in words[term]})


@lru_cache(maxsize=8_192)
def _terms(text: str, language: str) -> frozenset[str]:
    return frozenset(token.term for token in tokenize(text, language))
