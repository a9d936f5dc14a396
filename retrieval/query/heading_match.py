"""How the words of a query match the headings, titles and file names of candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from retrieval.index.heading_fields import name_words
from retrieval.index.tokenizer import tokenize
from retrieval.model.document import Passage
from retrieval.query.query import Query


@dataclass(frozen=True, slots=True)
class HeadingMatch:
    """Which words of a query occur in the heading fields of candidates.

    `heading` and `title` have shape (candidates, words) and are 1 where the word occurs, else 0: `heading` in
    the nearest heading (the title, if there is none), `title` in the title, the headings above and the name.
    `faq` has shape (candidates,): how close the nearest heading is to the question itself, function words
    included, from 0 to 1 for the same words.
    """

    heading: NDArray[np.float64]
    title: NDArray[np.float64]
    faq: NDArray[np.float64]


def match_headings(query: Query, passages: Sequence[Passage], idf: NDArray[np.float64]) -> HeadingMatch:
    """Match the words of a query to the heading fields of passages; `idf` has a weight for each word."""
    heading = np.zeros((len(passages), len(query.words)))
    title = np.zeros_like(heading)
    faq = np.zeros(len(passages))
    columns_by_term: dict[str, list[int]] = {}
    for column, word in enumerate(query.words):
        for term in word.terms:
            columns_by_term.setdefault(term, []).append(column)
    query_terms, total_idf = frozenset(columns_by_term), max(float(idf.sum()), 1e-9)
    # Candidates of one section have the same heading fields.
    matches: dict[tuple[str, str, tuple[str, ...]], tuple[list[int], list[int], float]] = {}
    for row, passage in enumerate(passages):
        key = passage.language, passage.document, passage.heading
        if key not in matches:
            nearest = _terms(passage.heading[-1] if passage.heading else passage.title, passage.language)
            shared = query_terms & nearest
            in_heading = _columns(shared, columns_by_term)
            further = (name_words(passage.document), passage.title, *passage.heading[:-1])
            further_terms = (query_terms & _terms(text, passage.language) for text in further)
            in_title = _columns(frozenset[str]().union(*further_terms), columns_by_term)
            similarity = (
                float(idf[in_heading].sum()) / total_idf * len(shared) / len(nearest) if in_heading else 0.0
            )
            matches[key] = in_heading, in_title, similarity
        in_heading, in_title, faq[row] = matches[key]
        heading[row, in_heading] = 1
        title[row, in_title] = 1
    return HeadingMatch(heading, title, faq)


def _columns(terms: frozenset[str], columns_by_term: Mapping[str, Sequence[int]]) -> list[int]:
    """Return the columns of the words that have any of the terms, in order, each once."""
    return sorted({column for term in terms for column in columns_by_term[term]})


@lru_cache(maxsize=8_192)
def _terms(text: str, language: str) -> frozenset[str]:
    return frozenset(token.term for token in tokenize(text, language))
