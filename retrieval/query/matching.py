"""The second stage: how well the candidates match the question, as wholes and piece by piece.

Everything that ranking passages and selecting quotes need is counted here once, in a few array operations.
Each feature is a share of what the question could reach (0 to 1, or little more), so it means the same for
short and long questions and in small and large libraries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from retrieval.embeddings.vector_store import lower_half_mean
from retrieval.index.candidates import Candidates, MeaningScores
from retrieval.index.inverted_index import K1, B, TokenType, Vocabulary, digest, grams
from retrieval.language import name_words, tokenize
from retrieval.model import Passage
from retrieval.query.query import Query

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# A word is similar to a word of the question if it has more than this share of its grams.
MIN_GRAM_SHARE = 0.5
# Number of candidates searched for quotes. For 1 % of the questions the answer is in none of them.
SHORTLIST_SIZE = 20
# Similarities of the encoder differ by about 0.1. This brings them to the range of the other features.
MEANING_SCALE = 10.0
# The usual baseline of token similarities: the mean over 193 questions (0.49 to 0.53 in nine languages), with
# a standard deviation of 0.03.
_USUAL_TOKEN_BASELINE = 0.505
# The least similar third of the question's tokens: a divisor of their number.
_WEAKEST_TOKENS_DIVISOR = 3
# The number of passages that the gap after the most similar one is measured to.
_GAP_PASSAGES = 3
# Passages this close in their document are about the same subject.
_MAX_PARAGRAPHS_APART = 3


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


@dataclass(frozen=True, slots=True)
class QueryMatches:
    """The matches of a query in the pieces of the candidates, in candidate order: counts, not features yet.

    Of shape (pieces,): `owners` are the ordinals of the pieces' candidates, `starts` and `ends` their spans
    in their passages, `lengths` their numbers of tokens. `years`, `numbers` and `capitals` count tokens that
    are not in the query. `starts_lowercase` is 1 if the first token is in lower case, as in the middle of a
    sentence. `first_pieces`, of shape (candidates,), is the first piece of each candidate.

    Of shape (pieces, query words): `words` counts words by term, `pairs` those directly before the next word
    of the query. `similarity` is 1 for a word that occurs, else the largest share of its grams in one other
    word, or 0 up to MIN_GRAM_SHARE. `grams`, of shape (pieces, query grams), counts character grams.

    Of shape (query words,): `idf` is inverse document frequency times the word's weight, `content_idf` the
    same for content words and 0 for others. `gram_weights`, of shape (query grams,), is below 1 for grams
    that only an earlier question has.

    `meaning` is None if vectors are not compared.
    """

    owners: IntArray
    first_pieces: IntArray
    starts: IntArray
    ends: IntArray
    lengths: FloatArray
    words: FloatArray
    pairs: FloatArray
    grams: FloatArray
    similarity: FloatArray
    idf: FloatArray
    content_idf: FloatArray
    gram_weights: FloatArray
    years: FloatArray
    numbers: FloatArray
    capitals: FloatArray
    starts_lowercase: FloatArray
    headings: HeadingMatch
    meaning: MeaningScores | None

    def sum_by_candidate(self, values: FloatArray) -> FloatArray:
        """Return the sums over the pieces of each candidate."""
        return np.add.reduceat(values, self.first_pieces, axis=0)

    def max_by_candidate(self, values: FloatArray) -> FloatArray:
        """Return the maxima over the pieces of each candidate."""
        return np.maximum.reduceat(values, self.first_pieces, axis=0)


def inverse_document_frequency(frequency: FloatArray, size: int) -> FloatArray:
    """Return the weights of terms as in rank_bm25.BM25Plus; a frequency of 0 counts as 0.5."""
    weights: FloatArray = np.log((size + 1) / np.maximum(frequency, 0.5))
    return weights


def match_candidates(query: Query, candidates: Candidates) -> QueryMatches:
    """Match a query to candidates. There must be at least one word and one candidate."""
    forward = candidates.forward
    forms, tokens = forward.vocabulary, forward.tokens.values
    owners = np.repeat(np.arange(len(forward.tokens)), forward.tokens.lengths)
    piece_counts = forward.pieces.lengths
    piece_count = len(forward.piece_ends)
    rows = np.repeat(np.arange(piece_count), forward.piece_tokens)
    columns_by_term = {digest(term): column for column, word in enumerate(query.words) for term in word.terms}
    columns = forms.map_terms(columns_by_term)[tokens]
    shape = (piece_count, len(query.words))
    words = _count_words(rows, columns, shape)
    gram_counts, gram_shares = _match_grams(query, forms, tokens, rows, piece_count)
    frequencies = [
        max(candidates.document_frequencies.get(term, 0) for term in word.terms) for word in query.words
    ]
    idf = inverse_document_frequency(np.array(frequencies, np.float64), candidates.size)
    idf *= np.array([word.weight for word in query.words])
    types = forms.token_types[tokens]
    is_new = columns < 0
    first_types = np.zeros(piece_count, np.uint8)
    first_types[rows[::-1]] = types[::-1]
    return QueryMatches(
        owners=np.repeat(np.arange(len(piece_counts)), piece_counts),
        first_pieces=np.cumsum(piece_counts) - piece_counts,
        starts=forward.pieces.values.astype(np.intp),
        ends=forward.piece_ends.astype(np.intp),
        lengths=forward.piece_tokens.astype(np.float64),
        words=words,
        pairs=_count_pairs(rows, owners, columns, shape),
        grams=gram_counts,
        similarity=np.maximum(np.minimum(words, 1), np.where(gram_shares > MIN_GRAM_SHARE, gram_shares, 0)),
        idf=idf,
        content_idf=idf * np.array([word.is_content for word in query.words], np.float64),
        gram_weights=_gram_weights(query),
        years=_count_by_piece(rows, is_new & (types & TokenType.YEAR > 0), piece_count),
        numbers=_count_by_piece(rows, is_new & (types & TokenType.NUMBER > 0), piece_count),
        capitals=_count_by_piece(rows, is_new & (types & TokenType.CAPITAL > 0), piece_count),
        starts_lowercase=(first_types & TokenType.SMALL > 0).astype(np.float64),
        headings=match_headings([word.terms for word in query.words], candidates.passages, idf),
        meaning=candidates.meaning,
    )


def _count_by_piece(rows: IntArray, is_counted: NDArray[np.bool_], piece_count: int) -> FloatArray:
    """Return the number of counted tokens of each piece; `rows` has the piece of each token."""
    return np.bincount(rows[is_counted], minlength=piece_count).astype(np.float64)


def _count_words(rows: IntArray, columns: IntArray, shape: tuple[int, int]) -> FloatArray:
    """Return how often each pair of row and column occurs; -1 is not a column."""
    is_word = columns >= 0
    counts = np.bincount(rows[is_word] * shape[1] + columns[is_word], minlength=shape[0] * shape[1])
    return counts.reshape(shape).astype(np.float64)


def _count_pairs(rows: IntArray, owners: IntArray, columns: IntArray, shape: tuple[int, int]) -> FloatArray:
    """Count adjacent tokens that are adjacent words of the query, in the row and column of the first."""
    left, right = columns[:-1], columns[1:]
    is_pair = (left >= 0) & (right == left + 1) & (owners[:-1] == owners[1:])
    return _count_words(rows[:-1], np.where(is_pair, left, -1), shape)


def _gram_columns(query: Query) -> dict[str, int]:
    """Return a column for each character gram of the query."""
    distinct = dict.fromkeys(gram for word in query.words for gram in grams(word.spelling))
    return {gram: column for column, gram in enumerate(distinct)}


def _gram_weights(query: Query) -> FloatArray:
    """Return for each gram the largest weight of the words that have it."""
    columns = _gram_columns(query)
    weights = np.zeros(len(columns))
    for word in query.words:
        for gram in grams(word.spelling):
            weights[columns[gram]] = max(weights[columns[gram]], word.weight)
    return weights


def _match_grams(
    query: Query, forms: Vocabulary, tokens: NDArray[np.int32], rows: IntArray, piece_count: int
) -> tuple[FloatArray, FloatArray]:
    """Return the gram counts of each piece, and for each query word the largest share of its grams in a word.

    The shapes are (pieces, query grams) and (pieces, query words).
    """
    grams_by_word = [list(dict.fromkeys(grams(word.spelling))) for word in query.words]
    columns = _gram_columns(query)
    counts, shares = np.zeros((piece_count, len(columns))), np.zeros((piece_count, len(query.words)))
    matched_grams, matched_forms = forms.find_grams(list(columns))
    similar_forms, similar_rows = np.unique(matched_forms, return_inverse=True)
    if not len(similar_forms):
        return counts, shares
    form_grams = np.zeros((len(similar_forms), len(columns)))
    form_grams[similar_rows, matched_grams] = 1
    form_shares = np.stack(
        [form_grams[:, [columns[gram] for gram in word_grams]].mean(axis=1) for word_grams in grams_by_word],
        axis=1,
    )
    row_by_form = np.full(len(forms), -1, np.intp)
    row_by_form[similar_forms] = np.arange(len(similar_forms))
    token_rows = row_by_form[tokens]
    similar_tokens = np.flatnonzero(token_rows >= 0)
    # The similar tokens of a piece are adjacent: reduce from the first of each piece to that of the next.
    first = np.flatnonzero(np.diff(rows[similar_tokens], prepend=-1))
    pieces = rows[similar_tokens][first]
    counts[pieces] = np.add.reduceat(form_grams[token_rows[similar_tokens]], first, axis=0)
    shares[pieces] = np.maximum.reduceat(form_shares[token_rows[similar_tokens]], first, axis=0)
    return counts, shares


def passage_features(query: Query, matches: QueryMatches) -> dict[str, FloatArray]:
    """Return the features of the candidates, each of shape (candidates,)."""
    max_score = _nonzero(matches.idf.sum())
    lengths = matches.sum_by_candidate(matches.lengths)
    gram_counts, idf_by_gram = matches.sum_by_candidate(matches.grams), gram_idf(matches)
    pair_idf = np.append(matches.idf[:-1] + matches.idf[1:], 0)
    max_content = _nonzero(matches.content_idf.sum())
    name_idf = matches.content_idf * [word.is_name for word in query.words]
    similarity = matches.max_by_candidate(matches.similarity)
    # A name that only the title or a heading has is not missing.
    in_headings = np.maximum(similarity, np.maximum(matches.headings.heading, matches.headings.title))
    return {
        "terms": bm25(matches.sum_by_candidate(matches.words), matches.idf, lengths) / max_score,
        "grams": bm25(gram_counts, idf_by_gram, lengths) / _nonzero(idf_by_gram.sum()),
        "best_piece": matches.max_by_candidate(bm25(matches.words, matches.idf, matches.lengths)) / max_score,
        "pairs": bm25(matches.sum_by_candidate(matches.pairs), pair_idf, lengths) / _nonzero(pair_idf.sum()),
        "names": similarity @ name_idf / _nonzero(name_idf.sum()),
        "missing_names": (in_headings <= MIN_GRAM_SHARE) @ name_idf / max_content,
        "heading": matches.headings.heading @ matches.content_idf / max_content,
        "title": matches.headings.title @ matches.content_idf / max_content,
        "faq": matches.headings.faq,
        "meaning": _meaning_feature(matches),
    }


def _meaning_feature(matches: QueryMatches) -> FloatArray:
    if matches.meaning is None:
        return np.zeros(len(matches.first_pieces))
    return np.asarray(matches.meaning.wholes * MEANING_SCALE, np.float64)


def token_features(matches: QueryMatches, shortlisted: IntArray) -> dict[str, FloatArray] | None:
    """Return the features of comparing shortlisted candidates with the question token by token.

    Each is of shape (candidates,). `token_meaning` is the mean over the question's tokens, relative to that
    of the less similar half of the candidates. `weakest_tokens` is the mean over the third of the tokens that
    the candidate has least of: a passage about the subject that does not say what was asked lacks some. Both
    are 0 for candidates that are not shortlisted. `token_gap` is the same for all: how much more similar the
    most similar candidate is than the three after it. The usual baseline is used for the passages that a
    small library lacks: the only passage of a library would be as similar as its own baseline. None if tokens
    are not compared.
    """
    meaning = matches.meaning
    if meaning is None or meaning.compare_tokens is None:
        return None
    by_token = meaning.compare_tokens(shortlisted)
    if by_token is None:
        return None
    similarity = by_token.mean(axis=0)
    weakest = np.zeros(len(matches.first_pieces))
    lowest = np.sort(by_token, axis=0)[: max(len(by_token) // _WEAKEST_TOKENS_DIVISOR, 1)]
    weakest[shortlisted] = lowest.mean(axis=0) * MEANING_SCALE
    relative = np.zeros(len(matches.first_pieces))
    lacking = SHORTLIST_SIZE - len(shortlisted)
    total = len(shortlisted) * lower_half_mean(similarity) + lacking * _USUAL_TOKEN_BASELINE
    relative[shortlisted] = (similarity - total / SHORTLIST_SIZE) * MEANING_SCALE
    ranked = np.sort(np.append(similarity, np.full(max(lacking, 0), _USUAL_TOKEN_BASELINE)))[::-1]
    gap = (ranked[0] - ranked[1 : 1 + _GAP_PASSAGES].mean()) * MEANING_SCALE
    return {
        "token_meaning": relative,
        "token_gap": np.full(len(relative), gap),
        "weakest_tokens": weakest,
    }


def gram_idf(matches: QueryMatches) -> FloatArray:
    """Return the weights of the query's grams, by how rare they are among the candidates."""
    frequency = (matches.sum_by_candidate(matches.grams) > 0).sum(axis=0)
    weights: FloatArray = (
        inverse_document_frequency(frequency, len(matches.first_pieces)) * matches.gram_weights
    )
    return weights


