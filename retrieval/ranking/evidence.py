"""How often each word of the question, or a word like it, stands in each piece of the candidates.

Everything the second stage and the quote weigh is counted here, once, in a few array operations.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.ranking.context import ContextMatch, match_contexts
from retrieval.ranking.forms import Forms, digest, grams
from retrieval.ranking.index import Candidates, Meaning
from retrieval.ranking.kinds import Kind
from retrieval.ranking.question import Question

Array = NDArray[np.float64]
Numbers = NDArray[np.intp]

# A word is like another when it holds more than half of its grams.
ALIKE = 0.5


@dataclass(frozen=True, slots=True)
class Evidence:
    """Counts by piece (first axis) of the candidates, in candidate order.

    `owners` names each piece's candidate by ordinal and `first` each candidate's first piece; `starts` and
    `ends` are the pieces' spans in their passages, `lengths` their tokens.

    `words` counts the question's words (second axis) by term, `pairs` those that stand before the question's
    next word, `grams` the question's character grams; `likeness` is 1 for a word that is there, else the
    greatest share of its grams in one other word, if over a half. `idf` weighs the words, `content` is the
    same for content words and 0 for the others; `weights` and `gram_weights` are below 1 for what only an
    earlier question says.

    `context` tells where the question's words stand in headings, titles and file names, by candidate.
    `meaning` compares candidates with the question in meaning: None where that is not done.

    `years`, `numbers` and `capitals` count tokens that the question has not; `small` tells whether the piece
    opens with a small letter, in the middle of a sentence.
    """

    owners: Numbers
    first: Numbers
    starts: Numbers
    ends: Numbers
    lengths: Array
    words: Array
    pairs: Array
    grams: Array
    likeness: Array
    idf: Array
    content: Array
    weights: Array
    gram_weights: Array
    years: Array
    numbers: Array
    capitals: Array
    small: Array
    context: ContextMatch
    meaning: Meaning | None

    def total(self, counts: Array) -> Array:
        """Add up the pieces of each candidate."""
        return np.add.reduceat(counts, self.first, axis=0)

    def greatest(self, counts: Array) -> Array:
        """Take the greatest of the pieces of each candidate."""
        return np.maximum.reduceat(counts, self.first, axis=0)


def inverse_document_frequency(frequency: Array, size: int) -> Array:
    """Weigh terms as rank_bm25.BM25Plus does; a term found nowhere weighs as if half a passage held it."""
    weights: Array = np.log((size + 1) / np.maximum(frequency, 0.5))
    return weights


def gather(question: Question, candidates: Candidates) -> Evidence:
    """Count the question's words in the candidates; there must be at least one of either."""
    forward = candidates.forward
    forms, tokens = forward.forms, forward.tokens.values
    owners = np.repeat(np.arange(len(forward.tokens)), forward.tokens.lengths)
    piece_counts = forward.pieces.lengths
    size = len(forward.piece_ends)
    rows = np.repeat(np.arange(size), forward.piece_tokens)
    of_term = {digest(term): i for i, word in enumerate(question.words) for term in word.terms}
    columns = forms.rows_of(of_term)[tokens]
    shape = (size, len(question.words))
    words = _count(rows, columns, shape)
    found, similar = _grams(question, forms, tokens, rows, size)
    frequencies = [max(candidates.frequencies.get(term, 0) for term in word.terms) for word in question.words]
    idf = inverse_document_frequency(np.array(frequencies, np.float64), candidates.size)
    weights = np.array([word.weight for word in question.words])
    idf *= weights
    kinds = forms.kinds[tokens]
    new = columns < 0
    opening = np.zeros(size, np.uint8)
    opening[rows[::-1]] = kinds[::-1]
    return Evidence(
        owners=np.repeat(np.arange(len(piece_counts)), piece_counts),
        first=np.cumsum(piece_counts) - piece_counts,
        starts=forward.pieces.values.astype(np.intp),
        ends=forward.piece_ends.astype(np.intp),
        lengths=forward.piece_tokens.astype(np.float64),
        words=words,
        pairs=_pairs(rows, owners, columns, shape),
        grams=found,
        likeness=np.maximum(np.minimum(words, 1), np.where(similar > ALIKE, similar, 0)),
        idf=idf,
        content=idf * np.array([word.content for word in question.words], np.float64),
        weights=weights,
        gram_weights=_gram_weights(question),
        years=_tally(rows, new & (kinds & Kind.YEAR > 0), size),
        numbers=_tally(rows, new & (kinds & Kind.NUMBER > 0), size),
        capitals=_tally(rows, new & (kinds & Kind.CAPITAL > 0), size),
        small=(opening & Kind.SMALL > 0).astype(np.float64),
        context=match_contexts(question, candidates.passages, idf),
        meaning=candidates.meaning,
    )


def _tally(rows: Numbers, hit: NDArray[np.bool_], size: int) -> Array:
    return np.bincount(rows[hit], minlength=size).astype(np.float64)


def _count(rows: Numbers, columns: Numbers, shape: tuple[int, int]) -> Array:
    hit = columns >= 0
    flat = np.bincount(rows[hit] * shape[1] + columns[hit], minlength=shape[0] * shape[1])
    return flat.reshape(shape).astype(np.float64)


def _pairs(rows: Numbers, owners: Numbers, columns: Numbers, shape: tuple[int, int]) -> Array:
    """Count neighbouring tokens that are neighbouring words of the question, by the first of the two."""
    left, right = columns[:-1], columns[1:]
    beside = (left >= 0) & (right == left + 1) & (owners[:-1] == owners[1:])
    return _count(rows[:-1], np.where(beside, left, -1), shape)


def _gram_columns(question: Question) -> dict[str, int]:
    """Give each of the question's grams a column."""
    found = dict.fromkeys(gram for word in question.words for gram in grams(word.spelling))
    return {gram: i for i, gram in enumerate(found)}


def _gram_weights(question: Question) -> Array:
    """Weigh each gram as the weightiest word it is of."""
    column = _gram_columns(question)
    weights = np.zeros(len(column))
    for word in question.words:
        for gram in grams(word.spelling):
            weights[column[gram]] = max(weights[column[gram]], word.weight)
    return weights


def _grams(
    question: Question, forms: Forms, tokens: NDArray[np.int32], rows: Numbers, pieces: int
) -> tuple[Array, Array]:
    """Count the question's grams by piece, and the greatest share of each question word's in one word."""
    of_word = [list(dict.fromkeys(grams(word.spelling))) for word in question.words]
    column = _gram_columns(question)
    counts, similar = np.zeros((pieces, len(column))), np.zeros((pieces, len(question.words)))
    held, owners = forms.holding(list(column))
    holders, inverse = np.unique(owners, return_inverse=True)
    if not len(holders):
        return counts, similar
    has = np.zeros((len(holders), len(column)))
    has[inverse, held] = 1
    share = np.stack([has[:, [column[g] for g in found]].mean(axis=1) for found in of_word], axis=1)
    table = np.zeros(len(forms), np.intp)
    table[holders] = np.arange(1, len(holders) + 1)
    rank = table[tokens] - 1
    hit = np.flatnonzero(rank >= 0)
    begins = np.flatnonzero(np.diff(rows[hit], prepend=-1))
    at = rows[hit][begins]
    counts[at] = np.add.reduceat(has[rank[hit]], begins, axis=0)
    similar[at] = np.maximum.reduceat(share[rank[hit]], begins, axis=0)
    return counts, similar
