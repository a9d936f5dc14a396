"""The second stage: how well each candidate's pieces match the question's words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.index.bm25 import K1, B
from retrieval.index.protocol import Candidates, MeaningScores
from retrieval.index.vocabulary import TokenType, Vocabulary, digest, grams
from retrieval.model import Passage
from retrieval.query.context_match import ContextMatch, match_contexts
from retrieval.query.query import Query

Array = NDArray[np.float64]
Numbers = NDArray[np.intp]

# A word is like another when it holds more than half of its grams.
ALIKE = 0.5


@dataclass(frozen=True, slots=True)
class MatchFeatures:
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
    meaning: MeaningScores | None

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


def match_features(question: Query, candidates: Candidates) -> MatchFeatures:
    """Count the question's words in the candidates; there must be at least one of either."""
    forward = candidates.forward
    forms, tokens = forward.vocabulary, forward.tokens.values
    owners = np.repeat(np.arange(len(forward.tokens)), forward.tokens.lengths)
    piece_counts = forward.pieces.lengths
    size = len(forward.piece_ends)
    rows = np.repeat(np.arange(size), forward.piece_tokens)
    of_term = {digest(term): i for i, word in enumerate(question.words) for term in word.terms}
    columns = forms.map_terms(of_term)[tokens]
    shape = (size, len(question.words))
    words = _count(rows, columns, shape)
    found, similar = _grams(question, forms, tokens, rows, size)
    frequencies = [max(candidates.frequencies.get(term, 0) for term in word.terms) for word in question.words]
    idf = inverse_document_frequency(np.array(frequencies, np.float64), candidates.size)
    weights = np.array([word.weight for word in question.words])
    idf *= weights
    kinds = forms.token_types[tokens]
    new = columns < 0
    opening = np.zeros(size, np.uint8)
    opening[rows[::-1]] = kinds[::-1]
    return MatchFeatures(
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
        years=_tally(rows, new & (kinds & TokenType.YEAR > 0), size),
        numbers=_tally(rows, new & (kinds & TokenType.NUMBER > 0), size),
        capitals=_tally(rows, new & (kinds & TokenType.CAPITAL > 0), size),
        small=(opening & TokenType.SMALL > 0).astype(np.float64),
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


def _gram_columns(question: Query) -> dict[str, int]:
    """Return a column number for each character n-gram of the question."""
    found = dict.fromkeys(gram for word in question.words for gram in grams(word.spelling))
    return {gram: i for i, gram in enumerate(found)}


def _gram_weights(question: Query) -> Array:
    """Weigh each gram as the weightiest word it is of."""
    column = _gram_columns(question)
    weights = np.zeros(len(column))
    for word in question.words:
        for gram in grams(word.spelling):
            weights[column[gram]] = max(weights[column[gram]], word.weight)
    return weights


def _grams(
    question: Query, forms: Vocabulary, tokens: NDArray[np.int32], rows: Numbers, pieces: int
) -> tuple[Array, Array]:
    """Count the question's grams by piece, and the greatest share of each question word's in one word."""
    of_word = [list(dict.fromkeys(grams(word.spelling))) for word in question.words]
    column = _gram_columns(question)
    counts, similar = np.zeros((pieces, len(column))), np.zeros((pieces, len(question.words)))
    held, owners = forms.find_grams(list(column))
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


# How many candidates are looked at for quotes. For 1 % of the questions the answer stands in none of them.
KEPT = 20
# Similarities of the encoder differ by a tenth or so: brought to the range of the other features.
MEANING_SCALE = 10.0
# Passages so near in their document are about the same things.
_NEAR = 3


def passage_features(question: Query, evidence: MatchFeatures) -> dict[str, Array]:
    """Weigh the candidates: their words and grams, names, headings, titles, and meaning."""
    ideal = _positive(evidence.idf.sum())
    found, lengths = evidence.total(evidence.grams), evidence.total(evidence.lengths)
    gram_idf = gram_weights(evidence)
    pair_idf = np.append(evidence.idf[:-1] + evidence.idf[1:], 0)
    named = evidence.content * [word.named for word in question.words]
    likeness = evidence.greatest(evidence.likeness)
    # A name that only the title or a heading holds is not lost.
    known = np.maximum(likeness, np.maximum(evidence.context.heading, evidence.context.title))
    return {
        "stems": bm25(evidence.total(evidence.words), evidence.idf, lengths) / ideal,
        "grams": bm25(found, gram_idf, lengths) / _positive(gram_idf.sum()),
        "piece": evidence.greatest(bm25(evidence.words, evidence.idf, evidence.lengths)) / ideal,
        "pairs": bm25(evidence.total(evidence.pairs), pair_idf, lengths) / _positive(pair_idf.sum()),
        "names": likeness @ named / _positive(named.sum()),
        "lost_names": (known <= ALIKE) @ named / _positive(evidence.content.sum()),
        "heading": evidence.context.heading @ evidence.content / _positive(evidence.content.sum()),
        "title": evidence.context.title @ evidence.content / _positive(evidence.content.sum()),
        "faq": evidence.context.faq,
        "meaning": _meaning(evidence),
    }


def _meaning(evidence: MatchFeatures) -> Array:
    if evidence.meaning is None:
        return np.zeros(len(evidence.first))
    return np.asarray(evidence.meaning.wholes * MEANING_SCALE, np.float64)


def gram_weights(evidence: MatchFeatures) -> Array:
    """Weigh the question's grams by how rare they are among the candidates."""
    frequency = (evidence.total(evidence.grams) > 0).sum(axis=0)
    weights: Array = inverse_document_frequency(frequency, len(evidence.first)) * evidence.gram_weights
    return weights


def keep(features: dict[str, Array]) -> Numbers:
    """Choose the candidates to look for quotes in, best first."""
    total = features["stems"] + features["grams"] + 0.5 * features["piece"] + 0.25 * features["pairs"]
    total = (
        total + features["heading"] + features["faq"] + 0.5 * features["title"] + 2.0 * features["meaning"]
    )
    return np.argsort(-total, kind="stable")[:KEPT]


def likeness_nearby(evidence: MatchFeatures, passages: Sequence[Passage], kept: Numbers) -> Array:
    """Return for each kept candidate the greatest likeness of each word in its neighbouring candidates."""
    likeness = evidence.greatest(evidence.likeness)
    nearby = np.zeros((len(kept), likeness.shape[1]))
    documents = by_document(passages)
    for row, passage in enumerate(passages[ordinal] for ordinal in kept):
        near = [
            other
            for other in documents[passage.document]
            if abs(passages[other].paragraph - passage.paragraph) <= _NEAR
        ]
        nearby[row] = likeness[near].max(axis=0)
    return nearby


def by_document(passages: Sequence[Passage]) -> dict[str, list[int]]:
    """Group the candidates by their documents."""
    ordinals: dict[str, list[int]] = {}
    for ordinal, passage in enumerate(passages):
        ordinals.setdefault(passage.document, []).append(ordinal)
    return ordinals


def bm25(counts: Array, idf: Array, lengths: Array) -> Array:
    """Score rows of term counts, by the same formula as the first stage, over these rows alone."""
    norm = K1 * (1 - B + B * lengths / max(lengths.mean(), 1))
    scores: Array = (counts * (K1 + 1) / (counts + norm[:, None])) @ idf
    return scores


def _positive(total: float) -> float:
    return max(float(total), 1e-9)
