"""The heading fields of a passage (file name, title and headings), and how the words of a query match them.

They are searched apart from the text: a heading is often the question itself, and a question often names
its document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import regex
from numpy.typing import NDArray

from retrieval.index import forward_index
from retrieval.index.arrays import RaggedArray
from retrieval.index.tokenizer import tokenize
from retrieval.index.vocabulary import Vocabulary
from retrieval.model import Passage

# Passages that match by their heading fields and are added to the candidates.
MAX_HEADING_CANDIDATES = 16
# Context postings read for a question, unless its rarest term alone has more.
_MAX_POSTINGS = 50_000
_SEPARATORS = regex.compile(r"[/_\-+.]+|(?<=\p{Ll})(?=\p{Lu})|(?<=\p{L})(?=\p{N})|(?<=\p{N})(?=\p{L})")


@lru_cache(maxsize=4_096)
def name_words(name: str) -> str:
    """Return the words of a file's path without its extension.

    `hr/AnnualReport2019.pdf` gives `hr Annual Report 2019`.
    """
    stem, dot, _ = name.rpartition(".")
    return " ".join(_SEPARATORS.sub(" ", stem if dot else name).split())


def heading_text(passage: Passage) -> str:
    """Return the file name, the title and the headings of a passage, one per line."""
    return "\n".join((name_words(passage.document), passage.title, *passage.heading))


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
        own = {text: number for (other, text), number in numbers.items() if other == language}
        tokenized = forward_index.tokenize_all(list(own), language)
        for row, number in enumerate(own.values()):
            rows[number] = (tokenized.tokens.row(row) + first).tolist()
        parts.append(tokenized.vocabulary)
        first += len(tokenized.vocabulary)
    return Vocabulary.join(parts), RaggedArray.from_rows([rows[number] for number in fields])


def rarest_terms(counts: Sequence[int]) -> list[int]:
    """Return the indexes of the terms to search heading fields for, rarest first.

    `counts` is how many passages have each term in their heading fields. Rare terms discriminate best; a
    term in the heading fields of nearly all passages hardly does.
    """
    chosen: list[int] = []
    total = 0
    for count, ordinal in sorted((count, ordinal) for ordinal, count in enumerate(counts) if count):
        if chosen and total + count > _MAX_POSTINGS:
            break
        chosen.append(ordinal)
        total += count
    return chosen


def heading_weight(count: int, size: int) -> float:
    """Return the weight of a term that is in the heading fields of `count` of `size` passages."""
    return float(np.log((size + 1) / count))


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


def match_headings(
    words: Sequence[Sequence[str]], passages: Sequence[Passage], idf: NDArray[np.float64]
) -> HeadingMatch:
    """Match the words of a query, each given by its terms, to the heading fields; `idf` has their weights."""
    heading = np.zeros((len(passages), len(words)))
    title = np.zeros_like(heading)
    faq = np.zeros(len(passages))
    columns_by_term: dict[str, list[int]] = {}
    for column, word in enumerate(words):
        for term in word:
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