def shortlist(features: dict[str, FloatArray]) -> IntArray:
    """Return the ordinals of the candidates to look for quotes in, best first."""
    total = features["terms"] + features["grams"] + 0.5 * features["best_piece"] + 0.25 * features["pairs"]
    total = (
        total + features["heading"] + features["faq"] + 0.5 * features["title"] + 2.0 * features["meaning"]
    )
    return np.argsort(-total, kind="stable")[:SHORTLIST_SIZE]


def nearby_similarity(
    matches: QueryMatches, passages: Sequence[Passage], shortlisted: IntArray
) -> FloatArray:
    """Return the largest similarity of each word in the candidates close to each shortlisted one."""
    similarity = matches.max_by_candidate(matches.similarity)
    nearby = np.zeros((len(shortlisted), similarity.shape[1]))
    documents = _group_by_document(passages)
    for row, passage in enumerate(passages[ordinal] for ordinal in shortlisted):
        close = [
            other
            for other in documents[passage.document_name]
            if abs(passages[other].paragraph - passage.paragraph) <= _MAX_PARAGRAPHS_APART
        ]
        nearby[row] = similarity[close].max(axis=0)
    return nearby


def _group_by_document(passages: Sequence[Passage]) -> dict[str, list[int]]:
    """Return the ordinals of the passages of each document."""
    ordinals: dict[str, list[int]] = {}
    for ordinal, passage in enumerate(passages):
        ordinals.setdefault(passage.document_name, []).append(ordinal)
    return ordinals


def bm25(counts: FloatArray, idf: FloatArray, lengths: FloatArray) -> FloatArray:
    """Return the BM25 scores of rows of term counts, as in the first stage but normalised over these rows."""
    norm = K1 * (1 - B + B * lengths / max(lengths.mean(), 1))
    scores: FloatArray = (counts * (K1 + 1) / (counts + norm[:, None])) @ idf
    return scores


def _nonzero(total: float) -> float:
    """Return a total of weights to divide by, or a very small number instead of 0."""
    return max(float(total), 1e-9)


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
        key = passage.language, passage.document_name, passage.heading
        if key not in matches:
            nearest = _terms(passage.heading[-1] if passage.heading else passage.title, passage.language)
            shared = query_terms & nearest
            in_heading = _columns(shared, columns_by_term)
            further = (name_words(passage.document_name), passage.title, *passage.heading[:-1])
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
