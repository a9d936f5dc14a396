"""How the words of a query match the headings, titles and file names of candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from retrieval.index.context_fields import name_words
from retrieval.index.tokenizer import tokenize
from retrieval.model import Passage
from retrieval.query.query import Query


@dataclass(frozen=True, slots=True)
class ContextMatch:
    """How the question's words (second axis) occur in the contexts of candidates (first axis).

    `heading` is of the nearest heading, `title` of the title, the headings above and the file's name. `faq`
    is how nearly a heading is the question itself, function words and all: 1 for the same words.
    """

    heading: NDArray[np.float64]
    title: NDArray[np.float64]
    faq: NDArray[np.float64]


def match_contexts(question: Query, passages: Sequence[Passage], idf: NDArray[np.float64]) -> ContextMatch:
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
